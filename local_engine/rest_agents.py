"""`/api/agents`: stored call templates, and calls made from them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local_engine.durations import utc_now
from local_engine.engine import MAX_AGENTS, Engine
from local_engine.errors import InvalidRequest, NotFound
from local_engine.pages import page
from local_engine.records import AgentRecord
from local_engine.requests import AgentBody, CallBody, SelectedTool, ToolOverrides
from local_engine.rest_calls import create
from local_engine.rest_support import ENGINE, json_object, reply
from local_engine.tools import resolve_tools
from local_engine.validation import convert
from local_engine.views import agent_view, call_view

routes = web.RouteTableDef()

_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")

# What a call from an agent may set itself; everything else comes from the template.
_OVERRIDABLE = frozenset(
    (
        "initialMessages",
        "metadata",
        "medium",
        "joinTimeout",
        "maxDuration",
        "recordingEnabled",
        "initialOutputMedium",
        "firstSpeakerSettings",
        "dataConnection",
        "experimentalSettings",
        "callbacks",
        "voice",
        "voiceOverrides",
        "retentionPolicy",
        "sharedSecrets",
    )
)
_NOT_HERE = ("systemPrompt", "model", "temperature", "vadSettings")


def expand(text: str, context: Mapping[str, Any]) -> str:
    """Replace `{{name}}` by its value; a name the context lacks becomes nothing."""

    def value(match: re.Match[str]) -> str:
        found: Any = context
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return "" if found is None else str(found)

    return _VARIABLE.sub(value, text)


def fill_template(template: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """A template as a call body: variables expanded where the API expands them."""
    body = {name: value for name, value in template.items() if name != "contextSchema"}
    for name in ("systemPrompt", "languageHint", "timeExceededMessage"):
        if isinstance(body.get(name), str):
            body[name] = expand(body[name], context)
    if isinstance(body.get("inactivityMessages"), list):
        body["inactivityMessages"] = [
            {**each, "message": expand(str(each.get("message", "")), context)}
            for each in body["inactivityMessages"]
        ]
    if isinstance(body.get("selectedTools"), list):
        body["selectedTools"] = [_fill_tool(each, context) for each in body["selectedTools"]]
    return body


def _fill_tool(selected: dict[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(selected)
    if isinstance(filled.get("descriptionOverride"), str):
        filled["descriptionOverride"] = expand(filled["descriptionOverride"], context)
    tool = filled.get("temporaryTool")
    if isinstance(tool, dict):
        tool = dict(tool)
        if isinstance(tool.get("description"), str):
            tool["description"] = expand(tool["description"], context)
        tool["staticParameters"] = [
            {**each, "value": expand(each["value"], context)} if isinstance(each.get("value"), str) else each
            for each in tool.get("staticParameters") or []
        ]
        filled["temporaryTool"] = tool
    return filled


def check_context(template: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """What the template's `contextSchema` requires must be there. Raises `InvalidRequest`."""
    schema = template.get("contextSchema")
    required = schema.get("required") if isinstance(schema, Mapping) else None
    missing = [name for name in required or () if name not in context]
    if missing:
        raise InvalidRequest(f"templateContext: missing {missing}")


def apply_tool_overrides(engine: Engine, tools: list[Any], overrides: ToolOverrides) -> list[Any]:
    """`toolOverrides`: removals by the name the model sees, then additions."""
    kept: list[Any] = []
    if not overrides.remove_all:
        removed = set(overrides.remove or ())
        for each in tools:
            resolved = resolve_tools([convert(each, SelectedTool)], engine.tools)
            if resolved.tools[0].name not in removed:
                kept.append(each)
    return kept


def _checked(raw: dict[str, Any]) -> AgentBody:
    body = convert(raw, AgentBody)
    if body.name is not None and not 1 <= len(body.name) <= 64:
        raise InvalidRequest("name: 1 to 64 characters")
    if body.call_template is not None:
        convert(body.call_template, CallBody)
    return body


def _agent(request: web.Request) -> AgentRecord:
    agent = request.app[ENGINE].agents.get(request.match_info["agent_id"])
    if agent is None:
        raise NotFound("No Agent matches the given query.")
    return agent


def _name_is_free(engine: Engine, name: str, own: AgentRecord | None) -> None:
    if any(agent.name == name and agent is not own for agent in engine.agents.values()):
        raise InvalidRequest(f"name: an agent named {name!r} exists already")


@routes.post("/api/agents")
async def create_agent(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    body = _checked(await json_object(request))
    if not body.name:
        raise InvalidRequest("name: required")
    _name_is_free(engine, body.name, None)
    if len(engine.agents) >= MAX_AGENTS:
        raise InvalidRequest(f"at most {MAX_AGENTS} agents")
    agent = AgentRecord(
        str(uuid.uuid4()), body.name, utc_now(), dict(body.call_template or {}), str(uuid.uuid4())
    )
    engine.agents[agent.agent_id] = agent
    return reply(agent_view(agent), status=201)


@routes.get("/api/agents")
async def list_agents(request: web.Request) -> web.Response:
    return reply(page(request, list(request.app[ENGINE].agents.values()), agent_view))


@routes.get("/api/agents/{agent_id}")
async def get_agent(request: web.Request) -> web.Response:
    return reply(agent_view(_agent(request)))


@routes.patch("/api/agents/{agent_id}")
async def patch_agent(request: web.Request) -> web.Response:
    agent = _agent(request)
    body = _checked(await json_object(request))
    if body.name is not None:
        _name_is_free(request.app[ENGINE], body.name, agent)
        agent.name = body.name
    if body.call_template is not None:
        agent.template = dict(body.call_template)
        agent.revision_id = str(uuid.uuid4())
    return reply(agent_view(agent))


@routes.delete("/api/agents/{agent_id}")
async def delete_agent(request: web.Request) -> web.Response:
    agent = _agent(request)
    del request.app[ENGINE].agents[agent.agent_id]
    return web.Response(status=204)


@routes.get("/api/agents/{agent_id}/calls")
async def list_agent_calls(request: web.Request) -> web.Response:
    agent = _agent(request)
    calls = [record for record in request.app[ENGINE].book if record.agent_id == agent.agent_id]
    return reply(page(request, calls, call_view))


@routes.post("/api/agents/{agent_id}/calls")
async def create_agent_call(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    agent = _agent(request)
    start = await json_object(request)
    if "priorCallId" in request.query:
        raise InvalidRequest("priorCallId: not available for calls of agents")
    for name in _NOT_HERE:
        if start.get(name) is not None:
            raise InvalidRequest(f"{name}: comes from the agent and cannot be set here")
    context = start.get("templateContext") or {}
    if not isinstance(context, dict):
        raise InvalidRequest("templateContext: must be an object")
    check_context(agent.template, context)
    body = fill_template(agent.template, context)
    body.update({name: value for name, value in start.items() if name in _OVERRIDABLE and value is not None})
    if start.get("toolOverrides") is not None:
        overrides = convert(start["toolOverrides"], ToolOverrides)
        added = start["toolOverrides"].get("add") or []
        body["selectedTools"] = [
            *apply_tool_overrides(engine, body.get("selectedTools") or [], overrides),
            *added,
        ]
    return await create(request, body, agent=agent)
