import numpy as np
import pytest

from media.rate_bridge import Doubler, Halver, RateBridge
from tests.support.audio import Samples, dominant_tone, level_dbfs, noise, tone

# Half the filter, in samples at 16 kHz.
DELAY = 31


def convert(converter: Doubler | Halver, audio: Samples, frame: int) -> Samples:
    pieces = [converter.convert(audio[at : at + frame].tobytes()) for at in range(0, len(audio), frame)]
    return np.frombuffer(b"".join(pieces), dtype="<i2").astype(np.int16)


def snr_db(wanted: Samples, heard: Samples) -> float:
    error = heard.astype(float) - wanted.astype(float)
    return float(10 * np.log10(np.sum(wanted.astype(float) ** 2) / np.sum(error**2)))


@pytest.mark.parametrize("frequency", [200, 1000, 3000])
def test_narrow_audio_is_the_same_on_the_wide_side(frequency: float) -> None:
    doubled = convert(Doubler(), tone(frequency, 400), 160)
    expected = tone(frequency, 400, rate=16000)
    assert len(doubled) == len(expected)
    assert snr_db(expected[800:-DELAY], doubled[800 + DELAY :]) > 35


@pytest.mark.parametrize("frequency", [200, 1000, 3000])
def test_wide_audio_keeps_what_the_narrow_side_carries(frequency: float) -> None:
    halved = convert(Halver(), tone(frequency, 400, rate=16000), 320)
    assert abs(dominant_tone(halved[400:])[0] - frequency) < 3
    assert abs(level_dbfs(halved[400:]) + 12) < 0.3


@pytest.mark.parametrize("frequency", [5000, 6500, 7500])
def test_what_the_narrow_side_cannot_carry_does_not_come_back_folded(frequency: float) -> None:
    assert level_dbfs(convert(Halver(), tone(frequency, 400, rate=16000), 320)[400:]) < -55


def test_no_image_above_the_narrow_band() -> None:
    doubled = convert(Doubler(), tone(3000, 400), 160)[800:].astype(float)
    spectrum = np.abs(np.fft.rfft(doubled * np.hanning(len(doubled)))) ** 2
    half = len(spectrum) // 2
    assert 10 * np.log10(spectrum[half + 50 :].max() / spectrum.max()) < -45


@pytest.mark.parametrize(("made", "frame"), [(Doubler, 160), (Halver, 320)])
def test_frames_join_without_a_seam(made: type[Doubler | Halver], frame: int) -> None:
    audio = noise(200, rate=16000)
    whole = convert(made(), audio, len(audio))
    assert np.array_equal(convert(made(), audio, frame), whole)
    assert np.array_equal(convert(made(), audio, frame // 2), whole)


def test_full_scale_does_not_wrap_around() -> None:
    square = np.repeat(np.array([32767, -32768] * 20, dtype="<i2"), 20).astype(np.int16)
    doubled = convert(Doubler(), square, 160).astype(int)
    original = np.repeat(square, 2).astype(int)[: len(doubled) - DELAY]
    steady = np.abs(original) > 0
    agree = np.sign(doubled[DELAY:][: len(original)]) == np.sign(original)
    assert np.mean(agree[steady]) > 0.95


def test_a_narrow_codec_in_a_wide_leg_and_the_other_way_round() -> None:
    narrow = RateBridge(8000, 16000)
    assert len(narrow.inward(bytes(320)) or b"") == 640
    assert len(narrow.outward(bytes(640)) or b"") == 320
    wide = RateBridge(16000, 8000)
    assert len(wide.inward(bytes(640)) or b"") == 320
    assert len(wide.outward(bytearray(320)) or b"") == 640
    assert narrow.inward(None) is None
    assert wide.outward(None) is None
