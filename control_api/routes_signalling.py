"""`/calls/{id}/sip` and `/sip`: what was said in SIP, as JSON, text, a picture or a capture file."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope, Timestamp
from control_api.schemas_signalling import SipLadderOut, SipTraceOut, render_ladder, render_summary
from control_api.services import CallService
from gateway.errors import NotFoundError
from gateway.signalling import capture_file, ladder_picture
from gateway.signalling.ladder import Ladder
from gateway.signalling.ladder_text import ladder_text
from gateway.signalling.traces import CallTraces, TraceFilter

TAG = "signalling"


class LadderFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SVG = "svg"
    PCAP = "pcap"


_BY_MEDIA_TYPE = {
    "application/json": LadderFormat.JSON,
    "text/plain": LadderFormat.TEXT,
    ladder_picture.MEDIA_TYPE: LadderFormat.SVG,
    capture_file.MEDIA_TYPE: LadderFormat.PCAP,
}
# A picture is opened by browsers as a document of ours: it may do nothing.
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_LADDER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Envelope[SipLadderOut],
        "description": "The ladder.",
        "content": {"text/plain": {}, ladder_picture.MEDIA_TYPE: {}, capture_file.MEDIA_TYPE: {}},
    }
}
Format = Annotated[
    LadderFormat | None, Query(description="How it is shown; without it as `Accept` says, else JSON.")
]


def signalling_router(prefix: str, calls: CallService, traces: CallTraces) -> APIRouter:
    """The routes under `{prefix}/sip`, and `{prefix}/calls/{call_id}/sip`."""
    router = APIRouter(prefix=prefix, tags=[TAG], route_class=ApiRoute)

    @router.get(
        "/calls/{call_id}/sip",
        operation_id="get_call_sip",
        response_class=Response,
        responses=answers(Answers.QUERY, 404) | _LADDER,
    )
    async def get_call_sip(request: Request, call_id: str, format: Format = None) -> Response:
        """The SIP messages of a call, all its legs, in order: live, and for a while after it. Failed calls'
        are kept longer. Without credentials, media keys and pressed keys."""
        call = await calls.get(organization_of(request), path_id(call_id, "call"))
        return _shown(request, await traces.of_call(call), format)

    @router.get(
        "/sip/traces",
        operation_id="list_sip_traces",
        response_model=ListEnvelope[SipTraceOut],
        responses=answers(Answers.QUERY),
    )
    async def list_sip_traces(
        request: Request,
        sip_call_id: Annotated[str | None, Query(max_length=512, description="The whole Call-ID.")] = None,
        number: Annotated[
            str | None, Query(min_length=1, max_length=64, description="A part of From or To.")
        ] = None,
        source: Annotated[
            str | None, Query(max_length=64, description="Who began: an address, with or without port.")
        ] = None,
        since: Annotated[Timestamp | None, Query(description="Something was said since then.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The signalling that is in memory on this node, also what never became a call, newest first."""
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        wanted = TraceFilter(sip_call_id, number, source, since)
        page = await traces.search(organization_of(request), wanted, limit, offset)
        return listing(request, page, render_summary)

    @router.get(
        "/sip/trace",
        operation_id="get_sip_trace",
        response_class=Response,
        responses=answers(Answers.QUERY, 404) | _LADDER,
    )
    async def get_sip_trace(
        request: Request, sip_call_id: Annotated[str, Query(max_length=512)], format: Format = None
    ) -> Response:
        """All that was said under one Call-ID, as far as it is in memory on this node and yours to see."""
        ladder = traces.of_sip_call_id(organization_of(request), sip_call_id)
        if ladder is None:
            raise NotFoundError("nothing is kept under this Call-ID", sip_call_id=sip_call_id)
        return _shown(request, ladder, format)

    return router


def _shown(request: Request, ladder: Ladder, wanted: LadderFormat | None) -> Response:
    name = ladder.call_id or "sip"
    match wanted or _accepted(request.headers.get("accept", "")):
        case LadderFormat.TEXT:
            text = ladder_text(ladder).encode("utf-8", "replace")
            return Response(text, media_type="text/plain; charset=utf-8")
        case LadderFormat.SVG:
            picture = ladder_picture.ladder_picture(ladder).encode("utf-8", "replace")
            headers = {"Content-Security-Policy": _PICTURE_POLICY, "X-Content-Type-Options": "nosniff"}
            return Response(picture, media_type=ladder_picture.MEDIA_TYPE, headers=headers)
        case LadderFormat.PCAP:
            capture = capture_file.capture_file(step.message for step in ladder.steps)
            headers = {"Content-Disposition": f'attachment; filename="{name}.pcap"'}
            return Response(capture, media_type=capture_file.MEDIA_TYPE, headers=headers)
        case _:
            return single(request, render_ladder(ladder))


def _accepted(accept: str) -> LadderFormat:
    """The first of the types named that we have."""
    for entry in accept.split(","):
        found = _BY_MEDIA_TYPE.get(entry.partition(";")[0].strip().lower())
        if found is not None:
            return found
    return LadderFormat.JSON
