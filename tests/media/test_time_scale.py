import numpy as np
import pytest

from media.time_scale import LONGEST_MS, SEAM_MS, SHORTEST_MS, without_a_period
from tests.support.audio import Samples, dominant_tone, noise, silence, tone
from tests.support.speech import spoken_alike


def shorten(audio: Samples, rate: int) -> Samples:
    return np.frombuffer(without_a_period(audio.tobytes(), rate), dtype="<i2").astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("frequency", [90, 140, 210, 330])
def test_whole_periods_are_cut_out_and_the_wave_goes_on(rate: int, frequency: float) -> None:
    audio = tone(frequency, 40, rate=rate)
    shorter = shorten(audio, rate)
    cut_periods = (len(audio) - len(shorter)) / rate * frequency
    assert cut_periods == pytest.approx(round(cut_periods), abs=0.07)
    # No step anywhere is larger than the tone's own.
    assert np.abs(np.diff(shorter.astype(int))).max() <= 1.15 * np.abs(np.diff(audio.astype(int))).max()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_cut_has_bounds_and_leaves_beginning_and_end(rate: int) -> None:
    for audio in (noise(40, rate=rate), silence(40, rate), tone(3000, 40, rate=rate)):
        shorter = shorten(audio, rate)
        cut_ms = (len(audio) - len(shorter)) * 1000 / rate
        assert SHORTEST_MS <= cut_ms <= LONGEST_MS
        assert abs(int(shorter[0]) - int(audio[0])) <= 0.05 * 32768
        tail = rate * (40 - LONGEST_MS - SEAM_MS) // 1000
        assert np.array_equal(shorter[-tail:], audio[-tail:])


def test_speech_that_is_cut_often_keeps_its_pitch() -> None:
    said = tone(180, 4000)
    pieces = [shorten(said[at : at + 320], 8000) for at in range(0, len(said), 1600)]
    assert all(dominant_tone(np.tile(piece, 1), 8000)[0] == pytest.approx(180, abs=15) for piece in pieces)


def test_the_seam_in_speech_is_like_speech_before() -> None:
    """High frequencies, which a seam in mid-wave brings, grow but little."""
    said = spoken_alike("Good morning, many men and women were running all around in May.", 8000)
    before, after = 0.0, 0.0
    for at in range(0, len(said) - 320, 320):
        piece = said[at : at + 320]
        before += highest(piece)
        after += highest(shorten(piece, 8000))
    assert after <= 1.1 * before


def highest(piece: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2 / len(piece)
    return float(spectrum[int(len(spectrum) * 0.75) :].sum())
