"""`/api/calls`: create, list, get, delete, history, events, tools, stages, recording, data messages."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from aiohttp import web

from local_engine.data_messages import (
    ForcedAgentMessage,
    HangUpMessage,
    MalformedMessage,
    UnknownMessage,
    UserTextMessage,
    decode_message,
)
from local_engine.errors import InvalidRequest, NotFound, WrongState
from local_engine.faults import CreateFault
from local_engine.pages import page
from local_engine.recorder import wav_file
from local_engine.records import AgentRecord, CallRecord
from local_engine.requests import CallBody
from local_engine.rest_support import ADDRESSES, ENGINE, json_object, reply
from local_engine.validation import convert
from local_engine.views import call_tool_view, call_view, event_view, message_view

routes = web.RouteTableDef()

_SEVERITIES = ("debug", "info", "warning", "error")


async def met_by_fault(request: web.Request) -> CreateFault | web.Response | None:
    """The armed fault for this creation, or the refusal it asks for."""
    fault = request.app[ENGINE].plan.take()
    if fault is None:
        return None
    if fault.delay_ms:
        await asyncio.sleep(fault.delay_ms / 1000)
    if fault.disconnect:
        if request.transport is not None:
            request.transport.abort()
        return reply({"detail": "disconnected"}, status=503)
    if fault.status:
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return reply({"detail": fault.detail or "Refused on demand."}, status=fault.status, headers=headers)
    return fault


async def create(
    request: web.Request,
    raw: dict[str, Any],
    *,
    agent: AgentRecord | None = None,
    prior_call_id: str | None = None,
) -> web.Response:
    """Create a call from a complete body: 201 with the Call object."""
    fault = await met_by_fault(request)
    if isinstance(fault, web.Response):
        return fault
    engine = request.app[ENGINE]
    addresses = request.app[ADDRESSES]
    record = engine.create_call(
        convert(raw, CallBody),
        raw,
        addresses.socket_base(request),
        addresses.slow_base(request),
        agent=agent,
        prior_call_id=prior_call_id,
        greeting_prompt=request.query.get("enableGreetingPrompt", "true").lower() not in ("false", "0"),
        planned_faults=fault.call if fault else "",
    )
    return reply(call_view(record), status=201)


@routes.post("/api/calls")
async def create_call(request: web.Request) -> web.Response:
    raw = await json_object(request)
    prior_call_id = request.query.get("priorCallId")
    if prior_call_id is not None:
        prior = request.app[ENGINE].prior_call(prior_call_id)
        kept = {name: value for name, value in prior.body.items() if name != "initialMessages"}
        raw = {**kept, **raw}
    return await create(request, raw, prior_call_id=prior_call_id)


@routes.get("/api/calls")
async def list_calls(request: web.Request) -> web.Response:
    calls = [record for record in request.app[ENGINE].book if _matches(record, request)]
    calls.sort(
        key=lambda record: record.created, reverse=request.query.get("sort", "-created").startswith("-")
    )
    return reply(page(request, calls, call_view))


def _matches(record: CallRecord, request: web.Request) -> bool:
    for name, value in request.query.items():
        if name.startswith("metadata.") and record.settings.metadata.get(name[9:]) != value:
            return False
        if name == "agentIds" and record.agent_id not in request.query.getall("agentIds"):
            return False
        if name == "voiceId" and record.settings.voice != value:
            return False
        if name == "search" and value.lower() not in record.settings.system_prompt.lower():
            return False
        if name in ("fromDate", "toDate"):
            created = record.created.date()
            day = _date(name, value)
            if (name == "fromDate" and created < day) or (name == "toDate" and created > day):
                return False
        if name in ("durationMin", "durationMax"):
            lasted = _lasted(record)
            if (name == "durationMin" and lasted < _number(name, value)) or (
                name == "durationMax" and lasted > _number(name, value)
            ):
                return False
    return True


def _date(name: str, value: str) -> Any:
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).date()
    except ValueError as error:
        raise InvalidRequest(f"{name}: not a date") from error


def _number(name: str, value: str) -> float:
    try:
        return float(value.removesuffix("s"))
    except ValueError as error:
        raise InvalidRequest(f"{name}: not a duration") from error


def _lasted(record: CallRecord) -> float:
    if record.joined is None or record.ended is None:
        return 0.0
    return (record.ended - record.joined).total_seconds()


def _call(request: web.Request) -> CallRecord:
    return request.app[ENGINE].book.get(request.match_info["call_id"])


@routes.get("/api/calls/{call_id}")
async def get_call(request: web.Request) -> web.Response:
    return reply(call_view(_call(request)))


@routes.delete("/api/calls/{call_id}")
async def delete_call(request: web.Request) -> web.Response:
    record = _call(request)
    if record.joined is not None and record.ended is None:
        # Reported of the service: deleting is no way to hang up.
        raise InvalidRequest("The call is in progress.")
    request.app[ENGINE].forget_call(record)
    return web.Response(status=204)


@routes.get("/api/calls/{call_id}/messages")
async def messages(request: web.Request) -> web.Response:
    record = _call(request)
    mode = request.query.get("mode", "last_stage")
    if mode not in ("last_stage", "in_call"):
        raise InvalidRequest("mode: last_stage or in_call")
    last = len(record.stage_ids) - 1
    listed = [
        (index, message)
        for index, message in enumerate(record.history)
        if (index >= record.inherited if mode == "in_call" else message.stage == last)
    ]
    return reply(page(request, listed, lambda each: message_view(record, *each)))


@routes.get("/api/calls/{call_id}/events")
async def events(request: web.Request) -> web.Response:
    record = _call(request)
    severity = request.query.get("minimum_severity", "info")
    if severity not in _SEVERITIES:
        raise InvalidRequest(f"minimum_severity: one of {list(_SEVERITIES)}")
    least = _SEVERITIES.index(severity)
    kind = request.query.get("type")
    listed = [
        event
        for event in record.events
        if _SEVERITIES.index(event.severity) >= least and (kind is None or event.type == kind)
    ]
    return reply(page(request, listed, lambda event: event_view(record, event)))


@routes.get("/api/calls/{call_id}/tools")
async def tools(request: web.Request) -> web.Response:
    return reply([call_tool_view(tool) for tool in _call(request).settings.tools.tools])


@routes.get("/api/calls/{call_id}/stages")
async def stages(request: web.Request) -> web.Response:
    record = _call(request)
    return reply(page(request, record.stage_ids, lambda stage: _stage(record, stage)))


@routes.get("/api/calls/{call_id}/stages/{stage_id}")
async def stage(request: web.Request) -> web.Response:
    record = _call(request)
    return reply(_stage(record, record.stage_ids[_stage_index(record, request)]))


@routes.get("/api/calls/{call_id}/stages/{stage_id}/messages")
async def stage_messages(request: web.Request) -> web.Response:
    record = _call(request)
    wanted = _stage_index(record, request)
    listed = [(index, each) for index, each in enumerate(record.history) if each.stage == wanted]
    return reply(page(request, listed, lambda each: message_view(record, *each)))


@routes.get("/api/calls/{call_id}/stages/{stage_id}/tools")
async def stage_tools(request: web.Request) -> web.Response:
    record = _call(request)
    _stage_index(record, request)
    return reply([call_tool_view(tool) for tool in record.settings.tools.tools])


def _stage_index(record: CallRecord, request: web.Request) -> int:
    try:
        return record.stage_ids.index(request.match_info["stage_id"])
    except ValueError as error:
        raise NotFound("No CallStage matches the given query.") from error


def _stage(record: CallRecord, stage_id: str) -> dict[str, Any]:
    return {
        "callId": record.call_id,
        "callStageId": stage_id,
        "created": call_view(record)["created"],
        "model": record.settings.model,
        "systemPrompt": record.settings.system_prompt,
        "voice": record.settings.voice,
    }


@routes.get("/api/calls/{call_id}/recording")
async def recording(request: web.Request) -> web.Response:
    record = _call(request)
    recorder = record.session.recorder if record.session is not None else None
    if not record.settings.recording_enabled or recorder is None or record.ended is None:
        raise NotFound("There is no recording of this call.")
    pcm = await asyncio.to_thread(recorder.mixed_pcm)
    return web.Response(body=wav_file(pcm, recorder.rate), content_type="audio/wav")


@routes.post("/api/calls/{call_id}/send_data_message")
async def send_data_message(request: web.Request) -> web.Response:
    record = _call(request)
    data = await request.read()
    try:
        message = decode_message(data)
    except (MalformedMessage, UnknownMessage) as error:
        raise InvalidRequest(f"not a data message: {error}") from error
    if not isinstance(message, ForcedAgentMessage | HangUpMessage | UserTextMessage):
        raise InvalidRequest("type: forced_agent_message, hang_up or user_text_message")
    if record.session is None or record.joined is None or record.ended is not None:
        raise WrongState("The call is not joined.")
    record.session.on_message(message, time.monotonic())
    return web.Response(status=204)


@routes.get("/api/deleted_calls")
async def deleted_calls(request: web.Request) -> web.Response:
    return reply(page(request, list(request.app[ENGINE].deleted.values()), dict))


@routes.get("/api/deleted_calls/{call_id}")
async def deleted_call(request: web.Request) -> web.Response:
    tombstone = request.app[ENGINE].deleted.get(request.match_info["call_id"])
    if tombstone is None:
        raise NotFound("No DeletedCall matches the given query.")
    return reply(tombstone)
