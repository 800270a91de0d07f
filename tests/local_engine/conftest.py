"""A running engine, and a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from local_engine.server import EngineServer, ServerOptions
from tests.local_engine.engine_client import KEY, EngineClient


@pytest.fixture
async def server() -> AsyncIterator[EngineServer]:
    async with EngineServer(ServerOptions(api_key=KEY, first_retry_s=0.05)) as running:
        yield running


@pytest.fixture
async def client(server: EngineServer) -> AsyncIterator[EngineClient]:
    async with aiohttp.ClientSession() as session:
        yield EngineClient(session, server.url)
