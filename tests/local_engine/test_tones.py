import numpy as np
import pytest

from local_engine.tones import chirp, keypad, silence, tone
from tests.support.audio import dominant_tone, tone_level_dbfs


def samples(pcm: bytes) -> np.typing.NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int16)


def test_a_tone_has_its_frequency_and_length() -> None:
    heard = samples(tone((1000.0,), 500, 8000))
    assert len(heard) == 4000
    assert dominant_tone(heard)[0] == pytest.approx(1000, abs=2)


def test_a_tone_begins_and_ends_softly() -> None:
    heard = samples(tone((1000.0,), 500, 8000))
    assert abs(int(heard[0])) < 200
    assert abs(int(heard[-1])) < 200


def test_a_chirp_rises_and_is_the_same_every_time() -> None:
    heard = samples(chirp(300, 3000, 500, 8000))
    assert len(heard) == 4000
    assert dominant_tone(heard[:400])[0] < 700
    assert dominant_tone(heard[-400:])[0] > 2600
    assert chirp(300, 3000, 500, 8000) == heard.astype("<i2").tobytes()


def test_silence_is_zero() -> None:
    assert silence(20, 8000) == bytes(320)


def test_keypad_tones_are_the_two_frequencies_of_the_key() -> None:
    heard = samples(keypad("5", 8000))
    pressed = heard[:1600]
    assert tone_level_dbfs(pressed, 770) > -30
    assert tone_level_dbfs(pressed, 1336) > -30
    assert tone_level_dbfs(pressed, 941) < -50
    assert not heard[1600:].any()


def test_unknown_keys_are_skipped() -> None:
    assert keypad("1x2", 8000) == keypad("12", 8000)
