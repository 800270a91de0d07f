"""Recording of a call as a stereo WAV file: left the far party, right the agent, both on the leg's 20 ms
clock.

Legs hand over whole seconds; the file thread interleaves and writes them and brings the header up to date
each time, so that a file left by a killed process plays up to its last second or so. What waits for the disk
is bounded over all recordings: beyond the bound a second becomes silence, which keeps the rest in time.

The clock skips frames after a long stall. A recording that only counted frames would fall behind the call a
little more with each of them, so it looks at the time too and puts silence where the clock skipped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import structlog

from media import wav
from media.file_thread import FileThread

log = structlog.get_logger(__name__)

FRAME_MS = 20
FRAMES_PER_S = 50
CHANNELS = 2
# A stall is made up for in a burst; only what is missing so many frames later was skipped.
SETTLE_FRAMES = 15
# The first frames tell when the leg is really served: one that came late is not the beginning of time.
FIRST_FRAMES = 25
# The file thread is woken at most so often: each time it takes turns with the loop, which costs more than
# what it does. A piece waits no longer than until the next one of any recording.
TOGETHER_S = 0.25
# The longest gap filled at once; what is left is filled in the following seconds.
MAX_FILL_FRAMES = 60 * FRAMES_PER_S
# A recording is nobody's business but the gateway's.
FILE_MODE, DIRECTORY_MODE = 0o600, 0o700

_NEVER = float("inf")

# duration in ms, error or None
FinishedCallback = Callable[[int, str | None], None]


class Recorder:
    """Makes recordings; all share one file thread and one bound (bytes)."""

    def __init__(self, thread: FileThread, queue_bytes: int) -> None:
        self._thread = thread
        self._bound = queue_bytes
        self._handed_over = 0  # written by the event loop only
        self._written = 0  # written by the file thread only
        self._waiting: list[Callable[[], None]] = []
        self._woken_at = -_NEVER
        self.frames_dropped = 0

    def start(self, path: Path, sample_rate: int, flush_frames: int = FRAMES_PER_S) -> Recording:
        """Begin a file. It is created by the file thread; an error shows when the recording finishes."""
        return Recording(self, _File(path, sample_rate), sample_rate, flush_frames)

    def submit(
        self, file: _File, silence_bytes: int, left: list[bytes], right: list[bytes], now: float
    ) -> bool:
        """Queue silence (bytes of both channels together) and one piece behind it; False when the disk is too
        far behind and nothing was taken.
        """
        size = CHANNELS * sum(map(len, left))
        if self._handed_over - self._written + size > self._bound:
            self.frames_dropped += len(left)
            return False
        self._handed_over += size

        def write() -> None:
            try:
                file.write_silence(silence_bytes)
                file.write(left, right)
            finally:
                self._written += size

        self._waiting.append(write)
        if now - self._woken_at >= TOGETHER_S:
            self._woken_at = now
            self._hand_over()
        return True

    def _hand_over(self) -> None:
        jobs, self._waiting = self._waiting, []

        def work() -> None:
            for job in jobs:
                try:
                    job()
                except Exception:
                    log.exception("recording_not_written")

        self._thread.submit(work)

    def finish(self, file: _File, silence_bytes: int, finished: FinishedCallback) -> None:
        """Close the file behind everything queued and tell on the event loop."""
        loop = asyncio.get_running_loop()

        def close() -> None:
            file.write_silence(silence_bytes)
            file.close()
            if not loop.is_closed():
                loop.call_soon_threadsafe(finished, file.duration_ms, file.error)

        self._waiting.append(close)
        self._hand_over()


class Recording:
    """One leg's recording. Call `write` once every 20 ms."""

    __slots__ = (
        "_ahead",
        "_behind",
        "_file",
        "_flush_frames",
        "_frames",
        "_in_step",
        "_left",
        "_origin",
        "_owed_bytes",
        "_recorder",
        "_right",
        "_silence",
        "path",
        "paused",
    )

    def __init__(self, recorder: Recorder, file: _File, sample_rate: int, flush_frames: int) -> None:
        self._recorder = recorder
        self._file = file
        self._flush_frames = flush_frames
        self._silence = bytes(sample_rate * FRAME_MS // 1000 * 2)
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._owed_bytes = 0  # silence in place of what the disk could not take
        self._origin: float | None = None  # when the first frame was due
        self._frames = 0
        self._in_step = 0  # how many of the frames at hand came while count and time agreed
        self._behind = _NEVER  # the least number of frames missing since then
        self._ahead = -_NEVER  # the greatest number of frames missing in all those at hand
        self.path = str(file.path)
        self.paused = False

    def write(self, far_party: bytes | bytearray | None, agent: bytes | bytearray | None, now: float) -> None:
        """Add 20 ms of both sides; None is silence, and so is all while the recording is paused."""
        left = self._left
        if self.paused:
            left.append(self._silence)
            self._right.append(self._silence)
        else:
            left.append(self._silence if far_party is None else bytes(far_party))
            self._right.append(self._silence if agent is None else bytes(agent))
        if self._origin is None:
            self._origin = now
        missing = (now - self._origin) * FRAMES_PER_S - self._frames
        self._frames += 1
        if missing < 0 and self._frames <= FIRST_FRAMES:
            self._origin += missing / FRAMES_PER_S
            missing = 0.0
        self._ahead = max(self._ahead, missing)
        if missing < 1:
            self._in_step = len(left)
            self._behind = _NEVER
        elif missing < self._behind:
            self._behind = missing
        if len(left) >= self._flush_frames:
            out_of_step = len(left) - self._in_step
            if not out_of_step or out_of_step >= SETTLE_FRAMES:
                self._flush(now)

    def finish(self, finished: FinishedCallback) -> None:
        """Write what is left and close."""
        if self._left:
            self._flush(-_NEVER)
        self._recorder.finish(self._file, self._owed_bytes, finished)

    def _flush(self, now: float) -> None:
        self._keep_step()
        left, self._left = self._left, []
        right, self._right = self._right, []
        self._in_step = 0
        self._behind, self._ahead = _NEVER, -_NEVER
        if self._recorder.submit(self._file, self._owed_bytes, left, right, now):
            self._owed_bytes = 0
        else:
            self._owed_bytes += CHANNELS * sum(map(len, left))

    def _keep_step(self) -> None:
        """Put silence where the clock skipped, or leave a frame out when it served one too many."""
        at = self._in_step
        if len(self._left) - at >= SETTLE_FRAMES:
            skipped = min(int(self._behind), MAX_FILL_FRAMES)
            for side in (self._left, self._right):
                side[at:at] = [self._silence] * skipped
            self._frames += skipped
        elif self._ahead <= -1:
            self._left.pop()
            self._right.pop()
            self._frames -= 1


class _File:
    """The file itself; used by the file thread only."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path = path
        self._sample_rate = sample_rate
        self._descriptor: int | None = None
        self._data_bytes = 0
        self.error: str | None = None

    @property
    def duration_ms(self) -> int:
        return self._data_bytes * 1000 // (self._sample_rate * CHANNELS * 2)

    def write(self, left: list[bytes], right: list[bytes]) -> None:
        stereo = np.empty((sum(map(len, left)) // 2, CHANNELS), dtype="<i2")
        stereo[:, 0] = np.frombuffer(b"".join(left), dtype="<i2")
        stereo[:, 1] = np.frombuffer(b"".join(right), dtype="<i2")
        self._append(stereo.tobytes())

    def write_silence(self, size: int) -> None:
        """`size` bytes of zeros; as a hole, which takes neither time nor room on most disks."""
        if size:
            self._grow(size)

    def close(self) -> None:
        self._append(b"")
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, data: bytes) -> None:
        if self.error is not None:
            return
        try:
            descriptor = self._open()
            view, at = memoryview(data), wav.HEADER_BYTES + self._data_bytes
            while view:
                written = os.pwrite(descriptor, view, at)
                view, at = view[written:], at + written
            self._data_bytes += len(data)
            os.pwrite(descriptor, wav.header(CHANNELS, self._sample_rate, self._data_bytes), 0)
        except OSError as error:
            self._failed(error)

    def _grow(self, size: int) -> None:
        if self.error is not None:
            return
        try:
            os.ftruncate(self._open(), wav.HEADER_BYTES + self._data_bytes + size)
            self._data_bytes += size
        except OSError as error:
            self._failed(error)

    def _open(self) -> int:
        if self._descriptor is None:
            self.path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, FILE_MODE)
        return self._descriptor

    def _failed(self, error: OSError) -> None:
        """The call goes on without a recording; whoever asked for it learns why when it finishes."""
        self.error = f"{type(error).__name__}: {error.strerror or error}"
