"""The one background thread that touches files for the media plane, so that a slow disk never holds up audio.

Jobs run one after another. The thread starts with the first job.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class FileThread:
    """Runs jobs in order. Whoever submits bounds what he submits."""

    def __init__(self, name: str = "media-files") -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[], object]) -> None:
        """Run `job` in the thread. It must report its own errors; one that escapes is logged."""
        if self._thread is None:
            # A daemon, so that a hanging disk cannot keep the process from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def close(self, timeout_s: float) -> bool:
        """Finish what was submitted and end; False when that took longer than `timeout_s`. Blocks."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._jobs.put(None)
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("file_job_failed")
