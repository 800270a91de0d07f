import numpy as np
import pytest

from media.comfort_noise import ComfortNoise, noise_rms
from tests.media.golden import vectors
from tests.support.audio import Samples, level_dbfs


def samples(audio: bytes) -> Samples:
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


@pytest.mark.parametrize(("level", "dbfs"), [(30, -30), (60, -60), (78, -78)])
def test_level_of_the_payload_is_the_level_that_is_heard(level: int, dbfs: float) -> None:
    rms = noise_rms(bytes([level, 17, 4]))
    assert rms is not None
    source = ComfortNoise()
    heard = samples(b"".join(source.take(160, rms) for _ in range(200)))
    assert abs(level_dbfs(heard) - dbfs) < 1


def test_first_bit_is_not_part_of_the_level() -> None:
    assert noise_rms(bytes([0x80 | 40])) == noise_rms(bytes([40]))


def test_payload_without_a_level_says_nothing() -> None:
    assert noise_rms(b"") is None


def test_noise_does_not_repeat_within_a_second_and_begins_anew_without_a_gap() -> None:
    source = ComfortNoise()
    heard = samples(b"".join(source.take(320, 500.0) for _ in range(150))).astype(float)
    assert len(heard) == 150 * 320
    first, rest = heard[:1600], heard[1600:16000]
    likeness = np.correlate(rest, first, "valid") / (np.linalg.norm(first) * np.linalg.norm(rest[:1600]))
    assert np.abs(likeness).max() < 0.3
    assert all(level_dbfs(heard[at : at + 320].astype(np.int16)) > -45 for at in range(0, len(heard), 320))


@pytest.mark.parametrize(
    ("name", "dbov"), [("level-only", -78), ("shaped", -40), ("quietest", -127), ("loudest", 0)]
)
def test_payloads_of_the_standard_tell_their_level(name: str, dbov: float) -> None:
    """0 dBov is the level of a square wave at full scale."""
    rms = noise_rms(vectors("comfort_noise")[name])
    assert rms is not None
    assert 20 * np.log10(rms / 32768) == pytest.approx(dbov)
