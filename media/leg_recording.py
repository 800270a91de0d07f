"""The recording of one leg: begun, paused and ended by the gateway, told when it is on the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from media import messages
from media.messages import Event
from media.recorder import Recorder, Recording


class LegRecording:
    """`running` takes the frames while there is a recording. `emit` gets its end."""

    __slots__ = ("_emit", "_leg_id", "_recorder", "running")

    def __init__(self, leg_id: str, recorder: Recorder, emit: Callable[[Event], None]) -> None:
        self._leg_id = leg_id
        self._recorder = recorder
        self._emit = emit
        self.running: Recording | None = None

    def start(self, path: str, sample_rate: int) -> None:
        """Begin a file; one that is being written ends."""
        self.stop()
        self.running = self._recorder.start(Path(path), sample_rate)

    def pause(self, paused: bool) -> None:
        """Whether silence is written in place of what is heard and said."""
        if self.running is not None:
            self.running.paused = paused

    def stop(self) -> None:
        """End the file; `RecordingFinished` follows when it is closed."""
        recording, self.running = self.running, None
        if recording is None:
            return
        emit, leg_id = self._emit, self._leg_id

        def finished(duration_ms: int, error: str | None) -> None:
            emit(
                messages.RecordingFinished(
                    leg_id=leg_id, path=recording.path, duration_ms=duration_ms, error=error
                )
            )

        recording.finish(finished)
