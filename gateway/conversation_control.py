"""What the parts of a conversation that act on their own may do to it."""

from __future__ import annotations

from typing import Any, Protocol

from gateway.failure_reasons import EndReason, FailureReason


class ConversationControl(Protocol):
    """One conversation, as voicemail and watchdogs see it."""

    def tell_engine(self, **message: Any) -> None:
        """Send one data message to the engine."""

    def mute(self, *, caller: bool, agent: bool) -> None:
        """`caller`: the engine hears silence; `agent`: the far party hears silence."""

    def end_after_playout(self, reason: EndReason) -> None:
        """Let what is queued be played, then end the call."""

    def ask_engine_to_end(self, reason: EndReason, farewell: str) -> None:
        """Let the engine say goodbye and end the call; it is ended without it when it does not."""

    def engine_ends(self, reason: EndReason) -> None:
        """When the engine ends the call from now on, this is why."""

    def lose(self, reason: FailureReason, detail: str) -> None:
        """The conversation cannot go on."""
