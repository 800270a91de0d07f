"""A gateway with two media workers: what its callers, its operator and the kernel notice when one of them
dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.conftest import UNLIMITED
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import ECHO
from tests.support.audio import dominant_tone, tone
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_call import PeerCall
from tests.support.sip_peer import SipPeer

StartGateway = Callable[..., Gateway]

FIRST_OF_SECOND_WORKER = 25_000  # of the ports 20000 to 29999


@dataclass
class Caller:
    """Somebody on the telephone with the echo agent."""

    call: PeerCall
    peer: RtpPeer
    worker: int

    async def hears_itself(self, frequency: int) -> None:
        """A tone goes through gateway, worker and engine and comes back."""
        start = len(self.peer.audio())
        await self.peer.play(tone(frequency, 600))
        async with asyncio.timeout(10):
            while self._pitch(start) != pytest.approx(frequency, abs=8):
                await asyncio.sleep(0.05)

    def _pitch(self, start: int) -> float:
        samples = self.peer.audio()[start:]
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 1000)
        if len(loud) < 2400:
            return 0.0
        return dominant_tone(samples[loud[0] + 400 : loud[0] + 2400])[0]

    async def until_bye(self) -> float:
        """When the gateway hung up (monotonic), waiting for it."""
        await self.call.until_request("BYE", timeout_s=10)
        return time.monotonic()


def start_with(start_gateway: StartGateway, workers: int, **options: Any) -> Gateway:
    """A gateway whose agents are known to the engine already."""
    gateway = start_gateway("--media-workers", str(workers), **options)
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as client:
        for agent in client.get("/agents"):
            client.wait_until_active(agent["id"])
    return gateway


@pytest.fixture
def served(start_gateway: StartGateway) -> Gateway:
    return start_with(start_gateway, 2)


@pytest.fixture
def api(served: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(served.http, served.demo_key)) as client:
        yield client


def address_of(gateway: Gateway) -> tuple[str, int]:
    host, _, port = gateway.sip.rpartition(":")
    return host, int(port)


@contextlib.asynccontextmanager
async def callers(gateway: Gateway, count: int) -> AsyncIterator[list[Caller]]:
    """So many callers, all connected."""
    async with contextlib.AsyncExitStack() as stack:
        phone = await stack.enter_async_context(await SipPeer.open())
        host, port = address_of(gateway)
        made = []
        for number in range(count):
            peer = await stack.enter_async_context(RtpPeer.open(seed=number))
            call = await phone.call(f"sip:{ECHO}@{host}", (host, port), peer.sdp())
            answer = await call.until_final(10)
            assert answer.status == 200, answer.start_line
            peer.connect(answer.body)
            peer.start()
            assert peer.remote is not None
            made.append(Caller(call, peer, int(peer.remote[1] >= FIRST_OF_SECOND_WORKER)))
        yield made


def worker_pids(gateway: Gateway) -> list[int]:
    """The media workers of a gateway, in no particular order."""
    children = psutil.Process(gateway.process.pid).children()
    return sorted(child.pid for child in children if "media.worker" in child.cmdline())


def pid_serving(gateway: Gateway, port: int) -> int:
    """The worker that has this RTP port."""
    for pid in worker_pids(gateway):
        if any(link.laddr.port == port for link in psutil.Process(pid).net_connections("udp")):
            return pid
    raise AssertionError(f"no worker has port {port}")


async def asked(ask: Callable[..., Json], *arguments: object) -> Json:
    """An API request that holds up no packet."""
    return await asyncio.to_thread(ask, *arguments)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stalled"])
async def test_a_lost_worker_ends_its_own_calls_with_bye_and_no_other(
    served: Gateway, api: ApiClient, how: signal.Signals
) -> None:
    async with callers(served, 4) as everybody:
        assert sorted(caller.worker for caller in everybody) == [0, 0, 1, 1]
        await asyncio.gather(*(caller.hears_itself(500 + 90 * n) for n, caller in enumerate(everybody)))
        lost = [caller for caller in everybody if caller.worker == 0]
        kept = [caller for caller in everybody if caller.worker == 1]
        assert lost[0].peer.remote is not None
        victim = pid_serving(served, lost[0].peer.remote[1])
        began = time.monotonic()
        os.kill(victim, how)
        noticed = await asyncio.gather(*(caller.until_bye() for caller in lost))
        assert max(noticed) - began < (1.0 if how is signal.SIGKILL else 5.0)
        for caller in lost:
            assert "gateway-error" in caller.call.received("BYE")[0]["Reason"]
        await asyncio.gather(*(caller.hears_itself(700 + 90 * n) for n, caller in enumerate(kept)))
        assert not any(caller.call.ended for caller in kept)

        for caller in lost:
            ended = await asked(_call_of, api, caller)
            assert (ended["status"], ended["failure_reason"]) == ("failed", "gateway-error")
            steps = await asked(api.timeline, ended["id"])
            assert "leg-failed" in [step["kind"] for step in steps]

        await asyncio.to_thread(_wait_until_whole, served)
        assert not psutil.pid_exists(victim)
        metrics = await asyncio.to_thread(served.metrics)
        assert metrics['trunkline_media_worker_restarts_total{worker="0"}'] == 1
        assert metrics['trunkline_media_worker_restarts_total{worker="1"}'] == 0
        assert metrics['trunkline_media_worker_stalls_total{worker="0"}'] == (how is signal.SIGSTOP)
        assert metrics["trunkline_media_legs"] == 2

        async with callers(served, 1) as (late,):
            assert late.worker == 0, "the new worker has the fewest calls"
            await late.hears_itself(900)
            await late.call.bye()
        for caller in kept:
            assert (await caller.call.bye()).status == 200
            ended = await asked(_call_of, api, caller)
            assert (ended["status"], ended["end_reason"]) == ("ended", "contact-hangup")
            quality = await asked(api.get, f"/calls/{ended['id']}/quality")
            assert quality["legs"][0]["network"]["packets_received"] > 50
    assert_calls_gone(served)


async def test_signals_to_the_whole_group_let_calls_end_in_peace(served: Gateway, api: ApiClient) -> None:
    """As a service manager stops a service: every process gets the signal, the gateway drains."""
    async with callers(served, 2) as everybody:
        workers = worker_pids(served)
        for pid in [*workers, served.process.pid]:
            os.kill(pid, signal.SIGTERM)
        await asyncio.gather(*(caller.hears_itself(600) for caller in everybody))
        for caller in everybody:
            assert not caller.call.ended
            await caller.call.bye()
    assert await asyncio.to_thread(served.wait, 10) == 0
    assert not [pid for pid in workers if psutil.pid_exists(pid)]


async def test_no_worker_outlives_a_killed_gateway(served: Gateway) -> None:
    async with callers(served, 2):
        workers = [psutil.Process(pid) for pid in worker_pids(served)]
        assert len(workers) == 2
        served.signal(signal.SIGKILL)
        _, alive = await asyncio.to_thread(psutil.wait_procs, workers, 5)
        assert not alive


async def test_workers_without_headroom_take_no_call_and_tell_everybody_why(
    start_gateway: StartGateway,
) -> None:
    environment = UNLIMITED | {"TRUNKLINE_MEDIA_WORKER_CPU_LIMIT": "0.0001"}
    gateway = start_with(start_gateway, 1, environment=environment)
    host, port = address_of(gateway)
    async with await SipPeer.open() as phone, RtpPeer.open() as peer:
        call = await phone.call(f"sip:{ECHO}@{host}", (host, port), peer.sdp())
        refused = await call.until_final()
        assert refused.status == 503
        assert int(refused["Retry-After"]) >= 1
        probe = await phone.options(f"sip:{host}", (host, port))
        assert probe.status == 503
        assert int(probe["Retry-After"]) >= 1
        ready = await asyncio.to_thread(httpx.get, f"{gateway.http}/readyz")
        assert ready.status_code == 503
        assert "processor" in ready.json()["checks"]["media"]
        with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as client:
            (failed,) = await asyncio.to_thread(client.calls)
            assert (failed["status"], failed["failure_reason"]) == ("failed", "capacity")
            assert gateway.metrics()['trunkline_media_worker_accepting{worker="0"}'] == 0


async def test_without_workers_the_gateway_carries_the_audio_itself(start_gateway: StartGateway) -> None:
    gateway = start_with(start_gateway, 0)
    assert worker_pids(gateway) == []
    async with callers(gateway, 1) as (caller,):
        await caller.hears_itself(800)
        await caller.call.bye()
    assert_calls_gone(gateway)


async def test_the_number_of_workers_comes_from_the_configuration(start_gateway: StartGateway) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_MEDIA_WORKERS": "3"})
    assert len(worker_pids(gateway)) == 3
    names = gateway.metrics()
    assert {'trunkline_media_worker_up{worker="2"}', "trunkline_media_legs"} <= names.keys()
    assert 'trunkline_media_worker_up{worker="3"}' not in names
    assert names["trunkline_rtp_ports_free"] == 5000


def _call_of(api: ApiClient, caller: Caller) -> Json:
    """The gateway's call object, over, of this caller's call."""
    return api.wait_for_call(
        lambda call: call["sip"]["call_id"] == caller.call.call_id and call["status"] in ("ended", "failed")
    )


def _wait_until_whole(gateway: Gateway) -> None:
    """Every worker takes calls again."""
    limit = time.monotonic() + 15
    while True:
        metrics = gateway.metrics()
        if all(metrics[f'trunkline_media_worker_accepting{{worker="{n}"}}'] for n in range(2)):
            return
        assert time.monotonic() < limit, "the worker was not replaced"
        time.sleep(0.1)
