import numpy as np
import pytest

from media.dtmf_sender import DigitsError
from media.dtmf_tones import tones
from tests.support.audio import Samples, gaps, level_dbfs, tone_level_dbfs


def samples(sound: bytes) -> Samples:
    return np.frombuffer(sound, dtype="<i2").astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(
    ("digit", "low", "high"), [("1", 697, 1209), ("5", 770, 1336), ("#", 941, 1477), ("D", 941, 1633)]
)
def test_a_key_is_its_two_tones_and_nothing_else(digit: str, low: float, high: float, rate: int) -> None:
    sound = samples(tones(digit, 200, 60, rate))[: rate // 5]
    assert tone_level_dbfs(sound, low, rate) == pytest.approx(-15.1, abs=0.5)
    assert tone_level_dbfs(sound, high, rate) == pytest.approx(-13.1, abs=0.5)
    assert level_dbfs(sound) == pytest.approx(-11, abs=0.5)


def test_keys_have_gaps_between_them_and_w_is_half_a_second() -> None:
    sound = samples(tones("12w3", 100, 60, 8000))
    assert len(sound) == 8 * (3 * 160 + 500)
    assert [round(gap.duration_ms, -1) for gap in gaps(sound)] == [60, 560]


@pytest.mark.parametrize("digits", ["", "x", "1 2", "1" * 300])
def test_what_is_no_key_is_refused(digits: str) -> None:
    with pytest.raises(DigitsError):
        tones(digits, 100, 60, 8000)


def test_more_than_a_minute_of_sound_is_refused() -> None:
    with pytest.raises(DigitsError, match="too long"):
        tones("1" * 20, 6000, 100, 8000)
