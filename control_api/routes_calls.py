"""`/calls`: place, read, list, hang up, cancel, the timeline and the quality."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.call_query import CallQuery
from control_api.documentation import Answers, answers
from control_api.envelope import json_response, listing, meta, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_calls import (
    CallCreate,
    CallOut,
    CallReadOut,
    TimelineEventOut,
    render_timeline_event,
)
from control_api.schemas_quality import CallQualityOut, render_quality
from control_api.schemas_shared import Envelope, ListEnvelope
from control_api.services import CallService
from gateway.call_object import render_call
from gateway.recordings.service import RecordingService
from store.records import CallRecord

TAG = "calls"


def calls_router(prefix: str, calls: CallService, recordings: RecordingService) -> APIRouter:
    """The routes under `{prefix}/calls`."""
    router = APIRouter(prefix=f"{prefix}/calls", tags=[TAG], route_class=ApiRoute)

    def shown(request: Request, call: CallRecord) -> dict[str, Any]:
        return render_call(call, recordings.url(call, str(request.base_url)))

    @router.post(
        "",
        status_code=201,
        operation_id="create_call",
        response_model=Envelope[CallOut],
        responses=answers(Answers.BODY, 404, 502),
    )
    async def create_call(request: Request, body: CallCreate) -> Response:
        """Place a call. It is answered at once with the call `queued`; dialling goes on behind it."""
        call = await calls.create(organization_of(request), body.to_new_call())
        return single(request, shown(request, call), 201)

    @router.get(
        "",
        operation_id="list_calls",
        response_model=ListEnvelope[CallOut],
        responses=answers(Answers.QUERY),
    )
    async def list_calls(
        request: Request, wanted: CallQuery, limit: Limit = 50, offset: Offset = 0
    ) -> Response:
        """The organisation's calls, newest first."""
        page = await calls.list(organization_of(request), wanted, limit, offset)
        return listing(request, page, lambda call: shown(request, call))

    @router.get(
        "/{call_id}",
        operation_id="get_call",
        response_model=CallReadOut,
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_call(request: Request, call_id: str) -> Response:
        """One call. Its fields stand at the top level and, the same, under `data`."""
        call = shown(request, await calls.get(organization_of(request), path_id(call_id, "call")))
        return json_response({**call, "data": call, "meta": meta(request.scope)})

    @router.get(
        "/{call_id}/timeline",
        operation_id="get_call_timeline",
        response_model=Envelope[list[TimelineEventOut]],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_call_timeline(request: Request, call_id: str) -> Response:
        """Every step of the call so far, in order."""
        events = await calls.timeline(organization_of(request), path_id(call_id, "call"))
        return single(request, [render_timeline_event(event) for event in events])

    @router.get(
        "/{call_id}/quality",
        operation_id="get_call_quality",
        response_model=Envelope[CallQualityOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_call_quality(request: Request, call_id: str) -> Response:
        """Network, sound and conversation of each leg, live while the call is up, and what is wrong."""
        quality = await calls.quality(organization_of(request), path_id(call_id, "call"))
        return single(request, render_quality(quality))

    @router.post(
        "/{call_id}/hangup",
        operation_id="hang_up_call",
        response_model=Envelope[CallOut],
        responses=answers(Answers.IDEMPOTENT, 404, 409),
    )
    async def hang_up_call(request: Request, call_id: str) -> Response:
        """End a call in progress. The answer shows the call as it then stands."""
        call = await calls.hang_up(organization_of(request), path_id(call_id, "call"))
        return single(request, shown(request, call))

    @router.post(
        "/{call_id}/cancel",
        operation_id="cancel_call",
        response_model=Envelope[CallOut],
        responses=answers(Answers.IDEMPOTENT, 404, 409),
    )
    async def cancel_call(request: Request, call_id: str) -> Response:
        """Take back an outbound call that nobody answered yet; the answer shows it as it then stands."""
        call = await calls.cancel(organization_of(request), path_id(call_id, "call"))
        return single(request, shown(request, call))

    return router
