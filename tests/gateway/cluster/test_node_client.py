from __future__ import annotations

import pytest
from aiohttp import web

from gateway.cluster.node_client import NodeClient
from gateway.errors import UnavailableError
from store.cluster_records import NodeRecord


async def test_a_request_reaches_the_node_as_it_is_and_its_answer_comes_back() -> None:
    seen: list[tuple[str, str, str, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers["Authorization"], await request.read()))
        raise web.HTTPFound("/elsewhere")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node = NodeRecord("other", "run", f"http://127.0.0.1:{runner.addresses[0][1]}")
    client = NodeClient()
    response = await client.request(node, "POST", "/calls/x?y=%2B1", {"Authorization": "Bearer k"}, b"{}")
    assert response.status == 302, "redirects are not followed: the key would go along"
    response.release()
    assert seen == [("POST", "/calls/x?y=%2B1", "Bearer k", b"{}")]
    await runner.cleanup()
    with pytest.raises(UnavailableError) as caught:
        await client.request(node, "POST", "/calls/x", {}, b"")
    assert (caught.value.code, caught.value.details["node_id"]) == ("node_away", "other")
    await client.close()
    await client.close()
