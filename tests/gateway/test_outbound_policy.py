"""Where and how much an organisation calls, asked through the calls it makes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import ForbiddenError, InvalidRequestError, LimitExceededError
from gateway.new_call import NewCall
from store.identifiers import uuid7
from store.outbound_policy_records import OutboundPolicy
from store.records import CallDirection, CallRecord, CallStatus
from tests.gateway.conftest import OpenScene
from tests.gateway.scene import CALLEE, Scene


async def call(scene: Scene, number: str) -> CallRecord:
    request = NewCall(agent_id=scene.agent.id, phone_number=number)
    return await scene.gateway.calls.create(scene.organization_id, request)


async def hold_to(scene: Scene, **policy: object) -> None:
    record = OutboundPolicy(scene.organization_id, updated_at=datetime.now(UTC), **policy)  # type: ignore[arg-type]
    await scene.gateway.outbound_policies.put(record)


async def end(scene: Scene) -> None:
    for session in scene.live:
        session.shut_down()
    await scene.over()


async def test_premium_numbers_are_refused_before_there_is_a_call(scene: Scene) -> None:
    with pytest.raises(ForbiddenError) as refused:
        await call(scene, "+19005551234")
    assert refused.value.code == "premium_number"
    assert refused.value.details["field"] == "phone_number"
    assert scene.live == []


@pytest.mark.parametrize("number", ["+1911", "+49112"])
async def test_emergency_numbers_are_refused_like_premium_ones(scene: Scene, number: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        await call(scene, number)
    assert refused.value.code == "emergency_number"
    assert refused.value.details["field"] == "phone_number"
    assert scene.live == []


async def test_a_change_of_the_destinations_counts_from_the_next_call_on(scene: Scene) -> None:
    await hold_to(scene, allowed_countries=("DE",))
    with pytest.raises(ForbiddenError) as refused:
        await call(scene, CALLEE)
    assert refused.value.code == "destination_not_allowed"
    await hold_to(scene, allowed_countries=("US",))
    assert (await call(scene, CALLEE)).phone_number == CALLEE
    await end(scene)


async def test_so_many_calls_a_minute_even_when_they_are_asked_for_at_once(scene: Scene) -> None:
    await hold_to(scene, calls_per_minute=2)
    results = await asyncio.gather(*(call(scene, CALLEE) for _ in range(5)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, LimitExceededError)]
    assert sum(isinstance(one, CallRecord) for one in results) == 2
    assert {one.code for one in refused} == {"calls_per_minute_reached"}
    assert refused[0].details["retry_after"] > 0
    await end(scene)


async def test_a_refused_destination_uses_up_no_call(scene: Scene) -> None:
    await hold_to(scene, calls_per_minute=1)
    for _ in range(3):
        with pytest.raises(ForbiddenError):
            await call(scene, "+19005551234")
    await call(scene, CALLEE)
    await end(scene)


async def test_when_the_days_money_is_spent_no_call_is_made(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"cents_per_day": 100})
    spent = CallRecord(
        id=uuid7(),
        organization_id=scene.organization_id,
        status=CallStatus.ENDED,
        direction=CallDirection.OUTBOUND,
        agent_id=scene.agent.id,
        created_at=datetime.now(UTC),
        cost_cents=100,
    )
    await scene.gateway.store.calls.insert(spent)
    with pytest.raises(LimitExceededError) as refused:
        await call(scene, CALLEE)
    assert refused.value.code == "spend_limit_reached"
    assert 0 < refused.value.details["retry_after"] <= 86_400
    await hold_to(scene, cents_per_day=101)
    await call(scene, CALLEE)
    await end(scene)


async def test_calls_in_progress_count_with_what_they_have_cost_so_far(make_gateway: OpenScene) -> None:
    scene = await make_gateway(defence={"cents_per_day": 100}, rates={"engine_cents_per_minute": 6})
    now = datetime.now(UTC)
    running = CallRecord(
        id=uuid7(),
        organization_id=scene.organization_id,
        status=CallStatus.IN_PROGRESS,
        direction=CallDirection.OUTBOUND,
        agent_id=scene.agent.id,
        created_at=now,
        started_at=now - timedelta(minutes=16),
    )
    await scene.gateway.store.calls.insert(running)
    await hold_to(scene, cents_per_day=96)
    with pytest.raises(LimitExceededError) as refused:
        await call(scene, CALLEE)
    assert refused.value.code == "spend_limit_reached"
    await hold_to(scene, cents_per_day=100)
    await call(scene, CALLEE)
    await end(scene)


async def test_countries_are_checked(scene: Scene) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await hold_to(scene, allowed_countries=("DE", "XX"))
    assert refused.value.details["field"] == "allowed_countries.1"
