"""Recordings: what is known of one, its deletion, and the file itself behind a signed link."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from control_api.api_route import ApiRoute, organization_of
from control_api.byte_range import RangeNotSatisfiableError, has_etag, requested_range
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.errors import error_response
from control_api.path_ids import path_id
from control_api.schemas_recordings import RecordingOut, render_recording
from control_api.schemas_shared import Envelope
from control_api.services import CallService
from gateway.recordings.service import KeptRecording, RecordingService

TAG = "recordings"

_AUDIO: dict[str, dict[str, str]] = {"audio/mpeg": {}, "audio/ogg": {}, "audio/wav": {}}


def recordings_router(prefix: str, calls: CallService, recordings: RecordingService) -> APIRouter:
    """`{prefix}/calls/{id}/recording`."""
    router = APIRouter(prefix=f"{prefix}/calls", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "/{call_id}/recording",
        operation_id="get_call_recording",
        response_model=Envelope[RecordingOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_call_recording(request: Request, call_id: str) -> Response:
        """What has become of the call's recording, and a fresh link to it."""
        call = await calls.get(organization_of(request), path_id(call_id, "call"))
        return single(request, render_recording(call, recordings.url(call, str(request.base_url))))

    @router.delete(
        "/{call_id}/recording",
        operation_id="delete_call_recording",
        status_code=204,
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_call_recording(request: Request, call_id: str) -> Response:
        """Remove the recording for good; the call itself stays."""
        await recordings.delete(await calls.get(organization_of(request), path_id(call_id, "call")))
        return Response(status_code=204)

    return router


def recording_files_router(recordings: RecordingService) -> APIRouter:
    """`/recordings/{name}`, where `recording_url` leads. No key is needed: the link is the permission."""
    router = APIRouter(tags=[TAG])

    @router.head("/recordings/{name}", include_in_schema=False)
    @router.get(
        "/recordings/{name}",
        operation_id="download_recording",
        response_class=Response,
        responses={
            200: {"description": "The whole recording.", "content": _AUDIO},
            206: {"description": "The range that was asked for.", "content": _AUDIO},
            304: {"description": "The client has it already."},
            **{
                status: answer
                for status, answer in answers(Answers.PLAIN, 403, 404, 416).items()
                if status not in (401, 429)
            },
        },
    )
    async def download_recording(
        request: Request,
        name: str,
        token: Annotated[str | None, Query()] = None,
        expires: Annotated[str | None, Query()] = None,
    ) -> Response:
        """The recording's bytes. Ranges, ETag and If-Range work as players expect (RFC 9110)."""
        return await _file(request, recordings, await recordings.open(name, token, expires))

    return router


async def _file(request: Request, recordings: RecordingService, kept: KeptRecording) -> Response:
    size = kept.file.size_bytes
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": kept.etag,
        # Not kept by caches: it may be deleted, and the link expires.
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{kept.name}"',
        "X-Content-Type-Options": "nosniff",
    }
    asked = request.headers
    if has_etag(asked.get("if-none-match"), kept.etag):
        return Response(status_code=304, headers=headers)
    try:
        wanted = requested_range(asked.get("range"), asked.get("if-range"), kept.etag, size)
    except RangeNotSatisfiableError:
        return error_response(
            request.scope,
            416,
            "range_not_satisfiable",
            f"The recording has {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    start, stop = wanted or (0, size)
    headers["Content-Length"] = str(stop - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    pieces = await recordings.read(kept, start, stop)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        await pieces.aclose()
        return Response(status_code=status, headers=headers, media_type=kept.content_type)
    return _Pieces(pieces, status_code=status, headers=headers, media_type=kept.content_type)


class _Pieces(StreamingResponse):
    """Closes what it reads from, also when the client goes away."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        status_code: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(pieces, status_code, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()
