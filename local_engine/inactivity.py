"""`inactivityMessages`: a chain of reminders that any activity of the user starts anew. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class EndBehavior(StrEnum):
    """What happens after a reminder was spoken."""

    UNSPECIFIED = "END_BEHAVIOR_UNSPECIFIED"
    HANG_UP_SOFT = "END_BEHAVIOR_HANG_UP_SOFT"
    HANG_UP_STRICT = "END_BEHAVIOR_HANG_UP_STRICT"


@dataclass(frozen=True, slots=True)
class InactivityMessage:
    """A reminder, `after_s` seconds of quiet after the one before (or after the last activity)."""

    after_s: float
    text: str
    end_behavior: EndBehavior


class InactivityChain:
    """Where in the chain a call stands. The clock stands still while anybody speaks."""

    __slots__ = ("_deadline", "_messages", "_next")

    def __init__(self, messages: Sequence[InactivityMessage]) -> None:
        self._messages = messages
        self._next = 0
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When the next reminder is due, or `None`."""
        return self._deadline

    def user_active(self) -> None:
        """The user did something: start from the first reminder, once it is quiet again."""
        self._next = 0
        self._deadline = None

    def pause(self) -> None:
        """The agent is busy: no reminder falls due until `quiet`."""
        self._deadline = None

    def quiet(self, now: float) -> None:
        """Nobody speaks from now on. A clock that runs already goes on."""
        if self._deadline is None and self._next < len(self._messages):
            self._deadline = now + self._messages[self._next].after_s

    def due(self, now: float) -> InactivityMessage | None:
        """The reminder to speak now, if one is due; the chain moves on."""
        if self._deadline is None or now < self._deadline:
            return None
        message = self._messages[self._next]
        self._next += 1
        self._deadline = None
        return message
