"""The demonstration's data and its engine."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import demo
from gateway.demo import ECHO_NUMBER, RECEPTIONIST_NUMBER, LocalEngine, open_receptionist, seed_demo
from gateway.directory import Directory
from gateway.errors import ConfigurationError, ForbiddenError, NotFoundError
from gateway.widgets.doors import Doors
from gateway.widgets.new_widget import AccessSettings
from gateway.widgets.widget_book import WidgetBook
from routing.inbound import InboundQuery, InboundRoute, decide_inbound
from store.database import Store
from store.records import AgentStatus


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    store = await Store.open("sqlite:///:memory:")
    directory = Directory(store)
    await directory.load()
    yield directory
    await store.close()


async def test_both_numbers_can_be_dialled_from_this_machine_and_from_no_other(directory: Directory) -> None:
    await seed_demo(directory)
    for agent in directory.agents_to_sync():
        await directory.update_agent(agent.organization_id, agent.id, status=AgentStatus.ACTIVE)
    for number, name in ((RECEPTIONIST_NUMBER, "Receptionist"), (ECHO_NUMBER, "Echo")):
        route = decide_inbound(directory.table, InboundQuery("127.0.0.1", number))
        assert isinstance(route, InboundRoute)
        assert route.agent.name == name
        assert not isinstance(
            decide_inbound(directory.table, InboundQuery("192.0.2.1", number)), InboundRoute
        )


async def test_a_second_run_makes_nothing_twice_and_gives_a_key_that_works(directory: Directory) -> None:
    first = await seed_demo(directory)
    second = await seed_demo(directory)
    assert first.api_key != second.api_key
    organization = await directory.ensure_organization(demo.ORGANIZATION)
    assert (await directory.list_numbers(organization.id)).total == 2
    assert (await directory.list_agents(organization.id)).total == 2
    assert (await directory.list_trunks(organization.id)).total == 1


async def test_the_engine_starts_on_a_port_of_its_own_and_stops() -> None:
    engine = LocalEngine()
    await engine.start()
    process = engine._process
    assert process is not None
    assert engine.base_url.startswith("http://127.0.0.1:")
    await engine.stop()
    assert process.returncode is not None
    await engine.stop()


async def test_an_engine_that_ends_at_its_start_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigurationError, match="status 1"):
        await LocalEngine().start()


async def test_an_engine_that_never_gets_ready_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(demo, "ENGINE_START_TIMEOUT_S", 0.2)
    engine = LocalEngine()
    starting = asyncio.create_task(engine.start())
    while engine._process is None:
        await asyncio.sleep(0)
    pid = engine._process.pid
    with pytest.raises(ConfigurationError, match="in time"):
        await starting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_pages_of_the_gateway_itself_may_call_the_receptionist(directory: Directory) -> None:
    await seed_demo(directory)
    store = directory._store
    book, doors = WidgetBook(store, directory), Doors(store, directory.agent)
    await open_receptionist(book, directory, "127.0.0.1", 8080)
    door = await doors.of_agent("receptionist")
    assert door.agent.name == "Receptionist"
    for origin in ("http://127.0.0.1:8080", "http://localhost:8080"):
        assert door.require_origin(origin) == origin
    with pytest.raises(ForbiddenError):
        door.require_origin("http://127.0.0.1:9090")
    await open_receptionist(book, directory, "127.0.0.1", 9090)  # the next start, at another port
    (await doors.of_agent("receptionist")).require_origin("http://127.0.0.1:9090")


async def test_who_closed_the_receptionist_finds_it_closed_after_a_start(directory: Directory) -> None:
    await seed_demo(directory)
    store = directory._store
    book, doors = WidgetBook(store, directory), Doors(store, directory.agent)
    await open_receptionist(book, directory, "127.0.0.1", 8080)
    agent = (await doors.of_agent("receptionist")).agent
    await book.open_agent(agent.organization_id, agent.id, AccessSettings(enabled=False))
    await open_receptionist(book, directory, "127.0.0.1", 8080)
    with pytest.raises(NotFoundError):
        await doors.of_agent("receptionist")
