"""`/calls/{call_id}/...`: what can be done to a call in progress. Each verb answers with the call as it then
stands; what comes of it is on the timeline.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.path_ids import path_id
from control_api.schemas_calls import CallOut
from control_api.schemas_control import DigitsIn, MessageIn, MuteIn, PlayIn, SayIn
from control_api.schemas_shared import Envelope
from control_api.services import CallControlService
from gateway.call_control import RecordingVerb
from gateway.call_object import render_call

TAG = "call control"


def call_control_router(prefix: str, control: CallControlService) -> APIRouter:
    """The verbs under `{prefix}/calls/{call_id}`."""
    router = APIRouter(prefix=f"{prefix}/calls/{{call_id}}", tags=[TAG], route_class=ApiRoute)
    with_body = answers(Answers.BODY, 404)
    without = answers(Answers.IDEMPOTENT, 404)

    @router.post("/say", operation_id="say", response_model=Envelope[CallOut], responses=with_body)
    async def say(request: Request, call_id: str, body: SayIn) -> Response:
        """Have the agent say something, word for word."""
        call = await control.say(
            organization_of(request),
            path_id(call_id, "call"),
            body.text,
            uninterruptible=body.uninterruptible,
            urgency=body.urgency,
        )
        return single(request, render_call(call))

    @router.post("/message", operation_id="message", response_model=Envelope[CallOut], responses=with_body)
    async def message(request: Request, call_id: str, body: MessageIn) -> Response:
        """Tell the agent something, as if the caller had written it."""
        call = await control.message(
            organization_of(request), path_id(call_id, "call"), body.text, urgency=body.urgency
        )
        return single(request, render_call(call))

    @router.post(
        "/play",
        status_code=202,
        operation_id="play",
        response_model=Envelope[CallOut],
        responses=with_body,
    )
    async def play(request: Request, call_id: str, body: PlayIn) -> Response:
        """Play a sound file in place of the agent. `play-started`, `play-finished` or `play-failed` follow on
        the timeline."""
        call = await control.play(
            organization_of(request),
            path_id(call_id, "call"),
            path=body.path,
            url=body.url,
            loop=body.loop,
            volume=body.volume,
        )
        return single(request, render_call(call), 202)

    @router.post("/stop-play", operation_id="stop_play", response_model=Envelope[CallOut], responses=without)
    async def stop_play(request: Request, call_id: str) -> Response:
        """Stop what is being played, if anything is."""
        call = await control.stop_play(organization_of(request), path_id(call_id, "call"))
        return single(request, render_call(call))

    @router.post("/mute", operation_id="mute", response_model=Envelope[CallOut], responses=with_body)
    async def mute(request: Request, call_id: str, body: MuteIn | None = None) -> Response:
        """Mute one side for the other."""
        side = (body or MuteIn()).side
        call = await control.mute(organization_of(request), path_id(call_id, "call"), side, muted=True)
        return single(request, render_call(call))

    @router.post("/unmute", operation_id="unmute", response_model=Envelope[CallOut], responses=with_body)
    async def unmute(request: Request, call_id: str, body: MuteIn | None = None) -> Response:
        """End what `mute` began."""
        side = (body or MuteIn()).side
        call = await control.mute(organization_of(request), path_id(call_id, "call"), side, muted=False)
        return single(request, render_call(call))

    @router.post(
        "/hold", status_code=202, operation_id="hold", response_model=Envelope[CallOut], responses=without
    )
    async def hold(request: Request, call_id: str) -> Response:
        """Put the far party on hold: music for it, silence for the agent, by a re-INVITE. The timeline tells
        what the far side says to that."""
        call = await control.hold(organization_of(request), path_id(call_id, "call"), held=True)
        return single(request, render_call(call), 202)

    @router.post(
        "/unhold", status_code=202, operation_id="unhold", response_model=Envelope[CallOut], responses=without
    )
    async def unhold(request: Request, call_id: str) -> Response:
        """Take the far party back from hold."""
        call = await control.hold(organization_of(request), path_id(call_id, "call"), held=False)
        return single(request, render_call(call), 202)

    @router.post(
        "/dtmf", status_code=202, operation_id="dtmf", response_model=Envelope[CallOut], responses=with_body
    )
    async def dtmf(request: Request, call_id: str, body: DigitsIn) -> Response:
        """Press keys for the far party: as RFC 4733 events, or as tones if it takes none. `digits-sent`
        follows on the timeline."""
        call = await control.send_digits(organization_of(request), path_id(call_id, "call"), body.digits)
        return single(request, render_call(call), 202)

    @router.post(
        "/recording/{verb}",
        operation_id="control_recording",
        response_model=Envelope[CallOut],
        responses=without,
    )
    async def control_recording(request: Request, call_id: str, verb: RecordingVerb) -> Response:
        """Start, stop, pause or resume the recording; while it is paused silence is recorded."""
        call = await control.recording(organization_of(request), path_id(call_id, "call"), verb)
        return single(request, render_call(call))

    return router
