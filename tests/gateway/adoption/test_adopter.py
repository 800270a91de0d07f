"""Which calls of the dead are taken up, and which are left to be ended: over a whole gateway."""

from __future__ import annotations

import asyncio

import pytest

from gateway.adoption.adopter import LONGEST_SILENCE_S
from gateway.adoption.snapshot import encode
from store.records import CallRecord, CallStatus
from tests.gateway.adoption.samples import call_snapshot
from tests.gateway.conftest import OpenScene
from tests.gateway.scene import Scene
from tests.store.samples import call


async def dead_call(
    scene: Scene, snapshot: bytes | None, *, status: CallStatus = CallStatus.IN_PROGRESS
) -> CallRecord:
    record = call(scene.organization_id, status=status, node_id="dead", agent_id=scene.agent.id)
    await scene.gateway.store.calls.insert(record)
    if snapshot is not None:
        await scene.gateway.store.call_snapshots.save({record.id: snapshot})
    return record


async def left(scene: Scene, record: CallRecord, silent_s: float = 30.0) -> bool:
    return await scene.gateway._adoption.take_up([record], {"dead": silent_s}, 20.0) == [record]


@pytest.mark.parametrize("snapshot", [None, b"{", b'{"version": 99}', b"x" * 100_000])
async def test_without_a_usable_snapshot_a_call_is_left(scene: Scene, snapshot: bytes | None) -> None:
    assert await left(scene, await dead_call(scene, snapshot))


async def test_a_call_that_was_never_answered_is_left(scene: Scene) -> None:
    assert await left(scene, await dead_call(scene, encode(call_snapshot()), status=CallStatus.RINGING))


async def test_nobody_waits_for_ever(scene: Scene) -> None:
    record = await dead_call(scene, encode(call_snapshot()))
    assert await left(scene, record, LONGEST_SILENCE_S + 1)


async def test_as_it_comes_every_call_is_left(make_gateway: OpenScene) -> None:
    scene = await make_gateway()
    assert await left(scene, await dead_call(scene, encode(call_snapshot())))


async def test_a_call_that_another_has_claimed_is_neither_taken_up_nor_ended(scene: Scene) -> None:
    record = await dead_call(scene, encode(call_snapshot()))
    assert await scene.gateway.store.call_snapshots.claim(record.id, "dead", "quicker", None)
    assert not await left(scene, record)
    assert scene.live == []
    found = await scene.gateway.store.calls.find(record.id)
    assert found is not None
    assert (found.status, found.node_id) == (CallStatus.IN_PROGRESS, "quicker")


async def test_a_call_without_its_agent_is_claimed_and_ended(scene: Scene) -> None:
    record = await dead_call(scene, encode(call_snapshot()))  # of an agent that is not here
    assert not await left(scene, record)
    async with asyncio.timeout(5):
        while (found := await scene.gateway.store.calls.find(record.id)) is None or not found.status.terminal:
            await asyncio.sleep(0.01)
    assert (found.status, found.failure_reason) == (CallStatus.FAILED, "gateway-error")
    assert scene.live == []
