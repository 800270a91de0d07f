from __future__ import annotations

from typing import Any

import pytest

from gateway.batch.dial_services import FreePlaces
from gateway.configuration.calls import BatchSection, CallsSection
from gateway.dial_queue import DialQueue
from gateway.live_calls import LiveCalls
from store.records import CallDirection
from tests.gateway.doubles import RecordingPlane

CALLS = CallsSection(max_inbound=10, max_outbound=20)
BATCH = BatchSection(outbound_share=0.5, inbound_reserve=0.5)


def places(
    live: LiveCalls, *, ports: int = 100, draining: bool = False, queued: int = 0, state: str = "ok"
) -> int:
    class Plane(RecordingPlane):
        @property
        def state(self) -> str:
            return state

    queue = DialQueue(live, limit=9, timeout_s=1)
    queue._waiting.update({object(): None for _ in range(queued)})  # type: ignore[misc]
    return FreePlaces(live, queue, Plane(ports), lambda: draining, CALLS, BATCH)()


def live(inbound: int = 0, outbound: int = 0) -> LiveCalls:
    made = LiveCalls(max_inbound=10, max_outbound=20)
    for direction, count in ((CallDirection.INBOUND, inbound), (CallDirection.OUTBOUND, outbound)):
        for _ in range(count):
            made.occupy(direction)
    return made


@pytest.mark.parametrize(
    ("calls", "state", "expected"),
    [
        ({}, {}, 10),  # half of the outbound places
        ({"outbound": 7}, {}, 3),
        ({"outbound": 12}, {}, 0),
        ({"outbound": 7}, {"queued": 2}, 1),
        ({}, {"ports": 8}, 3),  # five legs are kept for calls that come in
        ({"inbound": 4}, {"ports": 8}, 7),  # four of them have come
        ({"inbound": 9}, {"ports": 8}, 8),
        ({}, {"ports": 2}, 0),
        ({}, {"draining": True}, 0),
        ({}, {"state": "no worker"}, 0),
    ],
)
def test_campaigns_leave_room_for_others(calls: dict[str, int], state: dict[str, Any], expected: int) -> None:
    assert places(live(**calls), **state) == expected


@pytest.mark.parametrize(("max_outbound", "free"), [(500, 400), (5, 4), (2, 1), (1, 1), (0, 0)])
def test_where_there_are_few_places_campaigns_have_one(max_outbound: int, free: int) -> None:
    calls = LiveCalls(max_inbound=0, max_outbound=max_outbound)
    queue = DialQueue(calls, limit=9, timeout_s=1)
    section = CallsSection(max_inbound=0, max_outbound=max_outbound)
    plane = RecordingPlane(1_000)
    assert FreePlaces(calls, queue, plane, lambda: False, section, BatchSection())() == free
