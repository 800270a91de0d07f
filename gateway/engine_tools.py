"""From the tools of an agent to what the engine is told about them.

HTTP tools are carried out by the engine itself. Client tools come back over the call's socket, so that the
engine knows their name, their parameters and their time limit and nothing else; so do the gateway's own,
which act on the telephone call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from media.ultravox.protocol import format_duration
from store.agent_part_records import KnowledgeBase, Tool, ToolKind

TRANSFER = "transferCall"
COMPLETE_TOOL = "completeTransfer"
CANCEL_TOOL = "cancelTransfer"
LEAVE_VOICEMAIL = "leaveVoicemail"
RESERVED_NAMES = frozenset(
    {"hangUp", "queryCorpus", "playDtmfSounds", TRANSFER, COMPLETE_TOOL, CANCEL_TOOL, LEAVE_VOICEMAIL}
)

CLIENT_TIMEOUT_MS = 10_000  # of a client tool that names none
_BODY = "PARAMETER_LOCATION_BODY"


def selected_tool(tool: Tool) -> dict[str, Any]:
    """A tool as `selectedTools` has it."""
    definition: dict[str, Any] = {"modelToolName": tool.model_tool_name, "description": tool.description}
    http = tool.kind is ToolKind.HTTP
    if tool.dynamic_parameters:
        definition["dynamicParameters"] = [
            {
                "name": each["name"],
                "location": _location(each) if http else _BODY,
                "schema": each["schema"],
                "required": each["required"],
            }
            for each in tool.dynamic_parameters
        ]
    if http:
        if tool.static_parameters:
            definition["staticParameters"] = [
                {"name": each["name"], "location": _location(each), "value": each["value"]}
                for each in tool.static_parameters
            ]
        definition["http"] = {"baseUrlPattern": tool.url, "httpMethod": tool.method}
    else:
        definition["client"] = {}
    timeout_ms = tool.timeout_ms if http else tool.timeout_ms or CLIENT_TIMEOUT_MS
    if timeout_ms is not None:
        definition["timeout"] = format_duration(timeout_ms)
    return {"temporaryTool": definition}


def _location(parameter: Mapping[str, Any]) -> str:
    return f"PARAMETER_LOCATION_{parameter['location'].upper()}"


def knowledge_tools(base: KnowledgeBase | None) -> tuple[dict[str, Any], ...]:
    """The engine's own tool for looking something up."""
    if base is None:
        return ()
    return ({"toolName": "queryCorpus", "parameterOverrides": {"corpus_id": base.corpus_id}},)


def built_in_tools(config: Mapping[str, Any] | None, *, outbound: bool) -> tuple[dict[str, Any], ...]:
    """The gateway's own tools, as far as the agent may use them."""
    config = config or {}
    transfer = config.get("transfer") or {}
    kinds = [kind for kind in ("cold", "warm") if transfer.get(kind)]
    tools = []
    if kinds:
        tools.append(
            _own_tool(
                TRANSFER,
                "Hands the caller over to a person. Say what you are about to do before you use it.",
                {
                    "to": {
                        "type": "string",
                        "description": "Whom to transfer to, if the caller named somebody.",
                    },
                    "kind": {
                        "type": "string",
                        "enum": kinds,
                        "description": "warm: the person is told about the call first; cold: at once.",
                    },
                    "extension": {
                        "type": "string",
                        "description": "Keys to press when it is answered, if your instructions name them;"
                        " each w waits half a second.",
                    },
                    "reason": {
                        "type": "string",
                        "description": "Why, in a few words; with warm, what the person is to be told.",
                    },
                },
                required=("kind",),
            )
        )
    if "warm" in kinds:
        tools.append(
            _own_tool(
                COMPLETE_TOOL,
                "Puts the waiting caller through to the person you speak with in a warm transfer.",
                {},
                required=(),
            )
        )
        tools.append(
            _own_tool(
                CANCEL_TOOL,
                "Gives a warm transfer up: the person is hung up on, and the caller is back with you.",
                {},
                required=(),
            )
        )
    if outbound and config.get("leave_voicemail"):
        tools.append(
            _own_tool(
                LEAVE_VOICEMAIL,
                "Leaves a message after the beep and ends the call. Use it when a machine has answered.",
                {"message": {"type": "string", "description": "The message, word for word."}},
                required=("message",),
            )
        )
    return tuple(tools)


def _own_tool(
    name: str, description: str, parameters: Mapping[str, Any], *, required: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "temporaryTool": {
            "modelToolName": name,
            "description": description,
            "dynamicParameters": [
                {"name": each, "location": _BODY, "schema": schema, "required": each in required}
                for each, schema in parameters.items()
            ],
            "timeout": format_duration(CLIENT_TIMEOUT_MS),
            "client": {},
        }
    }
