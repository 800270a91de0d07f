"""The shape of every answer: `data` + `meta`, lists with `pagination`, errors with `error`; and how values
are written.

Answers are encoded once, from plain dictionaries, by msgspec: validating our own output again on each
request would cost more than the rest of a read. That the answers match the documented models is held by
tests instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.timestamps import timestamp
from store.records import Page

T = TypeVar("T")

JSON = "application/json"

REQUEST_ID = "trunkline.request_id"
"""Key of the ASGI scope under which the middleware puts the request's id."""

_encode = msgspec.json.Encoder().encode


def duration(milliseconds: int | None) -> str | None:
    """A duration as the API writes it: `"30s"`, `"1.5s"`; None stays None."""
    if milliseconds is None:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    if not rest:
        return f"{seconds}s"
    return f"{seconds}.{rest:03d}".rstrip("0") + "s"


def meta(scope: Scope) -> dict[str, str]:
    """The `meta` of every answer: the request's id and the server's time."""
    return {"request_id": scope[REQUEST_ID], "ts": timestamp(datetime.now(UTC))}


def json_response(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as a JSON response."""
    return Response(_encode(content), status_code=status, headers=headers, media_type=JSON)


def single(request: Request, data: Any, status: int = 200) -> Response:
    """One object (or one unpaged list) in its envelope."""
    return json_response({"data": data, "meta": meta(request.scope)}, status)


def listing(request: Request, page: Page[T], render: Callable[[T], dict[str, Any]]) -> Response:
    """A page of a list in its envelope, each item written by `render`."""
    return json_response(
        {
            "data": [render(item) for item in page.items],
            "pagination": {
                "total": page.total,
                "limit": page.limit,
                "offset": page.offset,
                "has_more": page.has_more,
            },
            "meta": meta(request.scope),
        }
    )
