from __future__ import annotations

from pathlib import Path

from aiohttp import web

from bench.api_throughput import load, put_calls
from store import Store
from store.records import CallStatus, Organization
from tests.store.samples import T0


async def test_calls_are_put_there_with_a_key_to_read_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    store = await Store.open(url)
    await store.organizations.create(Organization("o", "Demo", T0))
    key = await put_calls(url, 2_001)
    page = await store.calls.list("o", limit=2)
    assert page.total == 2_001
    assert page.items[0].status is CallStatus.ENDED
    assert page.items[0].created_at > page.items[1].created_at
    assert [found.prefix for found in await store.keys.list("o")] == [key[:12]]
    await store.close()


async def test_every_answer_is_counted_and_refusals_are_told_apart() -> None:
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert request.headers["Authorization"] == "Bearer key"
        return web.Response(status=200 if asked % 2 else 503)

    application = web.Application()
    application.router.add_get("/api/public/v1/calls", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    figures = await load(base, "key", 3, 0.2, lambda: ("GET", "/calls", None))
    await runner.cleanup()
    assert figures["requests_per_second"] == round(asked / 0.2)
    assert figures["failed"] == asked // 2
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
