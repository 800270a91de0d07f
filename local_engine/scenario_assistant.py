"""`assistant`, the default: greets, acknowledges every turn, knows no more than that it heard something."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from local_engine.actions import Action, Say
from local_engine.scenario import ToolOutcome, UserTurn, digits_of
from local_engine.scenario_receptionist import spoken_keys

GREETING = "Hello! How can I help you today?"
_ANSWERS = (
    "I hear you. Please go on.",
    "Thank you, I have noted that. Is there anything else?",
    "All right. What else can I do for you?",
)

PHRASES = (GREETING, *_ANSWERS)


class Assistant:
    """A polite listener."""

    name = "assistant"
    echo = False

    def __init__(self) -> None:
        self._answers = cycle(_ANSWERS)

    def greeting(self) -> Sequence[Action]:
        return (Say(GREETING),)

    def joined(self) -> Sequence[Action]:
        return ()

    def user_turn(self, turn: UserTurn) -> Sequence[Action]:
        return (Say(next(self._answers)),)

    def user_text(self, text: str) -> Sequence[Action]:
        digits = digits_of(text)
        if digits is not None:
            return (Say(f"You pressed {spoken_keys(digits)}."),)
        return (Say(next(self._answers)),)

    def tool_outcome(self, outcome: ToolOutcome) -> Sequence[Action]:
        if not outcome.reacts:
            return ()
        return (Say("I am sorry, that did not work." if outcome.failure else "That is done."),)

    def interrupted(self) -> None:
        return None
