from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from control_api.event_source import EventStreamResponse, block_of
from gateway.call_quality import CallQuality
from gateway.event_bus import CallEvent, EventsDropped
from gateway.event_stream import Heartbeat, StreamItem
from gateway.live_board import Snapshot
from store.records import CallDirection, CallRecord, CallStatus, TimelineEvent


def fields(block: bytes) -> dict[str, Any]:
    """The fields of one event, its data decoded."""
    assert block.endswith(b"\n\n")
    found = dict(line.split(": ", 1) for line in block.decode().strip().splitlines())
    return found | ({"data": json.loads(found["data"])} if "data" in found else {})


def test_an_event_is_one_line_of_json_whatever_it_holds() -> None:
    block = block_of(CallEvent("r-7", "c1", "transcript", {"text": "two\nlines\r\nand id: 9", "final": True}))
    assert block.count(b"\n") == 4
    assert fields(block) == {
        "id": "r-7",
        "event": "transcript",
        "data": {"call_id": "c1", "text": "two\nlines\r\nand id: 9", "final": True},
    }


def test_a_snapshot_is_written_once_for_all_who_watch() -> None:
    def snapshot() -> Snapshot:
        return Snapshot(datetime.now(UTC), (), 0, dict.fromkeys(CallDirection, 0), {}, 0, {}, ())

    shown = snapshot()
    assert block_of(shown) is block_of(shown)
    assert fields(block_of(shown))["data"]["call_count"] == 0
    assert block_of(snapshot()) is not block_of(shown)


def test_steps_look_the_same_whether_they_come_live_or_from_the_past() -> None:
    step = {"sequence": 3, "t_ms": 20, "detail": {"side": "agent"}}
    live = fields(block_of(CallEvent("r-1", "c1", "timeline", step | {"step": "muted"})))
    past = fields(block_of(TimelineEvent("c1", 3, 20, "muted", {"side": "agent"})))
    assert live["data"] == past["data"] == {"call_id": "c1", "kind": "muted"} | step
    assert "id" not in past, "it is no place to go on from"


def test_the_other_items() -> None:
    record = CallRecord("c1", "org", CallStatus.RINGING, CallDirection.INBOUND, "a1", datetime.now(UTC))
    assert fields(block_of(record))["data"]["status"] == "ringing"
    assert fields(block_of(CallQuality("c1", True, None, ())))["data"]["legs"] == []
    assert fields(block_of(EventsDropped(None))) == {"event": "events-dropped", "data": {"count": None}}
    assert block_of(Heartbeat()).startswith(b":")


class Connection:
    """An ASGI connection whose client leaves when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self.begun = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.begun.set()


class Items:
    def __init__(self) -> None:
        self.closed = False

    async def endless(self) -> AsyncGenerator[StreamItem]:
        try:
            yield Heartbeat()
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_a_stream_whose_client_has_gone_is_closed() -> None:
    connection, items = Connection(), Items()
    response = EventStreamResponse(items.endless())
    serving = asyncio.create_task(response({"type": "http"}, connection.receive, connection.send))
    await asyncio.wait_for(connection.begun.wait(), 5)
    assert not items.closed
    connection.gone.set()
    await asyncio.wait_for(serving, 5)
    assert items.closed


async def test_a_stream_that_is_cancelled_is_closed() -> None:
    connection, items = Connection(), Items()
    response = EventStreamResponse(items.endless())
    serving = asyncio.create_task(response({"type": "http"}, connection.receive, connection.send))
    await asyncio.wait_for(connection.begun.wait(), 5)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert items.closed
