"""Keys pressed in quick succession belong together: the agent gets them as one text.

A batch ends when no key came for `gap_s` seconds, at `#`, or when it is as long as any sensible number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

GAP_S = 0.5
LONGEST_BATCH = 64


class DigitBatch:
    """Collects keys on the running event loop and hands each batch to `deliver`."""

    def __init__(self, deliver: Callable[[str], None], gap_s: float = GAP_S) -> None:
        self._deliver = deliver
        self._gap_s = gap_s
        self._digits = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, digit: str) -> None:
        self._stop_timer()
        self._digits += digit
        if digit == "#" or len(self._digits) >= LONGEST_BATCH:
            self._flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(self._gap_s, self._flush)

    def close(self) -> None:
        """Forget what was collected."""
        self._stop_timer()
        self._digits = ""

    def _flush(self) -> None:
        self._timer = None
        digits, self._digits = self._digits, ""
        self._deliver(digits)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
