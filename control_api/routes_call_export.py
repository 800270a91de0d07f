"""`/calls/export`: all calls that fit a filter, as CSV or JSON lines, written as they are read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from control_api.api_route import ApiRoute, organization_of
from control_api.call_query import CallQuery
from control_api.documentation import Answers, answers
from control_api.routes_calls import TAG
from control_api.services import CallService
from gateway.call_object import render_call
from gateway.recordings.service import RecordingService
from store.records import CallRecord

COLUMNS = (
    "id",
    "status",
    "direction",
    "agent_id",
    "phone_number",
    "from_number",
    "created_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "cost_cents",
    "outcome",
    "answered_by",
    "failure_reason",
    "end_reason",
    "recording_url",
    "variables",
    "metadata",
)
"""Of the call object, in this order. Objects are written as JSON."""

Shown = Callable[[CallRecord], dict[str, Any]]


class ExportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


_MEDIA_TYPES = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSONL: "application/jsonl"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PHONE_NUMBER = re.compile(r"\+[0-9]+")
_encode = msgspec.json.Encoder().encode


def call_export_router(prefix: str, calls: CallService, recordings: RecordingService) -> APIRouter:
    """The route `{prefix}/calls/export`; it must stand before the one that reads a call by its id."""
    router = APIRouter(prefix=f"{prefix}/calls", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "/export",
        operation_id="export_calls",
        response_class=StreamingResponse,
        responses=answers(Answers.QUERY)
        | {200: {"description": "The calls.", "content": {"text/csv": {}, "application/jsonl": {}}}},
    )
    async def export_calls(
        request: Request, wanted: CallQuery, format: Annotated[ExportFormat, Query()] = ExportFormat.CSV
    ) -> StreamingResponse:
        """All the organisation's calls that fit, newest first, as a file."""
        base_url = str(request.base_url)

        def shown(call: CallRecord) -> dict[str, Any]:
            return render_call(call, recordings.url(call, base_url))

        write = _csv if format is ExportFormat.CSV else _json_lines
        return StreamingResponse(
            write(calls.pages(organization_of(request), wanted), shown),
            media_type=_MEDIA_TYPES[format],
            headers={"Content-Disposition": f'attachment; filename="calls.{format}"'},
        )

    return router


async def _csv(pages: AsyncIterator[list[CallRecord]], shown: Shown) -> AsyncIterator[str]:
    yield _csv_lines([COLUMNS])
    async for page in pages:
        yield _csv_lines([_cell(shown(call)[name]) for name in COLUMNS] for call in page)


async def _json_lines(pages: AsyncIterator[list[CallRecord]], shown: Shown) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(_encode(shown(call)) + b"\n" for call in page)


def _csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """RFC 4180."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """As text. What a spreadsheet would run as a formula is kept from it by an apostrophe; a phone number,
    whose plus means no harm, stays as it is.
    """
    if isinstance(value, dict):
        return _encode(value).decode()
    if isinstance(value, str) and value[:1] in _FORMULA and _PHONE_NUMBER.fullmatch(value) is None:
        return "'" + value
    return value
