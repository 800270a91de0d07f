from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from gateway.batch.dial_services import FreePlaces
from gateway.config import BatchSection, CallsSection
from gateway.dial_queue import DialQueue
from gateway.live_calls import LiveCalls
from media.plane import MediaPlane
from store.records import CallDirection


@dataclass
class Plane:
    ports_free: int
    state: str = "ok"


@dataclass
class Places:
    live: LiveCalls
    plane: Plane
    free: FreePlaces
    draining: bool = False


def places(max_outbound: int, *, max_inbound: int = 0, ports: int = 1_000) -> Places:
    live = LiveCalls(max_inbound=max_inbound, max_outbound=max_outbound)
    plane = Plane(ports)
    free = FreePlaces(
        live,
        DialQueue(live, limit=10, timeout_s=10),
        cast(MediaPlane, plane),
        lambda: made.draining,
        CallsSection(max_outbound=max_outbound, max_inbound=max_inbound),
        BatchSection(),
    )
    made = Places(live, plane, free)
    return made


@pytest.mark.parametrize(("max_outbound", "free"), [(500, 400), (5, 4), (2, 1), (1, 1), (0, 0)])
def test_a_share_of_the_outbound_places_is_for_campaigns_but_at_least_one(
    max_outbound: int, free: int
) -> None:
    assert places(max_outbound).free() == free


def test_inbound_calls_find_their_reserve() -> None:
    made = places(500, max_inbound=100, ports=30)
    assert made.free() == 10
    for _ in range(5):
        made.live.occupy(CallDirection.INBOUND)
        made.plane.ports_free -= 1
    assert made.free() == 10  # who is there needs no reserve


def test_nothing_is_free_while_draining_or_without_media() -> None:
    made = places(500)
    made.plane.state = "degraded"
    assert made.free() == 0
    made.plane.state = "ok"
    made.draining = True
    assert made.free() == 0
