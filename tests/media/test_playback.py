from pathlib import Path

import numpy as np
import pytest

from media import audio_file
from media.file_thread import FileThread
from media.playback import FilePlayback, Player
from tests.support.audio import level_dbfs, tone, write_wav


def play(path: Path, max_s: float = 10.0) -> FilePlayback:
    """A playback whose file has been read."""
    files = FileThread()
    playback = Player(files, max_s).play("p1", str(path), 8000)
    assert files.close(5.0)
    return playback


def test_a_file_is_played_whole_in_frames(tmp_path: Path) -> None:
    audio = tone(440, 90)
    write_wav(tmp_path / "a.wav", audio)
    playback = play(tmp_path / "a.wav")
    frames = []
    while not playback.finished:
        frames.append(playback.take() or b"")
    assert [len(frame) for frame in frames] == [320] * 5
    assert b"".join(frames)[: 90 * 16] == audio.tobytes()
    assert playback.error is None


def test_until_the_file_is_read_there_is_silence() -> None:
    playback = FilePlayback("p1", 8000)
    assert playback.take() is None
    assert not playback.finished


def test_a_missing_file_is_an_error_and_not_an_exception(tmp_path: Path) -> None:
    playback = play(tmp_path / "none.wav")
    assert playback.finished
    assert playback.error == "FileNotFoundError: No such file or directory"


def test_a_file_that_cannot_be_played_says_why(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 2000))
    assert play(tmp_path / "a.wav", max_s=1.0).error == "longer than 1 s"


def test_a_file_that_nobody_foresaw_does_not_keep_the_agent_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*args: object) -> bytes:
        raise ValueError("never heard of")

    write_wav(tmp_path / "a.wav", tone(440, 90))
    monkeypatch.setattr(audio_file, "decode", fault)
    playback = play(tmp_path / "a.wav")
    assert playback.finished
    assert playback.error == "the file cannot be read"


def test_a_loop_has_no_end_and_no_seam(tmp_path: Path) -> None:
    audio = np.arange(400, dtype=np.int16)  # two and a half frames
    playback = FilePlayback("p1", 8000, loop=True, audio=audio.tobytes())
    heard = np.frombuffer(b"".join(playback.take() or b"" for _ in range(10)), dtype="<i2")
    assert np.array_equal(heard, np.tile(audio, 4))
    assert not playback.finished


def test_a_volume_is_a_factor() -> None:
    playback = FilePlayback("p1", 8000, volume=0.5, audio=tone(440, 20).tobytes())
    heard = np.frombuffer(playback.take() or b"", dtype="<i2").astype(np.int16)
    assert level_dbfs(heard) == pytest.approx(level_dbfs(tone(440, 20)) - 6.02, abs=0.05)


def test_a_file_that_is_played_again_is_not_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 40))
    decoded: list[Path] = []
    decode = audio_file.decode

    def counting(path: Path, sample_rate: int, max_s: float) -> bytes:
        decoded.append(path)
        return decode(path, sample_rate, max_s)

    monkeypatch.setattr(audio_file, "decode", counting)
    files = FileThread()
    player = Player(files, 10.0)
    first = player.play("p1", str(tmp_path / "a.wav"), 8000)
    second = player.play("p2", str(tmp_path / "a.wav"), 8000)
    other_rate = player.play("p3", str(tmp_path / "a.wav"), 16000)
    assert files.close(5.0)
    assert first.take() == second.take()
    assert len(other_rate.take() or b"") == 640
    assert len(decoded) == 2


def test_music_on_hold_needs_no_file() -> None:
    files = FileThread()
    playback = Player(files, 10.0).hold_music(None, 8000)
    heard = np.frombuffer(b"".join(playback.take() or b"" for _ in range(400)), dtype="<i2").astype(np.int16)
    assert level_dbfs(heard[:8000]) > -30
    assert np.array_equal(heard[: 4 * 8000], heard[4 * 8000 :])
