"""An agent becomes active when the engine has accepted it, and says why when not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.agent_parts import AgentParts
from gateway.agent_sync import AgentSync
from gateway.directory import Directory
from gateway.engine_request import engine_settings
from gateway.new_agent import NewAgent
from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from store.database import Store
from store.engine_removals import EngineObject, EngineRemoval
from store.records import Agent, AgentStatus
from tests.gateway.doubles import ScriptedEngine


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 't.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def directory(store: Store) -> Directory:
    directory = Directory(store)
    await directory.load()
    return directory


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def sync(directory: Directory, engine: ScriptedEngine, store: Store) -> AgentSync:
    return AgentSync(directory, engine, store.engine_removals, attempts=3, first_pause_s=0)


@asynccontextmanager
async def at_work(sync: AgentSync) -> AsyncIterator[None]:
    sync.start()
    try:
        yield
    finally:
        await sync.close()


async def new_agent(directory: Directory, name: str = "x" * 100) -> Agent:
    organization = await directory.ensure_organization("Test")
    return await directory.create_agent(organization.id, NewAgent(name=name, voice_id="v", system_prompt="p"))


def now(directory: Directory, agent: Agent) -> Agent:
    found = directory.agent(agent.id)
    assert found is not None
    return found


async def until(directory: Directory, agent: Agent, status: AgentStatus, pending: bool = False) -> Agent:
    async with asyncio.timeout(5):
        while True:
            found = now(directory, agent)
            if found.status is status and found.sync_pending is pending:
                return found
            await asyncio.sleep(0)


async def test_a_new_agent_is_offered_at_once_and_becomes_active(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.may_answer.clear()
    async with at_work(sync):
        agent = await new_agent(directory)
        assert agent.status is AgentStatus.DRAFT
        await until(directory, agent, AgentStatus.CREATING, pending=True)
        engine.may_answer.set()
        active = await until(directory, agent, AgentStatus.ACTIVE)
    assert active.engine_agent_id == "engine-agent"
    assert active.sync_error is None
    assert len(engine.names[0]) <= 64


async def test_settings_that_are_refused_stay_a_draft_until_the_last_attempt(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.fault = EngineRefusedError(400, "no such voice")
    agent = await new_agent(directory)
    for attempt in (1, 2):
        assert not await sync.offer(now(directory, agent))
        refused = now(directory, agent)
        assert (refused.status, refused.sync_attempts) == (AgentStatus.DRAFT, attempt)
        assert "no such voice" in (refused.sync_error or "")
    assert await sync.offer(now(directory, agent))
    assert now(directory, agent).status is AgentStatus.FAILED
    assert directory.agents_to_sync() == []


async def test_a_failed_agent_is_offered_again_once_it_was_changed(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.fault = EngineRefusedError(400, "no such voice")
    async with at_work(sync):
        agent = await new_agent(directory)
        await until(directory, agent, AgentStatus.FAILED)
        engine.fault = None
        changed = await directory.update_agent(agent.organization_id, agent.id, voice_id="other")
        assert changed.status is AgentStatus.DRAFT
        active = await until(directory, agent, AgentStatus.ACTIVE)
    assert active.sync_error is None


async def test_an_engine_that_is_away_is_tried_for_ever(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.fault = EngineUnreachableError("no connection")
    agent = await new_agent(directory)
    for _ in range(10):
        assert not await sync.offer(now(directory, agent))
    waiting = now(directory, agent)
    assert (waiting.status, waiting.sync_pending) == (AgentStatus.DRAFT, True)
    assert "no connection" in (waiting.sync_error or "")
    engine.fault = None
    assert await sync.offer(waiting)
    assert now(directory, agent).status is AgentStatus.ACTIVE


async def test_a_changed_agent_is_given_to_the_engine_anew_and_serves_calls_meanwhile(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    async with at_work(sync):
        agent = await new_agent(directory)
        await until(directory, agent, AgentStatus.ACTIVE)
        engine.may_answer.clear()
        await directory.update_agent(agent.organization_id, agent.id, system_prompt="Be brief.")
        await until(directory, agent, AgentStatus.ACTIVE, pending=True)
        engine.may_answer.set()
        await until(directory, agent, AgentStatus.ACTIVE)
    assert engine.agents["engine-agent"].system_prompt == "Be brief."
    assert len(engine.names) == 1, "no second agent at the engine"


async def test_a_slow_sync_does_not_overwrite_a_newer_change(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.may_answer.clear()
    async with at_work(sync):
        agent = await new_agent(directory)
        await until(directory, agent, AgentStatus.CREATING, pending=True)
        await directory.update_agent(agent.organization_id, agent.id, system_prompt="Newer.")
        engine.may_answer.set()
        active = await until(directory, agent, AgentStatus.ACTIVE)
    assert active.system_prompt == "Newer."
    assert engine.agents["engine-agent"].system_prompt == "Newer."


async def test_an_agent_that_the_engine_has_forgotten_is_made_again(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    agent = await new_agent(directory)
    assert await sync.offer(agent)
    engine.agents.clear()
    changed = await directory.update_agent(agent.organization_id, agent.id, name="New")
    assert await sync.offer(changed)
    assert len(engine.names) == 2
    assert list(engine.agents) == ["engine-agent"]


async def test_an_agent_whose_making_was_never_answered_is_found_and_not_made_twice(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    agent = await new_agent(directory)
    engine.fault = EngineUnreachableError("broke before the answer")
    await sync.offer(agent)
    engine.fault = None
    await engine.create_agent("it was made all the same", engine_settings(agent, AgentParts()))
    assert await sync.offer(now(directory, agent))
    assert len(engine.names) == 2, "the lost one and the one of this test"
    assert now(directory, agent).engine_agent_id == "engine-agent"


async def test_an_agent_deleted_while_it_is_made_is_deleted_at_the_engine_too(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync, store: Store
) -> None:
    engine.may_answer.clear()
    agent = await new_agent(directory)
    offer = asyncio.create_task(sync.offer(agent))
    await until(directory, agent, AgentStatus.CREATING, pending=True)
    await directory.delete_agent(agent.organization_id, agent.id)
    engine.may_answer.set()
    assert await offer
    assert await store.engine_removals.list() == [EngineRemoval(EngineObject.AGENT, "engine-agent")]


async def test_one_agent_in_trouble_does_not_hold_up_the_others(
    directory: Directory, engine: ScriptedEngine, store: Store
) -> None:
    sync = AgentSync(directory, engine, store.engine_removals, first_pause_s=3600)
    engine.fault = EngineUnreachableError("no connection")
    stuck = await new_agent(directory)
    async with at_work(sync):
        await asyncio.wait_for(sync.offered.wait(), 5)
        engine.fault = None
        other = await new_agent(directory)
        await until(directory, other, AgentStatus.ACTIVE)
    assert now(directory, stuck).status is AgentStatus.DRAFT


async def test_an_unforeseen_fault_with_one_agent_does_not_end_the_task(
    directory: Directory, engine: ScriptedEngine, sync: AgentSync
) -> None:
    engine.fault = RuntimeError("the store is away")
    async with at_work(sync):
        agent = await new_agent(directory)
        await until(directory, agent, AgentStatus.CREATING, pending=True)
        engine.fault = None
        await until(directory, agent, AgentStatus.ACTIVE)
