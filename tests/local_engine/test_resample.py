import numpy as np
import pytest

from local_engine.resample import StreamResampler, resample
from tests.support.audio import dominant_tone, level_dbfs, tone


@pytest.mark.parametrize("target", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("frequency", [300, 1000, 3400])
def test_a_tone_keeps_pitch_and_level(target: int, frequency: float) -> None:
    result = resample(tone(frequency, 1000, rate=22050), 22050, target)
    assert len(result) == target
    heard, level = dominant_tone(result[target // 10 : -target // 10], target)
    assert heard == pytest.approx(frequency, abs=1.0)
    assert level == pytest.approx(-12.0, abs=0.2)


def test_what_the_target_rate_cannot_carry_is_removed_and_not_folded_down() -> None:
    result = resample(tone(5000, 1000, rate=22050), 22050, 8000)
    assert level_dbfs(result[800:-800]) < -60


def test_equal_rates_change_nothing() -> None:
    samples = tone(440, 100)
    assert resample(samples, 8000, 8000) is samples


def test_nothing_becomes_nothing() -> None:
    assert len(resample(np.zeros(0, dtype=np.int16), 22050, 8000)) == 0


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (16000, 8000), (8000, 24000), (48000, 8000)])
def test_a_stream_keeps_its_pitch_and_pace_over_the_borders_of_frames(source: int, target: int) -> None:
    samples = tone(400, 1000, rate=source)
    stream = StreamResampler(source, target)
    size = source // 50
    pieces = [stream.feed(samples[start : start + size]) for start in range(0, len(samples), size)]
    result = np.concatenate(pieces)
    assert abs(len(result) - target) <= 2
    heard, _ = dominant_tone(result, target)
    assert heard == pytest.approx(400, abs=1.0)
    jumps = np.abs(np.diff(result.astype(np.int32)))
    steepest = 2 * np.pi * 400 / target * 32768 * 10 ** (-12 / 20) * np.sqrt(2)
    assert jumps.max() <= steepest * 1.2 + 2
