"""What a watcher gets: where things stand, what happens, how it sounds, and the end."""

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from gateway import event_stream
from gateway.call import Call
from gateway.call_quality import CONTACT_LEG, CallQuality, LegQuality
from gateway.calls import CallService
from gateway.errors import LimitExceededError, NotFoundError
from gateway.event_bus import SUBSCRIBER_LIMIT, CallEvent, EventBus, EventsDropped
from gateway.event_stream import EventStreams, Heartbeat, StreamItem
from gateway.failure_reasons import EndReason
from store.records import CallRecord, TimelineEvent
from tests.gateway.samples import in_progress


class OneCall:
    """The call service of a gateway with one call."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def get(self, organization_id: str, call_id: str) -> CallRecord:
        if (organization_id, call_id) != ("org", self.call.id):
            raise NotFoundError("no such call")
        return self.call.record

    async def timeline(self, organization_id: str, call_id: str) -> tuple[TimelineEvent, ...]:
        return self.call.timeline

    async def quality(self, organization_id: str, call_id: str) -> CallQuality:
        return CallQuality(call_id, not self.call.terminal, None, (LegQuality(CONTACT_LEG, {"mos": 4.4}),))


class Scene:
    def __init__(self) -> None:
        self.bus = EventBus()
        self.call = in_progress()
        self.call.tell(self.bus)
        self.streams = EventStreams(self.bus, cast("CallService", OneCall(self.call)))

    async def watch(self, after: str | None = None) -> AsyncGenerator[StreamItem]:
        return await self.streams.of_call("org", self.call.id, after)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_stream_begins_with_the_call_and_its_timeline_and_ends_with_the_call(scene: Scene) -> None:
    stream = await scene.watch()
    assert await anext(stream) == scene.call.record
    before = len(scene.call.timeline)
    assert [await anext(stream) for _ in range(before)] == list(scene.call.timeline)
    scene.call.step("say")
    scene.call.announce("agent-state", state="speaking")
    scene.call.end(EndReason.API_HANGUP)
    rest = [item async for item in stream]
    events = [item for item in rest if isinstance(item, CallEvent)]
    assert [event.kind for event in events] == ["timeline", "agent-state", "timeline", "status"]
    assert [event.data["sequence"] for event in events if event.kind == "timeline"] == [
        before + 1,
        before + 2,
    ]
    assert events[-1].data["status"] == "ended"
    assert events[-1].data["end_reason"] == "api-hangup"
    assert scene.bus.subscribers == 0


async def test_how_it_sounds_is_told_from_time_to_time_however_much_happens(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "QUALITY_INTERVAL_S", 0.0)
    stream = await scene.watch()
    for _ in range(1 + len(scene.call.timeline)):
        await anext(stream)
    for _ in range(20):
        scene.call.step("busy")
    items = [await anext(stream) for _ in range(10)]
    assert sum(isinstance(item, CallQuality) for item in items) >= 2
    await stream.aclose()
    assert scene.bus.subscribers == 0


async def test_a_call_that_is_over_is_told_as_it_stands(scene: Scene) -> None:
    scene.call.end(EndReason.API_HANGUP)
    items = [item async for item in await scene.watch()]
    assert items == [scene.call.record, *scene.call.timeline]


async def test_who_comes_back_gets_what_was_missed_and_not_the_beginning(scene: Scene) -> None:
    stream = await scene.watch()
    for _ in range(1 + len(scene.call.timeline)):
        await anext(stream)
    scene.call.step("first")
    seen = ""
    async for item in stream:
        if isinstance(item, CallEvent):
            seen = item.id
            break
    await stream.aclose()
    scene.call.step("second")
    scene.call.end(EndReason.API_HANGUP)
    items = [item async for item in await scene.watch(seen)]
    assert items[0] == scene.call.record
    kinds = [item.data["step"] for item in items if isinstance(item, CallEvent) and item.kind == "timeline"]
    assert kinds == ["second", "status"]


async def test_who_comes_back_too_late_is_told_of_the_gap(scene: Scene) -> None:
    scene.call.end(EndReason.API_HANGUP)
    items = [item async for item in await scene.watch("ffff-7")]
    assert items == [scene.call.record, EventsDropped(None)]


async def test_calls_of_others_cannot_be_watched(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        await scene.streams.of_call("another", scene.call.id, None)


async def test_a_quiet_stream_shows_that_it_lives(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_INTERVAL_S", 0.0)
    stream = await scene.streams.of_organization("org", None)
    assert [await anext(stream) for _ in range(3)] == [Heartbeat()] * 3
    scene.call.step("said")
    item = await anext(stream)
    assert isinstance(item, CallEvent)
    assert item.data["step"] == "said"
    await stream.aclose()


async def test_streams_end_when_the_gateway_stops(scene: Scene) -> None:
    stream = await scene.streams.of_organization("org", None)
    await anext(stream)
    waiting = asyncio.create_task(_all(stream))
    await asyncio.sleep(0)
    scene.bus.close()
    assert await asyncio.wait_for(waiting, 5) in ([], [Heartbeat()])


async def test_too_many_watchers_are_refused_before_a_stream_begins(scene: Scene) -> None:
    for _ in range(SUBSCRIBER_LIMIT):
        scene.bus.subscribe("org")
    with pytest.raises(LimitExceededError):
        await scene.streams.of_organization("org", None)
    with pytest.raises(LimitExceededError):
        await scene.watch()


async def _all(stream: AsyncGenerator[StreamItem]) -> list[StreamItem]:
    return [item async for item in stream]
