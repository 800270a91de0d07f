"""The queue in front of the dialler."""

import asyncio

from gateway.dial_queue import DialQueue
from gateway.live_calls import LiveCalls
from store.records import CallDirection


class Waiting:
    """A call that can be dialled, and takes its place as a session does."""

    def __init__(self, live: LiveCalls) -> None:
        self._live = live
        self.over = False
        self.dialled = False
        self.expired = False
        self.trunk_id: str | None = None

    def dial(self) -> None:
        self.dialled = True
        self._live.occupy(CallDirection.OUTBOUND)

    def expire(self) -> None:
        self.expired = True


def make(places: int, limit: int = 10, timeout_s: float = 60.0) -> tuple[DialQueue, LiveCalls]:
    live = LiveCalls(max_inbound=10, max_outbound=places)
    return DialQueue(live, limit=limit, timeout_s=timeout_s), live


async def test_calls_beyond_the_places_wait_and_go_in_order() -> None:
    queue, live = make(places=1)
    first, second, third = (Waiting(live) for _ in range(3))
    for call in (first, second, third):
        queue.add(call)
    assert (first.dialled, second.dialled, third.dialled) == (True, False, False)
    live.release(CallDirection.OUTBOUND)
    queue.release(first)
    assert (second.dialled, third.dialled) == (True, False)
    assert len(queue) == 1


async def test_a_call_cancelled_while_it_waits_is_never_dialled() -> None:
    queue, live = make(places=0)
    call = Waiting(live)
    queue.add(call)
    queue.release(call)
    assert len(queue) == 0
    assert not call.dialled


async def test_a_call_that_waits_too_long_expires_once() -> None:
    queue, live = make(places=0, timeout_s=0.0)
    call = Waiting(live)
    queue.add(call)
    for _ in range(3):
        await asyncio.sleep(0)
    await asyncio.wait_for(_until(lambda: call.expired), 1)
    assert not call.dialled
    assert len(queue) == 0


async def test_the_queue_says_when_it_is_full() -> None:
    queue, live = make(places=0, limit=2)
    queue.add(Waiting(live))
    assert not queue.full
    queue.add(Waiting(live))
    assert queue.full


async def test_calls_of_a_trunk_go_out_at_its_pace_and_others_pass_them() -> None:
    live = LiveCalls(max_inbound=9, max_outbound=9)
    waits = {"slow": 0.0}
    queue = DialQueue(live, limit=9, timeout_s=0.05, pace=lambda trunk, now: waits.get(trunk or "", 0.0))
    first, second, other = Waiting(live), Waiting(live), Waiting(live)
    first.trunk_id = second.trunk_id = "slow"
    queue.add(first)
    waits["slow"] = 0.2
    queue.add(second)
    queue.add(other)
    assert (first.dialled, second.dialled, other.dialled) == (True, False, True)
    await asyncio.sleep(0.1)
    assert not second.expired  # it waits for its turn longer than calls may wait for a place
    waits["slow"] = 0.0
    await _until(lambda: second.dialled)
    assert len(queue) == 0


async def _until(condition: object) -> None:
    assert callable(condition)
    while not condition():
        await asyncio.sleep(0)
