"""What tests ask and the real service does not have: `/inspect` looks into calls, `/faults` arms faults.

These paths lie outside `/api` and need no key: the engine listens on loopback.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from aiohttp import web

from local_engine.errors import NotFound
from local_engine.faults import CreateFault
from local_engine.pages import page
from local_engine.recorder import Recorder, wav_file
from local_engine.records import CallRecord
from local_engine.rest_support import ENGINE, json_object, reply
from local_engine.validation import convert
from local_engine.views import timestamp

routes = web.RouteTableDef()


def inspection(record: CallRecord) -> dict[str, Any]:
    """What the engine saw of a call."""
    counters = record.counters
    socket = record.settings.socket
    session = record.session
    return {
        "callId": record.call_id,
        "metadata": dict(record.settings.metadata),
        "created": timestamp(record.created),
        "joined": timestamp(record.joined),
        "ended": timestamp(record.ended),
        "endReason": record.end_reason.value if record.end_reason else None,
        "scenario": record.scenario,
        "state": session.conversation.state if session else None,
        "callState": session.call_state if session else None,
        "inputSampleRate": socket.input_rate,
        "outputSampleRate": socket.output_rate,
        "receivedMs": round(counters.bytes_received * 500 / socket.input_rate, 1),
        "sentMs": round(counters.bytes_sent * 500 / socket.output_rate, 1),
        **{_camel(name): value for name, value in dataclasses.asdict(counters).items()},
        "history": [
            {"role": each.role.value, "text": each.text, "medium": each.medium} for each in record.history
        ],
        "events": [
            {"severity": each.severity, "type": each.type, "text": each.text} for each in record.events
        ],
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _recorder(request: web.Request) -> Recorder:
    record = request.app[ENGINE].book.get(request.match_info["call_id"])
    recorder = record.session.recorder if record.session is not None else None
    if recorder is None:
        raise NotFound("No audio of this call is kept (an echo call keeps it with metadata inspect=1).")
    return recorder


@routes.get("/inspect/calls")
async def inspect_calls(request: web.Request) -> web.Response:
    calls = list(request.app[ENGINE].book)
    for name, value in request.query.items():
        if name.startswith("metadata."):
            calls = [each for each in calls if each.settings.metadata.get(name[9:]) == value]
    return reply(page(request, calls, inspection))


@routes.get("/inspect/calls/{call_id}")
async def inspect_call(request: web.Request) -> web.Response:
    return reply(inspection(request.app[ENGINE].book.get(request.match_info["call_id"])))


@routes.get("/inspect/calls/{call_id}/input.wav")
async def input_wav(request: web.Request) -> web.Response:
    recorder = _recorder(request)
    return web.Response(body=wav_file(recorder.input_pcm(), recorder.rate), content_type="audio/wav")


@routes.get("/inspect/calls/{call_id}/output.wav")
async def output_wav(request: web.Request) -> web.Response:
    recorder = _recorder(request)
    rate = request.app[ENGINE].book.get(request.match_info["call_id"]).settings.socket.output_rate
    return web.Response(body=wav_file(recorder.output_pcm(), rate), content_type="audio/wav")


@routes.get("/inspect")
async def inspect(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    return reply(
        {
            "started": timestamp(engine.started),
            "callsCreated": engine.book.created,
            "callsAlive": engine.book.alive,
            "callsJoined": engine.book.joined,
            "callsKept": len(engine.book),
            "lateTicks": engine.clock.late_ticks,
            "speechPending": engine.speech.pending,
            "speechRefused": engine.speech.refused,
            "speechFailed": engine.speech.failed,
            "faultsWaiting": engine.plan.waiting,
            "faultsServed": engine.plan.served,
        }
    )


@routes.post("/faults")
async def arm_fault(request: web.Request) -> web.Response:
    plan = request.app[ENGINE].plan
    plan.add(convert(await json_object(request), CreateFault))
    return reply({"waiting": plan.waiting}, status=201)


@routes.get("/faults")
async def armed_faults(request: web.Request) -> web.Response:
    plan = request.app[ENGINE].plan
    return reply({"waiting": plan.waiting, "served": plan.served})


@routes.delete("/faults")
async def disarm_faults(request: web.Request) -> web.Response:
    request.app[ENGINE].plan.clear()
    return web.Response(status=204)
