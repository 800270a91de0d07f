"""Sound that a leg hears in place of the agent: files, music on hold, keys as tones. Files are read by a
thread; until one is there the leg hears silence.
"""

from __future__ import annotations

import audioop
from collections import OrderedDict
from pathlib import Path

import structlog

from media import audio_file
from media.file_thread import FileThread
from media.hold_tone import hold_tone
from media.ringing_tone import ringing_tone

log = structlog.get_logger(__name__)

FRAME_MS = 20
# Decoded files that are kept, since the next call often plays the same one.
CACHE_BYTES = 32 * 1024 * 1024


class FilePlayback:
    """One sound on its way to one leg. Call `take` once every 20 ms."""

    __slots__ = ("_at", "_audio", "_frame_bytes", "_loop", "_volume", "error", "play_id")

    def __init__(
        self, play_id: str, sample_rate: int, *, loop: bool = False, volume: float = 1.0, audio: bytes = b""
    ) -> None:
        """`volume` is a factor; `audio` is the sound (s16le mono) where it need not be read first."""
        self.play_id = play_id
        self._frame_bytes = sample_rate * FRAME_MS // 1000 * 2
        self._audio: bytes | None = audio or None
        self._at = 0
        self._loop = loop
        self._volume = volume
        self.error: str | None = None

    @property
    def finished(self) -> bool:
        """The sound was played to its end, or cannot be."""
        if self.error is not None:
            return True
        return not self._loop and self._audio is not None and self._at >= len(self._audio)

    def loaded(self, audio: bytes) -> None:
        """The file is here (called by the thread that read it; one assignment)."""
        self._audio = audio

    def failed(self, error: str) -> None:
        self.error = error

    def take(self) -> bytes | None:
        """The next 20 ms, None for silence."""
        audio = self._audio
        if audio is None or self.error is not None:
            return None
        size = self._frame_bytes
        frame = audio[self._at : self._at + size]
        self._at += size
        if len(frame) < size:
            if self._loop:
                self._at = size - len(frame)
                frame += audio[: self._at]
            frame += bytes(size - len(frame))
        return frame if self._volume == 1.0 else audioop.mul(frame, 2, self._volume)


class Player:
    """Makes playbacks; all share one thread, which also keeps what was decoded last."""

    def __init__(self, thread: FileThread, max_s: float) -> None:
        self._thread = thread
        self._max_s = max_s
        # By path, time of change and rate. Touched by the thread only.
        self._cache: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._cached_bytes = 0

    def play(
        self, play_id: str, path: str, sample_rate: int, *, loop: bool = False, volume: float = 1.0
    ) -> FilePlayback:
        """Begin to read a file; what is wrong with it shows as `error`."""
        playback = FilePlayback(play_id, sample_rate, loop=loop, volume=volume)
        self._thread.submit(lambda: self._load(playback, path, sample_rate))
        return playback

    def hold_music(self, path: str | None, sample_rate: int) -> FilePlayback:
        """Music without end; without a file a tone of our own."""
        if path is None:
            return FilePlayback("hold", sample_rate, loop=True, audio=hold_tone(sample_rate))
        return self.play("hold", path, sample_rate, loop=True)

    def early_media(self, path: str | None, sample_rate: int) -> FilePlayback:
        """What is heard before the answer, without end; without a file a ringing tone of our own."""
        if path is None:
            return FilePlayback("early", sample_rate, loop=True, audio=ringing_tone(sample_rate))
        return self.play("early", path, sample_rate, loop=True)

    def _load(self, playback: FilePlayback, path: str, sample_rate: int) -> None:
        try:
            playback.loaded(self._decoded(path, sample_rate))
        except audio_file.AudioFileError as error:
            playback.failed(str(error))
        except OSError as error:
            playback.failed(f"{type(error).__name__}: {error.strerror or error}")
        except Exception:
            # Without a word of it the leg would wait in silence for the file, in place of the agent.
            log.exception("audio_file_not_read", play_id=playback.play_id)
            playback.failed("the file cannot be read")

    def _decoded(self, path: str, sample_rate: int) -> bytes:
        key = (path, Path(path).stat().st_mtime_ns, sample_rate)
        known = self._cache.get(key)
        if known is not None:
            self._cache.move_to_end(key)
            return known
        audio = audio_file.decode(Path(path), sample_rate, self._max_s)
        self._cache[key] = audio
        self._cached_bytes += len(audio)
        while self._cached_bytes > CACHE_BYTES:
            self._cached_bytes -= len(self._cache.popitem(last=False)[1])
        return audio
