"""`echo`: the caller's audio returns frame by frame, at once.

Nothing is said unless the call prescribes a first text.
"""

from __future__ import annotations

from collections.abc import Sequence

from local_engine.actions import Action
from local_engine.scenario import ToolOutcome, UserTurn


class Echo:
    """The mirror used for measurement: the socket returns audio itself while the agent is quiet."""

    name = "echo"
    echo = True

    def greeting(self) -> Sequence[Action]:
        return ()

    def joined(self) -> Sequence[Action]:
        return ()

    def user_turn(self, turn: UserTurn) -> Sequence[Action]:
        return ()

    def user_text(self, text: str) -> Sequence[Action]:
        return ()

    def tool_outcome(self, outcome: ToolOutcome) -> Sequence[Action]:
        return ()

    def interrupted(self) -> None:
        return None
