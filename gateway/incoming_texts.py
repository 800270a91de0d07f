"""Text that the far party sends in a call by MESSAGE (RFC 3428), for the agent to read.

It is a stranger's text: it reaches the agent as something the caller says, never as an instruction of ours,
and what it says is in no log and on no timeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from sip.message import Request

TEXT = "text/plain"
LONGEST_BYTES = 4_000
MOST_IN_WINDOW = 10
WINDOW_S = 10.0


class RefusedText(Exception):
    """What it is answered with."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class IncomingTexts:
    """One call's."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._taken: deque[float] = deque()

    def read(self, request: Request) -> str:
        """Its text. Raises `RefusedText`: 413 too long, 415 no plain text, 400 not UTF-8 or empty, 503 one
        too many.
        """
        if (request.content_type or TEXT) != TEXT or request.get("Content-Encoding") is not None:
            raise RefusedText(415)
        if len(request.body) > LONGEST_BYTES:
            raise RefusedText(413)
        try:
            text = request.body.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise RefusedText(400) from None
        text = "".join(character for character in text if character.isprintable() or character in "\n\t")
        if not text:
            raise RefusedText(400)
        now = self._clock()
        while self._taken and now - self._taken[0] >= WINDOW_S:
            self._taken.popleft()
        if len(self._taken) >= MOST_IN_WINDOW:
            raise RefusedText(503)
        self._taken.append(now)
        return text
