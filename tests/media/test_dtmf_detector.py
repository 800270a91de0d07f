import numpy as np
import pytest

from local_engine.voices import CATALOGUE
from media.codecs import create_codec
from media.dtmf import Digit
from media.dtmf_detector import DBM0, HIGH_HZ, KEYS, LOW_HZ, DtmfDetector
from tests.support.audio import Samples, noise, silence, tone
from tests.support.speech import spoken

ALL_KEYS = "".join(KEYS)
TEXT = (
    "The quick brown fox jumps over the lazy dog while seven grey geese gather by the gate. Please press one "
    "for sales, two for support, or stay on the line. Reach me on five five five, zero one nine nine. "
    "Ooh, we knew you would move to Peru in June. Yes; no; maybe? I am calling about invoice four seven one."
)


def key(
    digit: str, ms: float, dbm0: float, *, rate: int = 8000, off: float = 0.0, twist_db: float = 0.0
) -> Samples:
    """The tones of one key, at a level of both together and off their frequencies by a share of `off`."""
    row = next(at for at, keys in enumerate(KEYS) if digit in keys)
    low, high = LOW_HZ[row], HIGH_HZ[KEYS[row].index(digit)]
    time = np.arange(round(rate * ms / 1000)) / rate
    amplitude = np.sqrt(DBM0 * 10 ** (dbm0 / 10))
    sound = amplitude * 10 ** (-twist_db / 40) * np.sin(2 * np.pi * low * (1 + off) * time)
    sound += amplitude * 10 ** (twist_db / 40) * np.sin(2 * np.pi * high * (1 + off) * time + 1)
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def found(sound: Samples, rate: int = 8000) -> list[Digit]:
    """What is found in `sound` after it went through G.711 (at 8 kHz)."""
    detector = DtmfDetector(rate)
    law = create_codec("PCMU", 8000)
    size = rate // 50
    digits: list[Digit] = []
    for at in range(0, len(sound) - size + 1, size):
        frame = sound[at : at + size].tobytes()
        digits += detector.take(law.decode(law.encode(frame)) if rate == 8000 else frame)
    return digits + detector.take(None) + detector.take(None)


def in_line_noise(sound: Samples, dbm0: float, seed: int, rate: int = 8000) -> Samples:
    """With pauses around it, at any place of a frame, and noise of that level over all."""
    generator = np.random.default_rng(seed)
    pause = int(generator.integers(rate // 20, rate // 10))
    whole = np.concatenate([np.zeros(pause), sound.astype(np.float64), np.zeros(rate // 10)])
    whole += generator.standard_normal(len(whole)) * np.sqrt(DBM0 * 10 ** (dbm0 / 10))
    return np.clip(np.rint(whole), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("dbm0", [0, -6, -12, -18, -25])
def test_every_key_is_found_at_every_level_in_noise(dbm0: float, rate: int) -> None:
    for seed, digit in enumerate(ALL_KEYS):
        for ms in (50, 70, 120):
            sound = in_line_noise(key(digit, ms, dbm0, rate=rate), dbm0 - 20, seed, rate)
            assert [one.digit for one in found(sound, rate)] == [digit], (digit, ms)


@pytest.mark.parametrize(("off", "twist_db"), [(0.015, 0), (-0.015, 0), (0, 4), (0, -7)])
def test_tones_a_little_off_are_found(off: float, twist_db: float) -> None:
    for seed, digit in enumerate(ALL_KEYS):
        sound = in_line_noise(key(digit, 80, -10, off=off, twist_db=twist_db), -34, seed)
        assert [one.digit for one in found(sound)] == [digit], digit


def test_tones_far_off_are_not_keys() -> None:
    for digit in ALL_KEYS:
        assert found(in_line_noise(key(digit, 100, -10, off=0.05), -40, 1)) == []


def test_a_key_is_told_once_with_its_duration_when_it_is_let_go() -> None:
    detector = DtmfDetector(8000)
    sound = key("5", 600, -10)
    for at in range(0, len(sound), 160):
        assert detector.take(sound[at : at + 160].tobytes()) == []
        assert detector.tone
    ended = detector.take(None) + detector.take(None)
    assert [one.digit for one in ended] == ["5"]
    assert abs(ended[0].duration_ms - 600) <= 20
    assert not detector.tone


def test_a_key_pressed_twice_is_two_keys_and_a_short_drop_out_is_not() -> None:
    twice = np.concatenate([key("4", 60, -10), silence(40), key("4", 60, -10)])
    assert [one.digit for one in found(in_line_noise(twice, -40, 1))] == ["4", "4"]
    dropped = np.concatenate([key("4", 60, -10), silence(5), key("4", 60, -10)])
    assert [one.digit for one in found(in_line_noise(dropped, -40, 1))] == ["4"]


def test_a_blip_is_not_a_key() -> None:
    for seed in range(20):
        assert found(in_line_noise(key("9", 20, -6), -40, seed)) == []


def test_single_tones_and_noise_are_not_keys() -> None:
    for frequency in (*LOW_HZ, *HIGH_HZ, 400.0, 440.0, 1000.0, 2100.0):
        assert found(tone(frequency, 1000)) == []
    dial_tone = (tone(350, 2000, level_dbfs=-16) + tone(440, 2000, level_dbfs=-16)).astype(np.int16)
    assert found(dial_tone) == []
    assert found(noise(20_000, level_dbfs=-12)) == []


def test_minutes_of_speech_hold_no_key() -> None:
    seconds = 0.0
    for voice in CATALOGUE:
        said = spoken(TEXT, voice_name=voice.name)
        for gain in (0.3, 1.0, 1.8):
            louder = np.clip(said.astype(np.float64) * gain, -32768, 32767).astype(np.int16)
            assert found(louder) == [], voice.name
            seconds += len(said) / 8000
    assert seconds > 120
