"""Cursor pages: `{next, previous, results, total}` with full URLs. The cursor is opaque to clients."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from local_engine.errors import InvalidRequest

DEFAULT_PAGE = 100
MAX_PAGE = 1000

T = TypeVar("T")


def page(request: web.Request, items: Sequence[T], view: Callable[[T], Any]) -> dict[str, Any]:
    """The page of `items` that the request's `cursor` and `pageSize` ask for. Raises `InvalidRequest`."""
    offset = _offset(request.query.get("cursor"))
    try:
        size = int(request.query.get("pageSize", DEFAULT_PAGE))
    except ValueError as error:
        raise InvalidRequest("pageSize: must be a number") from error
    size = max(1, min(size, MAX_PAGE))
    following = offset + size

    def link(target: int) -> str:
        return str(request.url.update_query(cursor=_cursor(target), pageSize=size))

    return {
        "next": link(following) if following < len(items) else None,
        "previous": link(max(0, offset - size)) if offset > 0 else None,
        "results": [view(item) for item in items[offset:following]],
        "total": len(items),
    }


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o={offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        name, _, value = base64.urlsafe_b64decode(cursor.encode()).decode().partition("=")
        offset = int(value)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest("Invalid cursor") from error
    if name != "o" or offset < 0:
        raise InvalidRequest("Invalid cursor")
    return offset
