"""What else the account has: voices, models, tools, and the account itself."""

from __future__ import annotations

import asyncio
import io
import uuid
import wave
from typing import Any

import msgspec
from aiohttp import web

from local_engine.durations import format_timestamp, utc_now
from local_engine.errors import InvalidRequest, NotFound
from local_engine.pages import page
from local_engine.requests import ToolBody
from local_engine.rest_support import ENGINE, json_object, reply
from local_engine.speech import Speech, SpeechKey
from local_engine.tools import StoredTool, check_definition
from local_engine.validation import MODELS, SCENARIO_MODELS, convert, external_voice
from local_engine.views import stored_tool_view, voice_view
from local_engine.voices import CATALOGUE, find_voice

SAMPLE_RATE = 24_000

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


@routes.get("/api/voices/{voice_id}/preview")
async def voice_sample(request: web.Request) -> web.Response:
    found = find_voice(request.match_info["voice_id"])
    if found is None:
        raise NotFound("No Voice matches the given query.")
    return await _sample(request, found.voice_id, found.name)


@routes.post("/api/voice_preview")
async def external_voice_sample(request: web.Request) -> web.Response:
    body = await json_object(request)
    voice, name = external_voice(body.get("definition")), body.get("name")
    if voice is None or not isinstance(name, str):
        raise InvalidRequest("definition: names no voice")
    return await _sample(request, voice, name)


async def _sample(request: web.Request, voice: str, name: str) -> web.Response:
    """A few words in a voice, as WAV."""
    speech = request.app[ENGINE].speech
    done: asyncio.Future[Speech] = asyncio.get_running_loop().create_future()
    key = SpeechKey(f"Hello, I am {name[:40]}. How do I sound?", speech.voice(voice, None), SAMPLE_RATE)
    speech.request(key, done.set_result)
    audio = io.BytesIO()
    with wave.open(audio, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((await done).pcm)
    return web.Response(body=audio.getvalue(), content_type="audio/wav")


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
