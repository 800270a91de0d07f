"""Calls that outlive their gateway: killed, started again, or replaced while somebody talks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from store import Store
from store.tables import call_snapshots, calls, webhook_events
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway, ServerProcess
from tests.e2e.live_caller import LiveCaller
from tests.e2e.parties import ECHO
from tests.support.audio import Samples, tone, tone_level_dbfs
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import RedisServer
from tests.support.rtp_peer import RtpPeer

NODE_TIMEOUT_S = 2
Json = dict[str, Any]


@dataclass
class Site:
    """A database that the demonstration has filled, an engine of its own, and nodes by their names."""

    url: str
    key: str
    engine: str
    folder: Path
    redis: str | None
    stack: contextlib.ExitStack

    def node(self, node_id: str, **settings: str) -> Gateway:
        environment = UNLIMITED | {
            "TRUNKLINE_STORE_URL": self.url,
            "TRUNKLINE_ENGINE_BASE_URL": self.engine,
            "TRUNKLINE_ENGINE_API_KEY": "unused",
            "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
            "TRUNKLINE_CLUSTER_NODE_ID": node_id,
            "TRUNKLINE_CLUSTER_ADOPT_CALLS": "true",
            "TRUNKLINE_CLUSTER_NODE_TIMEOUT": str(NODE_TIMEOUT_S),
            **settings,
        }
        if self.redis is not None:
            environment["TRUNKLINE_CLUSTER_REDIS_URL"] = self.redis
        gateway: Gateway = self.stack.enter_context(
            watched(
                Gateway(self.folder / node_id, "--media-workers", "1", demo=False, environment=environment)
            )
        )
        gateway.demo_key = self.key
        return gateway

    async def rows(self, query: sa.Select[Any]) -> list[Any]:
        store = await Store.open(self.url)
        try:
            async with store.database.reading() as connection:
                return list((await connection.execute(query)).all())
        finally:
            await store.close()

    async def told(self, call_id: str) -> Counter[str]:
        rows = await self.rows(sa.select(webhook_events.c.name).where(webhook_events.c.subject_id == call_id))
        return Counter(row.name for row in rows)


@contextlib.contextmanager
def opened_site(url: str, folder: Path, redis: str | None = None) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        environment = UNLIMITED | {"TRUNKLINE_STORE_URL": url, "TRUNKLINE_CLUSTER_NODE_ID": "seed"}
        with (
            watched(Gateway(folder / "seed", "--media-workers", "1", environment=environment)) as seed,
            httpx.Client(
                base_url=f"{seed.http}/api/public/v1", headers={"Authorization": f"Bearer {seed.demo_key}"}
            ) as api,
        ):
            # Nobody listens there: the events wait in the outbox, where they are counted.
            assert api.post("/webhooks", json={"url": "https://192.0.2.1/events"}).is_success
            key = seed.demo_key
        engine = stack.enter_context(watched(ServerProcess(["local_engine", "--port", "0"])))
        address = next(line.split()[1] for line in engine.output.splitlines() if line.startswith("ready"))
        yield Site(url, key, address, folder, redis, stack)


@pytest.fixture
def cluster(postgres: PostgresServer, redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    asyncio.run(redis_server.empty())
    url = asyncio.run(postgres.new_database())
    with opened_site(url, tmp_path, redis_server.url) as site:
        yield site


@contextlib.asynccontextmanager
async def talking(gateway: Gateway) -> AsyncIterator[LiveCaller]:
    """A caller who hears herself, since the agent returns what it hears."""
    async with LiveCaller(gateway, ECHO) as caller:
        await _hears_herself(caller, 700)
        await asyncio.sleep(0.5)  # the snapshot is written behind
        yield caller


async def _hears_herself(caller: LiveCaller, frequency: float) -> None:
    await caller.audio.play(tone(frequency, 600))
    limit = time.monotonic() + 5
    while tone_level_dbfs(_last_second(caller), frequency) < -30:
        assert time.monotonic() < limit, f"{frequency} Hz did not come back"
        await asyncio.sleep(0.1)


async def _quiet(caller: LiveCaller) -> None:
    limit, heard = time.monotonic() + 5, -1
    while heard != len(caller.audio.received):
        assert time.monotonic() < limit, "somebody still speaks"
        heard = len(caller.audio.received)
        await asyncio.sleep(0.3)


def _last_second(caller: LiveCaller) -> Samples:
    """In the order of arrival: whoever goes on with the call begins a stream of its own."""
    law = caller.audio.law
    packets = [packet for packet in caller.audio.received if packet.payload_type == law.value]
    return np.concatenate([law.decode(packet.payload) for packet in packets[-50:]])


async def _moved(caller: LiveCaller, seconds: float) -> float:
    """Wait for the re-INVITE of whoever goes on with the call, and send audio there; when it came."""
    await caller.call.until_request("INVITE", 1, timeout_s=seconds)
    moved_at = time.monotonic()
    caller.audio.connect(caller.call.remote_sdp)
    return moved_at


async def _call(gateway: Gateway, key: str, call_id: str) -> Json:
    async with httpx.AsyncClient(
        base_url=f"{gateway.http}/api/public/v1", headers={"Authorization": f"Bearer {key}"}
    ) as api:
        data: Json = (await api.get(f"/calls/{call_id}")).json()["data"]
        data["timeline"] = (await api.get(f"/calls/{call_id}/timeline")).json()["data"]
    return data


async def _ended(gateway: Gateway, key: str, call_id: str) -> Json:
    limit = time.monotonic() + 10
    while (call := await _call(gateway, key, call_id))["status"] == "in-progress":
        assert time.monotonic() < limit, "the call goes on"
        await asyncio.sleep(0.1)
    return call


async def _eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        await asyncio.sleep(0.05)


def _step(call: Json, kind: str) -> Json:
    found = [step for step in call["timeline"] if step["kind"] == kind]
    assert len(found) == 1, [step["kind"] for step in call["timeline"]]
    return found[0]["detail"]  # type: ignore[no-any-return]


@pytest.mark.timeout(240)
async def test_a_caller_of_a_killed_node_is_taken_up_by_exactly_one_of_two_others(cluster: Site) -> None:
    doomed = await asyncio.to_thread(cluster.node, "doomed")
    others = [await asyncio.to_thread(cluster.node, name) for name in ("second", "third")]
    async with talking(doomed) as caller:
        doomed.signal(signal.SIGKILL)
        killed_at = time.monotonic()
        moved_at = await _moved(caller, 4 * NODE_TIMEOUT_S)
        assert moved_at - killed_at < 3 * NODE_TIMEOUT_S
        await _hears_herself(caller, 1300)
        assert len(caller.call.received("INVITE")) == 1, "one of them asks, and once"
        call = await _call(others[0], cluster.key, caller.call_id)
        assert call["status"] == "in-progress"
        assert _step(call, "adopted")["from_node"] == "doomed"
        assert (await cluster.told(caller.call_id))["call.failed"] == 0
        counter = 'trunkline_call_adoptions_total{result="adopted"}'
        adopted = [node.metrics().get(counter, 0) for node in others]
        assert sorted(adopted) == [0, 1]
        assert (await caller.call.bye()).status == 200
        call = await _ended(others[1], cluster.key, caller.call_id)
        assert (call["status"], call["end_reason"]) == ("ended", "contact-hangup")
        (row,) = await cluster.rows(sa.select(calls.c.duration_ms).where(calls.c.id == caller.call_id))
        assert row.duration_ms >= (moved_at - killed_at) * 1000, "it counts from the answer"
        told = await cluster.told(caller.call_id)
        assert (told["call.ended"], told["call.failed"]) == (1, 0)


@pytest.mark.timeout(240)
async def test_a_gateway_alone_goes_on_with_its_calls_when_it_is_started_again(tmp_path: Path) -> None:
    with await asyncio.to_thread(contextlib.ExitStack) as stack:
        site = stack.enter_context(opened_site(f"sqlite:///{tmp_path / 'alone.db'}", tmp_path))
        first = await asyncio.to_thread(site.node, "alone")
        async with talking(first) as caller, LiveCaller(first, ECHO) as gone:
            await asyncio.sleep(0.5)
            first.signal(signal.SIGKILL)
            gone.call.ended = True
            gone.phone.answer_in_dialog = False
            await asyncio.to_thread(first.wait, 5)
            # Two ports are left for two calls, and each still gets the audio of somebody who has gone.
            assert caller.audio.remote is not None
            host, port = caller.audio.remote
            strangers = (gone.audio, RtpPeer.open())
            gone.audio.remote, strangers[1].remote = (host, port + 2), (host, port)
            strangers[1].start()
            await _quiet(gone)  # its media worker ends a moment later
            heard_before = [len(stranger.received) for stranger in strangers]
            ports = {"TRUNKLINE_MEDIA_RTP_PORTS": f"{port}-{port + 3}"}
            again = await asyncio.to_thread(site.node, "alone", **ports)
            await _moved(caller, 10)
            await _hears_herself(caller, 1300)
            assert [len(stranger.received) for stranger in strangers] == heard_before
            for stranger in strangers:
                stranger.stop()
            strangers[1].close()
            # The other one hung up meanwhile, and nobody was there to hear it.
            refused = await gone.call.until_request("INVITE", 1, timeout_s=10)
            gone.call.respond(refused, 481, "Call/Transaction Does Not Exist")
            lost = await _ended(again, site.key, gone.call_id)
            assert (lost["status"], lost["failure_reason"]) == ("failed", "gateway-error")
            call = await _call(again, site.key, caller.call_id)
            assert _step(call, "adopted")["gap_ms"] < 20_000
            assert (await caller.call.bye()).status == 200
            call = await _ended(again, site.key, caller.call_id)
            assert (call["status"], call["end_reason"]) == ("ended", "contact-hangup")
        assert (await site.told(caller.call_id))["call.ended"] == 1
        assert (await site.told(gone.call_id))["call.failed"] == 1
        await asyncio.sleep(0.6)
        assert await site.rows(sa.select(call_snapshots.c.call_id)) == [], "nothing is left of them"


@pytest.mark.timeout(240)
async def test_a_node_that_stops_hands_its_calls_to_another(cluster: Site) -> None:
    leaving = await asyncio.to_thread(cluster.node, "leaving")
    staying = await asyncio.to_thread(cluster.node, "staying")
    async with talking(leaving) as caller:
        await _eventually(lambda: leaving.metrics()["trunkline_nodes_alive"] == 2)
        leaving.signal(signal.SIGTERM)
        stopped_at = time.monotonic()
        await _moved(caller, 8)
        assert await asyncio.to_thread(leaving.wait, 10) == 0
        assert time.monotonic() - stopped_at < 12, "it need not wait for the end of its calls"
        await _hears_herself(caller, 1300)
        assert caller.call.received("BYE") == []
        call = await _call(staying, cluster.key, caller.call_id)
        assert call["status"] == "in-progress"
        assert _step(call, "adopted")["gap_ms"] < 1000
        packets = [packet.arrival for packet in caller.audio.received]
        pauses = [later - earlier for earlier, later in itertools.pairwise(packets)]
        assert max(pauses) < 1.0, "the line was quiet"
        rows = await cluster.rows(sa.select(calls.c.node_id).where(calls.c.id == caller.call_id))
        assert [row.node_id for row in rows] == ["staying"]
        assert (await caller.call.bye()).status == 200
        call = await _ended(staying, cluster.key, caller.call_id)
        assert call["end_reason"] == "contact-hangup"
        told = await cluster.told(caller.call_id)
        assert (told["call.ended"], told["call.failed"]) == (1, 0)


@pytest.mark.timeout(240)
async def test_a_node_that_comes_back_leaves_the_call_to_the_one_that_has_it(cluster: Site) -> None:
    stalled = await asyncio.to_thread(cluster.node, "stalled")
    other = await asyncio.to_thread(cluster.node, "other")
    async with talking(stalled) as caller:
        stalled.signal(signal.SIGSTOP)
        try:
            await _moved(caller, 4 * NODE_TIMEOUT_S)
        finally:
            stalled.signal(signal.SIGCONT)
        await _eventually(lambda: stalled.metrics()["trunkline_calls_live"] == 0)
        await _hears_herself(caller, 1300)
        assert caller.call.received("BYE") == []
        call = await _call(stalled, cluster.key, caller.call_id)
        assert call["status"] == "in-progress"
        assert (await caller.call.bye()).status == 200
        call = await _ended(other, cluster.key, caller.call_id)
        assert call["end_reason"] == "contact-hangup"
        told = await cluster.told(caller.call_id)
        assert (told["call.ended"], told["call.failed"]) == (1, 0)
