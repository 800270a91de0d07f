from pathlib import Path

from media.file_thread import FileThread
from media.playback import FilePlayback, Player
from tests.support.audio import tone, write_wav


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
    write_wav(tmp_path / "a.wav", tone(440, 20, rate=44100), 44100)
    assert play(tmp_path / "a.wav").error == "44100 Hz cannot be played at 8000 Hz"
