import itertools

import numpy as np
import pytest

from media.config import MediaConfig
from media.line_sound import CEILING, ECHO_FRAMES, LineSound, line_sound
from tests.support.audio import Samples, level_dbfs, silence, tone

FRAME = 160


def frames(audio: Samples) -> list[bytes]:
    return [audio[at : at + FRAME].tobytes() for at in range(0, len(audio), FRAME)]


def samples(audio: bytes | bytearray | None) -> Samples:
    return np.frombuffer(bytes(audio or b""), dtype="<i2").astype(np.int16)


def made(agent: float = 0.0, caller: float = 0.0, noise: int | None = None) -> LineSound:
    sound = line_sound(
        MediaConfig(agent_gain_db=agent, caller_gain_db=caller, comfort_noise_dbov=noise), 8000
    )
    assert sound is not None
    return sound


def test_off_by_default() -> None:
    assert line_sound(MediaConfig(), 8000) is None


@pytest.mark.parametrize("gain", [-12.0, -3.0, 6.0, 12.0])
def test_quiet_speech_changes_by_the_gain_and_keeps_its_form(gain: float) -> None:
    said = tone(440, 400, level_dbfs=-30)
    sound = made(agent=gain)
    heard = np.concatenate([samples(sound.outward(frame)) for frame in frames(said)])
    assert abs(level_dbfs(heard) - level_dbfs(said) - gain) < 0.1
    assert np.corrcoef(heard, said)[0, 1] > 0.9999


def test_loud_speech_is_limited_and_not_clipped() -> None:
    said = tone(440, 400, level_dbfs=-9)
    sound = made(agent=12)
    heard = np.concatenate([samples(sound.outward(frame)) for frame in frames(said)])
    assert np.abs(heard).max() <= CEILING
    # Behind the first frame's edge it is the same sine, only louder.
    assert np.corrcoef(heard[FRAME:], said[FRAME:])[0, 1] > 0.9999


def test_the_gain_comes_back_slowly_after_a_shout() -> None:
    sound = made(agent=12)
    sound.outward(tone(440, 20, level_dbfs=-6).tobytes())
    quiet = frames(tone(400, 800, level_dbfs=-40))
    levels = [level_dbfs(samples(sound.outward(frame))) for frame in quiet]
    assert levels[0] < -36
    assert max(b - a for a, b in itertools.pairwise(levels)) < 0.7
    assert abs(levels[-1] + 28) < 0.2


def test_a_change_of_gain_makes_no_click() -> None:
    """A jump between samples that is larger than the tone's own would be heard as one."""
    sound = made(agent=6, caller=6)
    said = tone(212, 400, level_dbfs=-20)  # no frame begins at its zero
    heard = []
    for number, frame in enumerate(frames(said)):
        if number == 10:
            sound.outward(tone(300, 20).tobytes())
        heard.append(samples(sound.inward(frame)))
    steepest = np.abs(np.diff(said.astype(int))).max() * 10 ** (6 / 20)
    assert np.abs(np.diff(np.concatenate(heard).astype(int))).max() < steepest * 1.3


def test_an_echo_is_never_louder_to_the_engine_than_without_gain() -> None:
    """The far end returns what it hears, 12 dB lower and 200 ms later."""
    sound = made(agent=10, caller=10)
    voice = frames(tone(500, 1000, level_dbfs=-30)) + [None] * 50
    line: list[bytes | bytearray | None] = []
    plain = level_dbfs(tone(500, 20, level_dbfs=-42))
    came = []
    for number, frame in enumerate(voice):
        echo = samples(line[number - 10]) * 10 ** (-12 / 20) if number >= 10 and line[number - 10] else None
        came.append(sound.inward(None if echo is None else echo.astype("<i2").tobytes()))
        line.append(sound.outward(frame))
    echoes = [level_dbfs(samples(frame)) for frame in came if frame is not None]
    assert len(echoes) == 50
    # The first frame's ramp apart.
    assert max(echoes[1:]) < plain + 0.3


def test_the_caller_is_amplified_again_when_no_echo_can_come() -> None:
    sound = made(caller=6)
    quiet = tone(500, 20, level_dbfs=-40).tobytes()
    sound.outward(tone(500, 20).tobytes())
    assert abs(level_dbfs(samples(sound.inward(quiet))) + 40) < 1.5
    for _ in range(ECHO_FRAMES):
        sound.outward(None)
    levels = [level_dbfs(samples(sound.inward(quiet))) for _ in range(20)]
    assert abs(levels[-1] + 34) < 0.2


def test_attenuation_is_not_touched_by_echo() -> None:
    sound = made(agent=-6, caller=6)
    sound.outward(tone(500, 20).tobytes())
    heard = sound.inward(tone(500, 20, level_dbfs=-40).tobytes())
    assert abs(level_dbfs(samples(heard)) + 34) < 0.2


def test_noise_takes_the_place_of_silence_of_either_kind() -> None:
    sound = made(noise=-60)
    for silent in (None, silence(20).tobytes()):
        heard = np.concatenate([samples(sound.with_noise(silent)) for _ in range(50)])
        assert abs(level_dbfs(heard) + 60) < 1.5


def test_without_noise_silence_stays_silence() -> None:
    sound = made(agent=6)
    assert sound.with_noise(sound.outward(None)) is None
    assert sound.inward(None) is None
