"""An agent becomes active when the engine has accepted it, and says why when not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.agent_sync import AgentSync
from gateway.directory import Directory
from gateway.new_agent import NewAgent
from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from store.database import Store
from store.records import Agent, AgentStatus
from tests.gateway.doubles import ScriptedEngine


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[Directory]:
    store = await Store.open(f"sqlite:///{tmp_path / 't.db'}")
    directory = Directory(store)
    await directory.load()
    yield directory
    await store.close()


async def new_agent(directory: Directory) -> Agent:
    organization = await directory.ensure_organization("Test")
    return await directory.create_agent(
        organization.id, NewAgent(name="x" * 100, voice_id="v", system_prompt="p")
    )


async def until_status(directory: Directory, agent_id: str, status: AgentStatus) -> Agent:
    async with asyncio.timeout(5):
        while True:
            agent = directory.agent(agent_id)
            if agent is not None and agent.status is status:
                return agent
            await asyncio.sleep(0)


async def test_a_new_agent_is_offered_at_once_and_becomes_active(directory: Directory) -> None:
    engine = ScriptedEngine()
    sync = AgentSync(directory, engine)
    sync.start()
    try:
        agent = await new_agent(directory)
        assert agent.status is AgentStatus.DRAFT
        active = await until_status(directory, agent.id, AgentStatus.ACTIVE)
        assert active.engine_agent_id == "engine-agent"
        assert active.sync_error is None
        assert len(engine.names[0]) <= 64
    finally:
        await sync.close()


async def test_a_refusal_is_final_and_told(directory: Directory) -> None:
    engine = ScriptedEngine()
    engine.fault = EngineRefusedError(400, "no such voice")
    agent = await new_agent(directory)
    assert await AgentSync(directory, engine).offer(agent)
    failed = directory.agent(agent.id)
    assert failed is not None
    assert failed.status is AgentStatus.FAILED
    assert "no such voice" in (failed.sync_error or "")
    assert directory.agents_to_sync() == []


async def test_an_engine_that_is_away_leaves_a_draft_to_be_tried_again(directory: Directory) -> None:
    engine = ScriptedEngine()
    engine.fault = EngineUnreachableError("no connection")
    agent = await new_agent(directory)
    sync = AgentSync(directory, engine)
    assert not await sync.offer(agent)
    (waiting,) = directory.agents_to_sync()
    assert waiting.status is AgentStatus.DRAFT
    assert "no connection" in (waiting.sync_error or "")
    engine.fault = None
    assert await sync.offer(waiting)
    assert directory.agents_to_sync() == []


async def test_an_unforeseen_fault_with_one_agent_does_not_end_the_task(directory: Directory) -> None:
    engine = ScriptedEngine()
    engine.fault = RuntimeError("the store is away")
    agent = await new_agent(directory)
    sync = AgentSync(directory, engine, first_pause_s=0)
    sync.start()
    try:
        await asyncio.wait_for(sync.offered.wait(), 5)
        engine.fault = None
        await until_status(directory, agent.id, AgentStatus.ACTIVE)
    finally:
        await sync.close()
