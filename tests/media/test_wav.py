import wave
from pathlib import Path

import numpy as np
import pytest

from media import wav
from tests.support.audio import dominant_tone, tone, write_wav


def test_a_file_of_the_leg_s_rate_is_taken_as_it_is(tmp_path: Path) -> None:
    audio = tone(440, 100)
    write_wav(tmp_path / "a.wav", audio)
    assert wav.load(tmp_path / "a.wav", 8000, 10) == audio.tobytes()


@pytest.mark.parametrize(("rate", "leg_rate"), [(16000, 8000), (8000, 16000)])
def test_half_and_double_rates_are_converted(tmp_path: Path, rate: int, leg_rate: int) -> None:
    write_wav(tmp_path / "a.wav", tone(1000, 500, rate=rate, level_dbfs=-12), rate)
    audio = np.frombuffer(wav.load(tmp_path / "a.wav", leg_rate, 10), dtype="<i2").astype(np.int16)
    assert len(audio) == leg_rate // 2
    frequency, level = dominant_tone(audio[200:-200], leg_rate)
    assert frequency == pytest.approx(1000, abs=5)
    assert level == pytest.approx(-12, abs=0.5)


def test_what_the_lower_rate_cannot_carry_does_not_fold_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(6000, 500, rate=16000, level_dbfs=-6), 16000)
    audio = np.frombuffer(wav.load(tmp_path / "a.wav", 8000, 10), dtype="<i2")
    assert np.sqrt(np.mean(audio[200:-200].astype(float) ** 2)) < 60


def stereo(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(400))


def other_rate(path: Path) -> None:
    write_wav(path, tone(440, 20, rate=44100), 44100)


def too_long(path: Path) -> None:
    write_wav(path, tone(440, 1100))


def garbage(path: Path) -> None:
    path.write_bytes(b"no wave file at all")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("make", [stereo, other_rate, too_long, garbage, empty])
def test_what_cannot_be_played_is_refused(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "a.wav")
    with pytest.raises(wav.WavError):
        wav.load(tmp_path / "a.wav", 8000, max_s=1.0)


def test_the_header_describes_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav.header(2, 8000, 3200) + bytes(3200))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 800)
