"""Recording of a call as a stereo WAV file: left the far party, right the agent, both on the leg's 20 ms
clock.

Legs hand over whole seconds; the file thread interleaves and writes them and brings the header up to date
each time, so that a file left by a killed process plays up to its last second. What waits for the disk is
bounded over all recordings: beyond the bound a second becomes silence, which keeps the rest in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from media import wav
from media.file_thread import FileThread

FRAME_MS = 20
# duration in ms, error or None
FinishedCallback = Callable[[int, str | None], None]


class Recorder:
    """Makes recordings; all share one file thread and one bound (bytes)."""

    def __init__(self, thread: FileThread, queue_bytes: int) -> None:
        self._thread = thread
        self._bound = queue_bytes
        self._handed_over = 0  # written by the event loop only
        self._written = 0  # written by the file thread only
        self.frames_dropped = 0

    def start(self, path: Path, sample_rate: int, flush_frames: int = 50) -> Recording:
        """Begin a file. It is created by the file thread; an error shows when the recording finishes."""
        return Recording(self, _File(path, sample_rate), sample_rate, flush_frames)

    def submit(self, file: _File, left: list[bytes], right: list[bytes]) -> bool:
        """Queue one piece; False when the disk is too far behind and only its length was queued."""
        size = 2 * sum(map(len, left))
        if self._handed_over - self._written + size > self._bound:
            self.frames_dropped += len(left)
            self._thread.submit(lambda: file.write_silence(size))
            return False
        self._handed_over += size

        def write() -> None:
            try:
                file.write(left, right)
            finally:
                self._written += size

        self._thread.submit(write)
        return True

    def finish(self, file: _File, finished: FinishedCallback) -> None:
        """Close the file behind everything queued and tell on the event loop."""
        loop = asyncio.get_running_loop()

        def close() -> None:
            file.close()
            if not loop.is_closed():
                loop.call_soon_threadsafe(finished, file.duration_ms, file.error)

        self._thread.submit(close)


class Recording:
    """One leg's recording. Call `write` once every 20 ms."""

    __slots__ = ("_file", "_flush_frames", "_left", "_recorder", "_right", "_silence", "path")

    def __init__(self, recorder: Recorder, file: _File, sample_rate: int, flush_frames: int) -> None:
        self._recorder = recorder
        self._file = file
        self._flush_frames = flush_frames
        self._silence = bytes(sample_rate * FRAME_MS // 1000 * 2)
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self.path = str(file.path)

    def write(self, far_party: bytes | bytearray | None, agent: bytes | bytearray | None) -> None:
        """Add 20 ms of both sides; None is silence."""
        self._left.append(bytes(far_party) if far_party is not None else self._silence)
        self._right.append(bytes(agent) if agent is not None else self._silence)
        if len(self._left) >= self._flush_frames:
            self._flush()

    def finish(self, finished: FinishedCallback) -> None:
        """Write what is left and close."""
        if self._left:
            self._flush()
        self._recorder.finish(self._file, finished)

    def _flush(self) -> None:
        left, self._left = self._left, []
        right, self._right = self._right, []
        self._recorder.submit(self._file, left, right)


class _File:
    """The file itself; used by the file thread only."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path = path
        self._sample_rate = sample_rate
        self._file: IO[bytes] | None = None
        self._data_bytes = 0
        self.error: str | None = None

    @property
    def duration_ms(self) -> int:
        return self._data_bytes * 1000 // (self._sample_rate * 4)

    def write(self, left: list[bytes], right: list[bytes]) -> None:
        stereo = np.empty((sum(map(len, left)) // 2, 2), dtype="<i2")
        stereo[:, 0] = np.frombuffer(b"".join(left), dtype="<i2")
        stereo[:, 1] = np.frombuffer(b"".join(right), dtype="<i2")
        self._append(stereo.tobytes())

    def write_silence(self, size: int) -> None:
        self._append(bytes(size))

    def close(self) -> None:
        self._append(b"")
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        if self.error is not None:
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("wb", buffering=0)
                self._file.write(wav.header(2, self._sample_rate, 0))
            self._file.seek(0, 2)
            self._file.write(data)
            self._data_bytes += len(data)
            self._file.seek(0)
            self._file.write(wav.header(2, self._sample_rate, self._data_bytes))
        except OSError as error:
            # The call goes on without a recording; whoever asked for it learns why when it finishes.
            self.error = f"{type(error).__name__}: {error.strerror or error}"
