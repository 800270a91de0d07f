from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.directory import Directory
from gateway.new_agent import NewAgent
from store.database import Store
from store.records import Agent, AgentStatus
from tests.gateway.browser_calls.scene import BrowserScene


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    store = await Store.open("sqlite:///:memory:")
    directory = Directory(store)
    await directory.load()
    yield directory
    await store.close()


@pytest.fixture
async def agent(directory: Directory) -> Agent:
    organization = await directory.ensure_organization("Test")
    new = NewAgent(
        name="Desk",
        voice_id="v",
        system_prompt="p",
        built_in_config={"transfer": {"cold": True}, "hang_up": True},
    )
    return await directory.create_agent(organization.id, new, status=AgentStatus.ACTIVE)


@pytest.fixture
async def scene(directory: Directory) -> AsyncIterator[BrowserScene]:
    scene = BrowserScene(directory._store, directory)
    yield scene
    for session in tuple(scene.calls._sessions.values()):
        session.shut_down()
    await scene.over()
