import asyncio

import pytest

from gateway import event_bus
from gateway.errors import LimitExceededError
from gateway.event_bus import KEPT_FOR_S, QUEUE_LIMIT, CallEvent, EventBus, EventsDropped, Subscription


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def drain(subscription: Subscription) -> list[CallEvent | EventsDropped]:
    """Everything that waits."""
    found: list[CallEvent | EventsDropped] = []
    while (event := await subscription.next(0)) is not None:
        found.append(event)
    return found


def numbers(events: list[CallEvent | EventsDropped]) -> list[int]:
    return [event.data["n"] for event in events if isinstance(event, CallEvent)]


async def test_without_subscribers_nothing_is_kept() -> None:
    bus = EventBus()
    assert not bus.active
    bus.publish("org", "call", "status", {"n": 1})
    assert await drain(bus.subscribe("org")) == []
    assert bus.active


async def test_subscribers_get_their_organisation_s_events_in_order() -> None:
    bus = EventBus()
    ours, theirs, one_call = bus.subscribe("us"), bus.subscribe("them"), bus.subscribe("us", call_id="b")
    for n, call in enumerate("aabba"):
        bus.publish("us", call, "timeline", {"n": n})
    events = await drain(ours)
    assert numbers(events) == [0, 1, 2, 3, 4]
    assert len({event.id for event in events if isinstance(event, CallEvent)}) == 5
    assert numbers(await drain(one_call)) == [2, 3]
    assert await drain(theirs) == []


async def test_who_waits_is_woken() -> None:
    bus = EventBus()
    subscription = bus.subscribe("org")
    waiting = asyncio.create_task(subscription.next(5))
    await asyncio.sleep(0)
    bus.publish("org", "call", "status", {"n": 1})
    event = await asyncio.wait_for(waiting, 5)
    assert isinstance(event, CallEvent)
    assert (event.call_id, event.kind, event.data) == ("call", "status", {"n": 1})


async def test_a_subscriber_that_does_not_read_loses_the_oldest_and_is_told() -> None:
    bus = EventBus()
    slow = bus.subscribe("org")
    for n in range(QUEUE_LIMIT + 30):
        bus.publish("org", "call", "timeline", {"n": n})
    events = await drain(slow)
    assert events[0] == EventsDropped(30)
    assert numbers(events) == list(range(30, QUEUE_LIMIT + 30))
    assert await drain(slow) == []


async def test_a_client_that_comes_back_goes_on_where_it_was() -> None:
    bus = EventBus()
    first = bus.subscribe("org", call_id="a")
    for n in range(3):
        bus.publish("org", "a", "timeline", {"n": n})
    seen = await first.next(0)
    assert isinstance(seen, CallEvent)
    bus.unsubscribe(first)
    bus.publish("org", "b", "timeline", {"n": 3})
    bus.publish("org", "a", "timeline", {"n": 4})
    again = bus.subscribe("org", call_id="a", after=seen.id)
    assert numbers(await drain(again)) == [1, 2, 4]


@pytest.mark.parametrize("after", ["", "nonsense", "ffffffff-1", "-1", "\u0663"])
async def test_an_id_that_is_not_known_is_a_gap_of_unknown_size(after: str) -> None:
    bus = EventBus()
    bus.subscribe("org")
    bus.publish("org", "a", "timeline", {"n": 1})
    again = bus.subscribe("org", after=after)
    bus.publish("org", "a", "timeline", {"n": 2})
    events = await drain(again)
    assert events[0] == EventsDropped(None)
    assert numbers(events) == [2]


async def test_events_that_are_no_longer_kept_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_bus, "KEPT_EVENTS", 10)
    bus = EventBus()
    first = bus.subscribe("org")
    bus.publish("org", "a", "timeline", {"n": 0})
    seen = await first.next(0)
    assert isinstance(seen, CallEvent)
    for n in range(1, 20):
        bus.publish("org", "a", "timeline", {"n": n})
    assert (await drain(bus.subscribe("org", after=seen.id)))[0] == EventsDropped(None)


async def test_what_nobody_watches_any_more_is_forgotten_after_a_while() -> None:
    time = Time()
    bus = EventBus(time)
    subscription = bus.subscribe("org")
    bus.publish("org", "a", "timeline", {"n": 1})
    bus.unsubscribe(subscription)
    time.now += KEPT_FOR_S - 1
    bus.publish("org", "a", "timeline", {"n": 2})
    assert bus.active
    time.now += 2
    bus.publish("org", "a", "timeline", {"n": 3})
    assert not bus.active
    assert bus.subscribers == 0


async def test_an_organisation_has_a_limited_number_of_watchers() -> None:
    bus = EventBus()
    for _ in range(event_bus.SUBSCRIBER_LIMIT):
        bus.subscribe("org")
    with pytest.raises(LimitExceededError) as refused:
        bus.subscribe("org")
    assert refused.value.code == "too_many_watchers"
    bus.subscribe("another")
