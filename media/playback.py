"""Plays a WAV file to a leg in place of the agent. The file is read by the file thread; until it is there the
leg hears silence.
"""

from __future__ import annotations

from pathlib import Path

from media import wav
from media.file_thread import FileThread

FRAME_MS = 20


class FilePlayback:
    """One file on its way to one leg. Call `take` once every 20 ms."""

    __slots__ = ("_at", "_audio", "_frame_bytes", "error", "play_id")

    def __init__(self, play_id: str, sample_rate: int) -> None:
        self.play_id = play_id
        self._frame_bytes = sample_rate * FRAME_MS // 1000 * 2
        self._audio: bytes | None = None
        self._at = 0
        self.error: str | None = None

    @property
    def finished(self) -> bool:
        """The file was played to its end, or cannot be."""
        return self.error is not None or (self._audio is not None and self._at >= len(self._audio))

    def loaded(self, audio: bytes) -> None:
        """The file is here (called by the file thread; one assignment)."""
        self._audio = audio

    def failed(self, error: str) -> None:
        self.error = error

    def take(self) -> bytes | None:
        """The next 20 ms, None for silence."""
        audio = self._audio
        if audio is None:
            return None
        frame = audio[self._at : self._at + self._frame_bytes]
        self._at += self._frame_bytes
        return frame + bytes(self._frame_bytes - len(frame))


class Player:
    """Makes playbacks; all share one file thread."""

    def __init__(self, thread: FileThread, max_s: float) -> None:
        self._thread = thread
        self._max_s = max_s

    def play(self, play_id: str, path: str, sample_rate: int) -> FilePlayback:
        """Begin to read a file; what is wrong with it shows as `error`."""
        playback = FilePlayback(play_id, sample_rate)

        def load() -> None:
            try:
                playback.loaded(wav.load(Path(path), sample_rate, self._max_s))
            except wav.WavError as error:
                playback.failed(str(error))
            except OSError as error:
                playback.failed(f"{type(error).__name__}: {error.strerror or error}")

        self._thread.submit(load)
        return playback
