"""The tools of a call: selected by name, id or in place, under the name the model sees."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from local_engine.durations import DurationError, parse_duration
from local_engine.errors import InvalidRequest
from local_engine.requests import SelectedTool, ToolDefinition

DEFAULT_TIMEOUT_S = 2.5
MAX_TIMEOUT_S = 40.0

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BODY = "PARAMETER_LOCATION_BODY"


class ToolKind(StrEnum):
    """Who carries a tool out."""

    BUILT_IN = "built-in"
    CLIENT = "client"
    HTTP = "http"
    DATA_CONNECTION = "dataConnection"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class StoredTool:
    """A tool of the account: a built-in or one made by POST /api/tools."""

    tool_id: str
    name: str
    created: str
    definition: ToolDefinition
    built_in: bool = False


# Their public ids, so that selection by id works as with the service.
_BUILT_INS = (
    ("56294126-5a7d-4948-b67d-3b7e13d55ea7", "hangUp", "Ends the call."),
    ("8721c74d-af3f-4dfa-a736-3bc170ef917c", "leaveVoicemail", "Leaves a message and ends the call."),
    ("84a31bac-5c1b-41c3-9058-f81acb7ffaa7", "queryCorpus", "Looks something up."),
    ("3e9489b1-25de-4032-bb3d-f7b84765ec93", "playDtmfSounds", "Plays keypad tones."),
    ("2fff509d-273f-414e-91ff-aa933435a545", "coldTransfer", "Passes the call on."),
    ("0f7cba0c-9f6c-4c47-8a0e-54b46d9c3a11", "warmTransfer", "Passes the call on after an introduction."),
)


class ToolCatalogue:
    """The account's tools. `limit` bounds those made by clients."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.stored: dict[str, StoredTool] = {
            tool_id: StoredTool(
                tool_id,
                name,
                "2026-01-01T00:00:00.000000Z",
                ToolDefinition(model_tool_name=name, description=description),
                built_in=True,
            )
            for tool_id, name, description in _BUILT_INS
        }

    def by_name(self, name: str) -> StoredTool | None:
        """The tool of this name; one made by a client shadows a built-in."""
        found: StoredTool | None = None
        for tool in self.stored.values():
            if tool.name == name and (found is None or found.built_in):
                found = tool
        return found


@dataclass(frozen=True, slots=True)
class CallTool:
    """One tool as a call has it."""

    call_tool_id: str
    tool_id: str | None
    name: str
    base_name: str
    kind: ToolKind
    timeout_s: float
    default_reaction: str
    definition: ToolDefinition
    parameter_overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallTools:
    """The tools of a call by the name the model sees."""

    tools: tuple[CallTool, ...] = ()

    def get(self, name: str) -> CallTool | None:
        """The tool of this name, or `None`."""
        for tool in self.tools:
            if tool.name == name:
                return tool
        return None


def check_definition(definition: ToolDefinition, field_name: str) -> None:
    """The rules for a tool definition. Raises `InvalidRequest`."""
    name = definition.model_tool_name
    if not name or not _NAME.fullmatch(name):
        raise InvalidRequest(f"{field_name}.modelToolName: must match ^[a-zA-Z0-9_-]{{1,64}}$")
    kinds = [definition.http, definition.client, definition.data_connection]
    given = sum(kind is not None for kind in kinds)
    if given != 1:
        raise InvalidRequest(f"{field_name}: exactly one of http, client and dataConnection")
    if definition.http is None:
        for parameter in definition.dynamic_parameters or ():
            if parameter.location != _BODY:
                raise InvalidRequest(
                    f"{field_name}.dynamicParameters.{parameter.name}: client tools take body parameters only"
                )
        for parameter in [*(definition.static_parameters or ()), *(definition.automatic_parameters or ())]:
            if parameter.location != _BODY:
                raise InvalidRequest(f"{field_name}.{parameter.name}: client tools take body parameters only")
    _timeout(definition, field_name)


def _timeout(definition: ToolDefinition, field_name: str) -> float:
    if definition.timeout is None:
        return DEFAULT_TIMEOUT_S
    try:
        timeout = parse_duration(definition.timeout)
    except DurationError as error:
        raise InvalidRequest(f"{field_name}.timeout: {error}") from error
    if not 0 < timeout <= MAX_TIMEOUT_S:
        raise InvalidRequest(f"{field_name}.timeout: more than 0 and at most 40 seconds")
    return timeout


def _kind(definition: ToolDefinition, built_in: bool) -> ToolKind:
    if built_in:
        return ToolKind.BUILT_IN
    if definition.static_response is not None:
        return ToolKind.STATIC
    if definition.client is not None:
        return ToolKind.CLIENT
    return ToolKind.HTTP if definition.http is not None else ToolKind.DATA_CONNECTION


def resolve_tools(selected: Sequence[SelectedTool], catalogue: ToolCatalogue) -> CallTools:
    """The tools a call gets from `selectedTools`. Raises `InvalidRequest` naming the entry."""
    tools: list[CallTool] = []
    names: set[str] = set()
    for place, choice in enumerate(selected):
        field_name = f"selectedTools[{place}]"
        given = [
            value for value in (choice.tool_id, choice.tool_name, choice.temporary_tool) if value is not None
        ]
        if len(given) != 1:
            raise InvalidRequest(f"{field_name}: exactly one of toolId, toolName and temporaryTool")
        tool_id: str | None = None
        built_in = False
        if choice.temporary_tool is not None:
            definition = choice.temporary_tool
            check_definition(definition, f"{field_name}.temporaryTool")
        else:
            stored = (
                catalogue.stored.get(choice.tool_id)
                if choice.tool_id
                else catalogue.by_name(choice.tool_name or "")
            )
            if stored is None:
                raise InvalidRequest(f"{field_name}: no such tool {choice.tool_id or choice.tool_name!r}")
            definition, tool_id, built_in = stored.definition, stored.tool_id, stored.built_in
        base_name = definition.model_tool_name or ""
        name = choice.name_override or base_name
        if not _NAME.fullmatch(name):
            raise InvalidRequest(f"{field_name}.nameOverride: must match ^[a-zA-Z0-9_-]{{1,64}}$")
        if name in names:
            raise InvalidRequest(f"{field_name}: the name {name!r} is used twice")
        names.add(name)
        if choice.description_override is not None:
            definition = msgspec.structs.replace(definition, description=choice.description_override)
        tools.append(
            CallTool(
                call_tool_id=str(uuid.uuid4()),
                tool_id=tool_id,
                name=name,
                base_name=base_name,
                kind=_kind(definition, built_in),
                timeout_s=_timeout(definition, field_name),
                default_reaction=definition.default_reaction or "AGENT_REACTION_SPEAKS",
                definition=definition,
                parameter_overrides=dict(choice.parameter_overrides or {}),
            )
        )
    return CallTools(tuple(tools))
