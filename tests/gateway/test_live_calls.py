"""The calls that live now."""

import asyncio
from datetime import UTC, datetime

from gateway.call import Call
from gateway.live_calls import LiveCalls
from gateway.session import Session
from store.records import CallDirection, CallRecord, CallStatus


def add(live: LiveCalls, call_id: str) -> Session:
    record = CallRecord(
        id=call_id,
        organization_id="o",
        status=CallStatus.QUEUED,
        direction=CallDirection.INBOUND,
        agent_id="a",
        created_at=datetime.now(UTC),
    )
    session = object.__new__(Session)
    session.call = Call(record, lambda record, steps, names: None)
    live.add(session)
    return session


def test_a_direction_is_full_when_its_places_are_taken() -> None:
    live = LiveCalls(max_inbound=1, max_outbound=2)
    live.occupy(CallDirection.INBOUND)
    assert live.full(CallDirection.INBOUND)
    assert not live.full(CallDirection.OUTBOUND)
    live.release(CallDirection.INBOUND)
    assert not live.full(CallDirection.INBOUND)
    assert live.count(CallDirection.INBOUND) == 0


async def test_the_last_call_to_end_is_waited_for() -> None:
    live = LiveCalls(max_inbound=5, max_outbound=5)
    assert await live.wait_until_empty(0.01)
    for call_id in ("one", "two"):
        add(live, call_id)
    waiting = asyncio.create_task(live.wait_until_empty(5))
    live.remove("one")
    assert not await live.wait_until_empty(0.01)
    live.remove("two")
    assert await waiting


def test_calls_are_found_by_id_and_may_end_while_they_are_gone_through() -> None:
    live = LiveCalls(max_inbound=5, max_outbound=5)
    sessions = [add(live, call_id) for call_id in ("one", "two")]
    assert live.get("two") is sessions[1]
    for session in live:
        live.remove(session.call.id)
    assert (len(live), live.get("one")) == (0, None)
