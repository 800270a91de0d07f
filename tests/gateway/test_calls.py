"""Calls as the API sees them: place, read, list, hang up, cancel."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
)
from gateway.new_call import NewCall
from gateway.new_number import NewNumber
from media.messages import LegClosed, LegStatistics
from media.plane import UnknownLegError
from store.records import CallFilter, CallRecord, CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.doubles import until
from tests.gateway.scene import CALLEE, NUMBER, SDP, Scene


def new_call(scene: Scene, **changes: str) -> NewCall:
    return replace(NewCall(agent_id=scene.agent.id, phone_number=CALLEE), **changes)  # type: ignore[arg-type]


async def test_a_call_is_stored_when_it_is_answered_for(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 0})
    placed = await scene.place()
    stored = await scene.gateway.store.calls.get(scene.organization_id, placed.id)
    assert stored is not None
    assert (stored.status, stored.phone_number) == (CallStatus.QUEUED, CALLEE)


async def test_a_call_that_cannot_be_stored_is_never_dialled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(record: CallRecord) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(scene.gateway.store.calls, "insert", full)
    with pytest.raises(OSError, match="disk full"):
        await scene.place()
    assert scene.live == []
    assert scene.engine.prior == []


async def test_what_cannot_be_placed_is_refused_before_there_is_a_call(scene: Scene) -> None:
    calls = scene.gateway.calls
    with pytest.raises(NotFoundError):
        await calls.create("another organisation", new_call(scene))
    with pytest.raises(NotFoundError):
        await calls.create(scene.organization_id, new_call(scene, agent_id="unknown"))
    with pytest.raises(InvalidRequestError) as refused:
        await calls.create(scene.organization_id, new_call(scene, from_number="+14155550111"))
    assert refused.value.details["field"] == "from_number"
    with pytest.raises(ForbiddenError) as forbidden:
        await calls.create(scene.organization_id, new_call(scene, phone_number="911"))
    assert forbidden.value.details["field"] == "phone_number"
    assert (await calls.list(scene.organization_id, CallFilter(), 10, 0)).items == ()


async def test_a_full_queue_says_when_to_come_again(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 0, "queue_limit": 1})
    await scene.place()
    with pytest.raises(LimitExceededError) as refused:
        await scene.place()
    assert refused.value.code == "queue_full"
    assert refused.value.details["retry_after"] > 0


async def test_while_draining_no_call_is_placed(scene: Scene) -> None:
    await scene.gateway.drain(0)
    with pytest.raises(UnavailableError) as refused:
        await scene.place()
    assert refused.value.code == "draining"
    assert refused.value.details["retry_after"] > 0


async def test_a_second_hang_up_finds_the_call_over_whenever_it_comes(scene: Scene) -> None:
    call, session = await scene.answered()
    calls, organization, call_id = scene.gateway.calls, scene.organization_id, session.call.id
    first, second = await asyncio.gather(
        calls.hang_up(organization, call_id), calls.hang_up(organization, call_id), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert (first.status, first.end_reason) == (CallStatus.ENDED, "api-hangup")
    assert isinstance(second, ConflictError)
    assert (second.code, second.details["status"]) == ("call_already_terminal", "ended")
    await call.until_request("BYE")
    await scene.over()
    with pytest.raises(ConflictError) as refused:
        await calls.hang_up(organization, call_id)
    assert (refused.value.code, refused.value.details["status"]) == ("call_already_terminal", "ended")


async def test_a_ringing_call_is_cancelled_and_not_hung_up(scene: Scene) -> None:
    call, session = await scene.ringing()
    calls, organization, call_id = scene.gateway.calls, scene.organization_id, session.call.id
    with pytest.raises(ConflictError) as refused:
        await calls.hang_up(organization, call_id)
    assert (refused.value.code, refused.value.details["status"]) == ("call_not_in_progress", "ringing")
    first, second = await asyncio.gather(
        calls.cancel(organization, call_id), calls.cancel(organization, call_id)
    )
    assert first.status is second.status is CallStatus.CANCELLED
    assert len(call.received("CANCEL")) == 1
    await scene.over()


async def test_a_call_in_progress_is_hung_up_and_not_cancelled(scene: Scene) -> None:
    _, session = await scene.answered()
    with pytest.raises(ConflictError) as refused:
        await scene.gateway.calls.cancel(scene.organization_id, session.call.id)
    assert (refused.value.code, refused.value.details["status"]) == ("call_not_cancellable", "in-progress")


async def test_an_inbound_call_cannot_be_cancelled(scene: Scene) -> None:
    await scene.dial()
    session = await scene.session()
    with pytest.raises(ConflictError) as refused:
        await scene.gateway.calls.cancel(scene.organization_id, session.call.id)
    assert refused.value.code == "call_not_cancellable"


async def test_another_organisation_sees_nothing_of_a_call_live_or_over(scene: Scene) -> None:
    call, session = await scene.answered()
    calls, call_id = scene.gateway.calls, session.call.id

    async def all_refused() -> None:
        for ask in (calls.get, calls.timeline, calls.hang_up, calls.cancel):
            with pytest.raises(NotFoundError):
                await ask("another", call_id)
        assert (await calls.list("another", CallFilter(), 10, 0)).items == ()

    await all_refused()
    await call.bye()
    await scene.over()
    await all_refused()


async def test_whoever_polls_never_sees_the_status_go_back(scene: Scene) -> None:
    order = [CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.ENDED]
    placed = await scene.place()
    seen: list[int] = []
    stop = asyncio.Event()

    async def poll() -> None:
        while not stop.is_set():
            got = await scene.gateway.calls.get(scene.organization_id, placed.id)
            seen.append(order.index(got.status))
            listed = (await scene.gateway.calls.list(scene.organization_id, CallFilter(), 10, 0)).items[0]
            seen.append(order.index(listed.status))

    polling = asyncio.create_task(poll())
    call = await scene.phone.incoming()
    call.ring()
    call.answer(SDP)
    await scene.attached()
    await until(lambda: order.index(CallStatus.IN_PROGRESS) in seen)
    await call.bye()
    await scene.over()
    await until(lambda: seen[-1] == order.index(CallStatus.ENDED))
    stop.set()
    await polling
    assert seen == sorted(seen)


async def test_the_timeline_is_the_same_live_and_stored_and_in_order(scene: Scene) -> None:
    call, session = await scene.answered()
    live = await scene.gateway.calls.timeline(scene.organization_id, session.call.id)
    await call.bye()
    record = await scene.over()
    stored = await scene.timeline(record)
    assert stored[: len(live)] == list(live)
    assert [event.sequence for event in stored] == list(range(1, len(stored) + 1))
    assert stored[-1].detail == {"from": "in-progress", "to": "ended"}


async def test_whoever_asks_for_figures_while_the_call_ends_gets_the_last_ones(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, session = await scene.answered()
    close_leg = scene.plane.close_leg

    async def slow(leg_id: str) -> LegClosed:
        closed = await close_leg(leg_id)
        await asyncio.sleep(0.05)
        return closed

    async def gone(leg_id: str) -> LegStatistics:
        raise UnknownLegError(leg_id)

    monkeypatch.setattr(scene.plane, "close_leg", slow)
    await call.bye()
    await until(lambda: scene.plane.closed_legs)
    monkeypatch.setattr(scene.plane, "statistics", gone)
    quality = await scene.gateway.calls.quality(scene.organization_id, session.call.id)
    (leg,) = quality.legs
    assert (quality.live, leg.figures["packets_received"]) == (False, 7)


async def test_a_place_is_held_from_the_request_to_the_end_of_the_call(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_per_organization": 1, "max_outbound": 0})
    placed = await scene.place()
    with pytest.raises(LimitExceededError) as refused:
        await scene.place()
    assert (refused.value.code, refused.value.details["limited"]) == ("concurrency_limit", "organization")
    assert (await scene.gateway.calls.list(scene.organization_id, CallFilter(), 10, 0)).total == 1
    await scene.gateway.calls.cancel(scene.organization_id, placed.id)
    await scene.over()
    await scene.place()


async def test_a_call_that_cannot_be_stored_gives_its_place_back(
    make_gateway: OpenScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await make_gateway(calls={"max_in_cluster": 1})

    async def full(record: CallRecord) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(scene.gateway.store.calls, "insert", full)
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            await scene.place()
    assert len(scene.gateway.leases) == 0


async def test_a_number_that_is_full_is_passed_over_for_another_of_the_agent(make_gateway: OpenScene) -> None:
    scene = await make_gateway(calls={"max_outbound": 0})
    directory, organization = scene.gateway.directory, scene.organization_id
    second = await directory.import_number(organization, NewNumber(phone_number="+14155550177"))
    await directory.assign(organization, second.id, scene.agent.id)
    for number in (await directory.list_numbers(organization)).items:
        await directory.update_number(organization, number.id, max_concurrent_calls=2)
    placed = [await scene.place() for _ in range(4)]
    used = [record.from_number for record in placed]
    assert sorted(used) == sorted([NUMBER, NUMBER, "+14155550177", "+14155550177"])
    for from_number in (None, NUMBER):
        with pytest.raises(LimitExceededError) as refused:
            await scene.gateway.calls.create(organization, replace(new_call(scene), from_number=from_number))
        assert refused.value.details["limited"] == "number"
