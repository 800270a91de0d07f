"""What the far side of a trunk may do in a call, and what a caller hears before the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ringback(StrEnum):
    """What a caller hears until the answer: what its own side makes of a 180, or a ringing tone of ours in
    early media (183 with a session description).
    """

    NONE = "none"
    TONE = "tone"


@dataclass(frozen=True, slots=True)
class TrunkDialog:
    """`allow_refer`: a REFER of the far side's sends the call on to whom it names; `allow_messages`: the text
    of its MESSAGEs is told to the agent.
    """

    allow_refer: bool = False
    allow_messages: bool = False
    ringback: Ringback = Ringback.NONE
