"""What else the account has: voices, models, tools, and the account itself."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from aiohttp import web

from local_engine.durations import format_timestamp, utc_now
from local_engine.errors import InvalidRequest, NotFound
from local_engine.pages import page
from local_engine.requests import ToolBody
from local_engine.rest_support import ENGINE, json_object, reply
from local_engine.tools import StoredTool, check_definition
from local_engine.validation import MODELS, SCENARIO_MODELS, convert
from local_engine.views import stored_tool_view, voice_view
from local_engine.voices import CATALOGUE, find_voice

routes = web.RouteTableDef()

ACCOUNT_ID = "00000000-0000-4000-8000-000000000001"


@routes.get("/api/voices")
async def voices(request: web.Request) -> web.Response:
    search = request.query.get("search", "").lower()
    language = request.query.get("primaryLanguage", "").lower()
    listed = [
        voice
        for voice in CATALOGUE
        if search in f"{voice.name} {voice.description}".lower()
        and voice.language.lower().startswith(language)
    ]
    if request.query.get("ownership") == "private":
        listed = []
    return reply(page(request, listed, voice_view))


@routes.get("/api/voices/{voice_id}")
async def voice(request: web.Request) -> web.Response:
    found = find_voice(request.match_info["voice_id"])
    if found is None:
        raise NotFound("No Voice matches the given query.")
    return reply(voice_view(found))


@routes.get("/api/models")
async def models(request: web.Request) -> web.Response:
    return reply(page(request, (*MODELS, *SCENARIO_MODELS), lambda name: {"name": name}))


@routes.get("/api/tools")
async def tools(request: web.Request) -> web.Response:
    search = request.query.get("search", "").lower()
    listed = [tool for tool in request.app[ENGINE].tools.stored.values() if search in tool.name.lower()]
    return reply(page(request, listed, stored_tool_view))


def _tool(request: web.Request) -> StoredTool:
    tool = request.app[ENGINE].tools.stored.get(request.match_info["tool_id"])
    if tool is None:
        raise NotFound("No Tool matches the given query.")
    return tool


async def _definition(request: web.Request, tool_id: str, created: str) -> StoredTool:
    body = convert(await json_object(request), ToolBody)
    if not body.name or len(body.name) > 64:
        raise InvalidRequest("name: required, at most 64 characters")
    if body.definition is None:
        raise InvalidRequest("definition: required")
    definition = body.definition
    if definition.model_tool_name is None:
        definition = msgspec.structs.replace(definition, model_tool_name=body.name)
    check_definition(definition, "definition")
    return StoredTool(tool_id, body.name, created, definition)


@routes.post("/api/tools")
async def create_tool(request: web.Request) -> web.Response:
    catalogue = request.app[ENGINE].tools
    if len(catalogue.stored) >= catalogue.limit:
        raise InvalidRequest(f"at most {catalogue.limit} tools")
    tool = await _definition(request, str(uuid.uuid4()), format_timestamp(utc_now()))
    _name_is_free(request, tool)
    catalogue.stored[tool.tool_id] = tool
    return reply(stored_tool_view(tool), status=201)


def _name_is_free(request: web.Request, tool: StoredTool) -> None:
    for other in request.app[ENGINE].tools.stored.values():
        if other.name == tool.name and not other.built_in and other.tool_id != tool.tool_id:
            raise InvalidRequest(f"name: a tool named {tool.name!r} exists already")


@routes.get("/api/tools/{tool_id}")
async def get_tool(request: web.Request) -> web.Response:
    return reply(stored_tool_view(_tool(request)))


@routes.put("/api/tools/{tool_id}")
async def put_tool(request: web.Request) -> web.Response:
    old = _private(_tool(request))
    tool = await _definition(request, old.tool_id, old.created)
    _name_is_free(request, tool)
    request.app[ENGINE].tools.stored[old.tool_id] = tool
    return reply(stored_tool_view(tool))


@routes.delete("/api/tools/{tool_id}")
async def delete_tool(request: web.Request) -> web.Response:
    del request.app[ENGINE].tools.stored[_private(_tool(request)).tool_id]
    return web.Response(status=204)


def _private(tool: StoredTool) -> StoredTool:
    if tool.built_in:
        raise NotFound("No Tool matches the given query.")
    return tool


@routes.get("/api/accounts/me")
async def account(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    view: dict[str, Any] = {
        "name": "local",
        "accountId": ACCOUNT_ID,
        "billingUrl": None,
        "freeTimeUsed": "0s",
        "freeTimeRemaining": "0s",
        "hasActiveSubscription": True,
        "subscriptionTier": "LOCAL",
        "activeCalls": engine.book.alive,
        "allowedConcurrentCalls": None,
        "allowedVoices": None,
    }
    return reply(view)
