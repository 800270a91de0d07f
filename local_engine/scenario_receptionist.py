"""`receptionist`: greets, plays back what it heard, reads out keys pressed, and hangs up on `#`."""

from __future__ import annotations

from collections.abc import Sequence

from local_engine.actions import Action, HangUp, Play, Say, Silence
from local_engine.scenario import ToolOutcome, UserTurn, digits_of

GREETING = "Welcome to Trunkline. Say something, and I will repeat it. Or press a key."
YOU_SAID = "You said:"
TOO_SHORT = "I am sorry, that was too short for me."
FAREWELL = "Goodbye."

_NAMES = {"*": "star", "#": "pound", "A": "A", "B": "B", "C": "C", "D": "D"}
# Speech shorter than this is a cough or a click: not worth playing back.
_MINIMUM_SPEECH_MS = 160.0

PHRASES = (GREETING, YOU_SAID, TOO_SHORT, FAREWELL, *(f"You pressed {digit}." for digit in range(10)))


def spoken_keys(digits: str) -> str:
    """`"5*"` as it is read out."""
    return ", ".join(_NAMES.get(digit, digit) for digit in digits)


class Receptionist:
    """The agent behind the demo number."""

    name = "receptionist"
    echo = False

    def greeting(self) -> Sequence[Action]:
        return (Say(GREETING),)

    def joined(self) -> Sequence[Action]:
        return ()

    def user_turn(self, turn: UserTurn) -> Sequence[Action]:
        if turn.speech_ms < _MINIMUM_SPEECH_MS or not turn.heard:
            return (Say(TOO_SHORT),)
        return (Say(YOU_SAID), Silence(150), Play(turn.heard))

    def user_text(self, text: str) -> Sequence[Action]:
        digits = digits_of(text)
        if digits is None:
            return (Say(f"You wrote: {text}"),)
        before, pound, _ = digits.partition("#")
        said = (Say(f"You pressed {spoken_keys(before)}."),) if before else ()
        if pound:
            return (*said, Say(FAREWELL, uninterruptible=True), HangUp())
        return said

    def tool_outcome(self, outcome: ToolOutcome) -> Sequence[Action]:
        if not outcome.reacts:
            return ()
        return (Say("That did not work." if outcome.failure else "Done."),)

    def interrupted(self) -> None:
        return None
