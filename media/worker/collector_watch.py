"""How long the garbage collector holds up the event loop."""

from __future__ import annotations

import gc
import time
from typing import Any


class CollectorWatch:
    """Times each collection; keeps the longest since it was last asked."""

    def __init__(self) -> None:
        self._began = 0.0
        self._longest = 0.0
        self.collections = 0

    def start(self) -> None:
        gc.callbacks.append(self._called)

    def stop(self) -> None:
        if self._called in gc.callbacks:
            gc.callbacks.remove(self._called)

    def take_longest_s(self) -> float:
        longest, self._longest = self._longest, 0.0
        return longest

    def _called(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._longest = max(self._longest, time.perf_counter() - self._began)
            self.collections += 1
