"""What an agent says and does: the interface of a scenario, and how a call chooses one.

A scenario answers events with actions and never touches the call itself. It is chosen by a marker in the
system prompt (`[scenario:echo]`), by `metadata.scenario`, or by the model (`local-echo`), in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from local_engine.actions import Action
from local_engine.call_settings import CallSettings
from local_engine.errors import InvalidRequest

_MARKER = re.compile(r"\[scenario:([a-z_]+)\]")
_MODEL_PREFIX = "local-"

NAMES = ("assistant", "receptionist", "echo", "script")


@dataclass(frozen=True, slots=True)
class UserTurn:
    """The caller spoke: `heard` is their audio, s16le mono at the call's output rate; `speech_ms` of it is
    speech.
    """

    speech_ms: float
    heard: bytes


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """A tool answered or failed (`failure` says why)."""

    name: str
    arguments: Mapping[str, Any]
    result: str
    failure: str | None
    reacts: bool = True
    """Whether the agent is to speak about it; a script goes on either way."""


class Scenario(Protocol):
    """An agent's behaviour. Each method returns what to do, in order; nothing means: go on listening."""

    name: str
    echo: bool
    """Whether the caller's audio is to be returned as it comes instead of being listened to."""

    def greeting(self) -> Sequence[Action]:
        """The agent speaks first and no text is prescribed."""

    def joined(self) -> Sequence[Action]:
        """The opening is over (or there is none)."""

    def user_turn(self, turn: UserTurn) -> Sequence[Action]:
        """The caller finished speaking."""

    def user_text(self, text: str) -> Sequence[Action]:
        """A text message came for the agent: keys pressed, or words."""

    def tool_outcome(self, outcome: ToolOutcome) -> Sequence[Action]:
        """A tool the agent used is done."""

    def interrupted(self) -> None:
        """What the agent was doing was cut short by the caller."""


def scenario_name(settings: CallSettings) -> str:
    """Which scenario a call asks for. Raises `InvalidRequest` for an unknown one."""
    marker = _MARKER.search(settings.system_prompt)
    name = marker[1] if marker else settings.metadata.get("scenario")
    if name is None:
        name = (
            settings.model.removeprefix(_MODEL_PREFIX)
            if settings.model.startswith(_MODEL_PREFIX)
            else NAMES[0]
        )
    if name not in NAMES:
        raise InvalidRequest(f"scenario: unknown name {name!r}, one of {list(NAMES)}")
    return name


def digits_of(text: str) -> str | None:
    """The keys in a text message that reports keys (`"5"`, `"12#"`, `"DTMF received: 5"`), else `None`."""
    bare = re.fullmatch(r"(?:DTMF received:\s*)?([0-9A-D*#](?:[\s,]*[0-9A-D*#])*)", text.strip())
    return re.sub(r"[\s,]", "", bare[1]) if bare else None
