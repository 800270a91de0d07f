"""Tool use inside a call: what a result message means, and how built-in tools become actions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local_engine.actions import Action, HangUp, Keypad, Say
from local_engine.data_messages import ClientToolResult
from local_engine.durations import DurationError, parse_duration
from local_engine.tools import CallTool, ToolKind


class Reaction(StrEnum):
    """What the agent does once a tool has answered."""

    SPEAKS = "speaks"
    LISTENS = "listens"
    SPEAKS_ONCE = "speaks-once"


@dataclass(frozen=True, slots=True)
class PendingTool:
    """A tool that was invoked and has not answered: the conversation is frozen until `deadline`."""

    invocation_id: str
    name: str
    arguments: Mapping[str, Any]
    deadline: float
    reaction: Reaction
    spoke_before: bool


@dataclass(frozen=True, slots=True)
class HangUpRequest:
    """The body of a `hang-up` result."""

    message: str | None
    strict: bool


def default_reaction(tool: CallTool) -> Reaction:
    """`defaultReaction` of the definition."""
    name = tool.default_reaction.removeprefix("AGENT_REACTION_").lower().replace("_", "-")
    return Reaction(name) if name in set(Reaction) else Reaction.SPEAKS


def reaction_of(result: ClientToolResult, pending: PendingTool) -> Reaction:
    """The reaction a result asks for, or the tool's own; unknown spellings count as `speaks`."""
    if result.agent_reaction is None:
        return pending.reaction
    return Reaction(result.agent_reaction) if result.agent_reaction in set(Reaction) else Reaction.SPEAKS


def reacts(reaction: Reaction, spoke_before: bool) -> bool:
    """Whether the agent speaks now."""
    return reaction is Reaction.SPEAKS or (reaction is Reaction.SPEAKS_ONCE and not spoke_before)


def hang_up_request(result: str | None) -> HangUpRequest:
    """Read the JSON string of a `hang-up` result; anything else is taken as the message to speak."""
    try:
        body = json.loads(result or "{}")
    except json.JSONDecodeError:
        return HangUpRequest(result or None, strict=True)
    if not isinstance(body, dict):
        return HangUpRequest(None, strict=True)
    message = body.get("message")
    return HangUpRequest(str(message) if message else None, strict=body.get("strict") is not False)


def built_in_actions(tool: CallTool, arguments: Mapping[str, Any]) -> tuple[Action, ...] | None:
    """What a tool the service carries out itself does here, or `None` when this engine cannot do it."""
    values = {**arguments, **tool.parameter_overrides}
    strict = values.get("strict") is not False
    match tool.base_name:
        case "hangUp":
            return (HangUp(soft=not strict),)
        case "leaveVoicemail":
            return (Say(str(values.get("message", "")), uninterruptible=strict), HangUp(soft=not strict))
        case "playDtmfSounds":
            return (
                Keypad(
                    str(values.get("digits", "")),
                    _milliseconds(values.get("toneDuration"), 200.0),
                    _milliseconds(values.get("spaceDuration"), 100.0),
                ),
            )
    return None


def immediate_answer(tool: CallTool) -> str | None:
    """The result of a tool with a static response, which needs nobody."""
    if tool.kind is ToolKind.STATIC and tool.definition.static_response is not None:
        return str(tool.definition.static_response.get("responseText", ""))
    return None


def _milliseconds(value: Any, default: float) -> float:
    if isinstance(value, int | float):
        return float(value) * 1000
    if isinstance(value, str):
        try:
            return parse_duration(value) * 1000
        except DurationError:
            return default
    return default
