"""Server-Sent Events (WHATWG HTML, section 9.2): what the event streams give, as `text/event-stream`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from control_api.schemas_calls import render_timeline_event
from control_api.schemas_live import render_snapshot
from control_api.schemas_quality import render_quality
from gateway.call_object import render_call
from gateway.call_quality import CallQuality
from gateway.event_bus import CallEvent, EventsDropped
from gateway.event_stream import Heartbeat, StreamItem
from gateway.live_board import Snapshot
from store.records import CallRecord, TimelineEvent

MEDIA_TYPE = "text/event-stream"
# Milliseconds after which a browser comes back when the connection broke.
RETRY_MS = 2_000

_encode = msgspec.json.Encoder(enc_hook=str).encode


def event_block(kind: str, data: Any, event_id: str | None = None) -> bytes:
    """One event. `data` is one line of JSON, so that it needs no splitting."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {kind}\ndata: ".encode() + _encode(data) + b"\n\n"


def block_of(item: StreamItem | Snapshot) -> bytes:
    """An item of a stream as it is written."""
    match item:
        case CallEvent():
            return event_block(item.kind, {"call_id": item.call_id, **_plain(item)}, item.id)
        case CallRecord():
            return event_block("call", render_call(item))
        case TimelineEvent():
            return event_block("timeline", {"call_id": item.call_id, **render_timeline_event(item)})
        case CallQuality():
            return event_block("quality", render_quality(item))
        case EventsDropped():
            return event_block("events-dropped", {"count": item.count})
        case Snapshot():
            return _live_block(item)
        case Heartbeat():
            return b": \n\n"


@lru_cache(maxsize=16)
def _live_block(snapshot: Snapshot) -> bytes:
    """A snapshot is one object for all who watch: it is written once, not once for each of them."""
    return event_block("live", render_snapshot(snapshot))


def _plain(event: CallEvent) -> dict[str, Any]:
    """The event's data, by the names that the rest of the API uses."""
    data = dict(event.data)
    if "step" in data:
        data["kind"] = data.pop("step")
    return data


class EventStreamResponse(Response):
    """Sends a stream until it ends or the client has gone. A client that does not read holds up nothing but
    its own stream, whose queue is bounded.
    """

    media_type = MEDIA_TYPE

    def __init__(self, items: AsyncGenerator[StreamItem] | AsyncGenerator[Snapshot]) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, media_type=MEDIA_TYPE
        )
        del self.headers["content-length"]
        self._items = items

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._items) as items:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await _body(send, f"retry: {RETRY_MS}\n\n".encode())
            async for item in items:
                await _body(send, block_of(item))
            await send({"type": "http.response.body", "body": b""})


async def _body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
