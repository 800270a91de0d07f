"""What was deleted here is deleted at the engine, however long that takes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.engine_removals import EngineRemovals
from media.ultravox.agent_settings import AgentSettings
from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from store.database import Store
from store.engine_removals import EngineObject, EngineRemoval
from tests.gateway.doubles import ScriptedEngine

ENTRY = EngineRemoval(EngineObject.AGENT, "engine-agent")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


async def test_an_entry_is_worked_off_as_soon_as_it_is_there(store: Store) -> None:
    engine = ScriptedEngine()
    engine.agents["engine-agent"] = AgentSettings(system_prompt="p")
    removals = EngineRemovals(store.engine_removals, engine)
    removals.start()
    try:
        await store.engine_removals.add(ENTRY)
        removals.wake()
        async with asyncio.timeout(5):
            while await store.engine_removals.list():
                await asyncio.sleep(0)
        assert engine.agents == {}
    finally:
        await removals.close()


async def test_an_entry_stays_until_the_engine_has_obeyed(store: Store) -> None:
    engine = ScriptedEngine()
    engine.agents["engine-agent"] = AgentSettings(system_prompt="p")
    removals = EngineRemovals(store.engine_removals, engine, first_pause_s=0)
    await store.engine_removals.add(ENTRY)
    for fault in (EngineUnreachableError("no connection"), EngineRefusedError(500, "broken")):
        engine.fault = fault
        assert not await removals.work_off()
        assert await store.engine_removals.list() == [ENTRY]
    engine.fault = None
    assert await removals.work_off()
    assert engine.agents == {}
    assert await store.engine_removals.list() == []


async def test_what_the_engine_does_not_know_is_done(store: Store) -> None:
    await store.engine_removals.add(ENTRY)
    await store.engine_removals.add(ENTRY)
    assert await EngineRemovals(store.engine_removals, ScriptedEngine()).work_off()
    assert await store.engine_removals.list() == []
