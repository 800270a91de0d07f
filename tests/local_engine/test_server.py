import aiohttp
import pytest

from local_engine.server import EngineServer, ServerOptions
from tests.local_engine.engine_client import EngineClient


async def test_any_key_will_do_when_none_is_set() -> None:
    async with EngineServer(ServerOptions()) as server, aiohttp.ClientSession() as session:
        client = EngineClient(session, server.url)
        assert (await client.request("GET", "/api/models", key="anything"))[0] == 200
        assert (await client.request("GET", "/api/models", key=None))[0] == 401


async def test_stopping_closes_live_calls_with_1001() -> None:
    server = EngineServer(ServerOptions())
    await server.start()
    async with aiohttp.ClientSession() as session:
        client = EngineClient(session, server.url)
        async with client.join(await client.create("echo")) as socket:
            await socket.until(lambda: socket.states)
            await server.stop()
            assert await socket.closed() == 1001


async def test_a_taken_port_is_an_error() -> None:
    async with EngineServer(ServerOptions()) as server:
        other = EngineServer(ServerOptions(port=server.port))
        with pytest.raises(OSError, match="address already in use"):
            await other.start()
        await other.stop()
