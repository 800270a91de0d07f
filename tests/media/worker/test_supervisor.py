"""Several real worker processes as one plane: calls spread over them, deaths, stalls, and what is left."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from picows import WSMsgType

from media import messages
from media.config import MediaConfig
from media.messages import CreateLeg, Event, LegCreated, PatchMode
from media.plane import MediaCapacityError, MediaStartError, UnknownLegError
from media.worker import protocol
from media.worker.load import LoadLimits
from media.worker.process import WorkerProcess
from media.worker.supervisor import PoolSettings, WorkerPool, WorkerStatus
from tests.media.ultravox.engine_server import EngineServer, ServerConnection, engine_server
from tests.support.audio import Samples, dominant_tone, level_dbfs, read_wav, tone, tone_level_dbfs
from tests.support.g711 import Law
from tests.support.rtp_peer import RtpPeer

PORTS = MediaConfig(port_low=26_000, port_high=26_999)
# A stall is noticed after about half a second.
FAST = PoolSettings(heartbeat_s=0.1, missed_looks=5, first_restart_s=0.02)


@asynccontextmanager
async def started(config: MediaConfig = PORTS, settings: PoolSettings = FAST) -> AsyncIterator[WorkerPool]:
    """Two workers, of which nothing may be left at the end."""
    pool = WorkerPool(config, 2, settings)
    await pool.start()
    pids = {worker.pid for worker in pool.workers}
    try:
        yield pool
    finally:
        pids |= {worker.pid for worker in pool.workers}
        await pool.close()
        assert not [pid for pid in pids if psutil.pid_exists(pid)], "the pool left processes behind"


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class PoolCall:
    """A caller and an engine, joined by a leg of the pool."""

    def __init__(self, pool: WorkerPool, leg_id: str, peer: RtpPeer) -> None:
        self.pool = pool
        self.leg_id = leg_id
        self.peer = peer
        self.events: list[Event] = []
        self.created: LegCreated | None = None
        self.connection: ServerConnection | None = None

    async def connect(self, engine: EngineServer) -> None:
        pool, leg_id, peer = self.pool, self.leg_id, self.peer
        self.created = await pool.create_leg(CreateLeg(leg_id=leg_id, call_id=leg_id), self.events.append)
        peer.remote = ("127.0.0.1", self.created.port)
        pool.send(
            messages.NegotiateLeg(
                leg_id=leg_id,
                remote_host=peer.host,
                remote_port=peer.port,
                remote_rtcp_port=peer.port + 1,
                codec="PCMU",
                clock_rate=8000,
                payload_type=0,
            )
        )
        url = f"{engine.url}&leg={leg_id}"
        pool.send(messages.AttachEngine(leg_id=leg_id, join_url=url, sample_rate=8000))
        pool.send(messages.OpenGate(leg_id=leg_id))
        await until(lambda: self.has(messages.EngineOpened))
        self.connection = next(
            connection
            for connection in engine.connections
            if connection.request.path.decode().endswith(f"&leg={leg_id}")
        )
        peer.start()

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    def failure(self) -> str | None:
        failed = [event.error for event in self.events if isinstance(event, messages.LegFailed)]
        assert len(failed) <= 1
        return failed[0] if failed else None

    async def hears(self, frequency: int) -> None:
        """Both sides hear a tone of the other's from now on."""
        assert self.connection is not None
        before_up, before_down = len(self.connection.audio), len(self.peer.audio())
        assert self.connection.transport is not None
        speech = tone(frequency + 300, 500)
        self.connection.transport.send(WSMsgType.BINARY, speech.tobytes())
        await self.peer.play(tone(frequency, 500))
        await until(lambda: dominant(self._heard_by_engine(before_up)) == pytest.approx(frequency, abs=5))
        await until(
            lambda: dominant(self.peer.audio()[before_down:]) == pytest.approx(frequency + 300, abs=5)
        )

    def _heard_by_engine(self, start: int) -> Samples:
        assert self.connection is not None
        data = bytes(self.connection.audio[start & ~1 :])
        return np.frombuffer(data[: len(data) & ~1], dtype="<i2").astype(np.int16)


def dominant(samples: Samples) -> float:
    """The pitch of what was heard, 0 when it was not yet enough."""
    loud = samples[np.abs(samples.astype(np.int32)) > 200]
    if len(loud) < 2400 or level_dbfs(samples) < -40:
        return 0.0
    start = int(np.argmax(np.abs(samples.astype(np.int32)) > 200))
    return dominant_tone(samples[start : start + 2400])[0]


@asynccontextmanager
async def calls(pool: WorkerPool, engine: EngineServer, count: int = 4) -> AsyncIterator[list[PoolCall]]:
    made = [PoolCall(pool, f"leg-{number}", RtpPeer.open(seed=number)) for number in range(count)]
    try:
        for call in made:
            await call.connect(engine)
        yield made
    finally:
        for call in made:
            call.peer.close()


def worker_of(pool: WorkerPool, call: PoolCall) -> int:
    """The index of the worker whose ports the call has."""
    assert call.created is not None
    return int(call.created.port >= 26_500)


async def restarted(pool: WorkerPool, index: int) -> WorkerStatus:
    await until(lambda: pool.workers[index].restarts and pool.workers[index].state == "ok")
    return pool.workers[index]


async def test_calls_are_spread_over_the_workers_and_each_hears_its_own_engine() -> None:
    async with started() as pool, engine_server() as engine, calls(pool, engine) as made:
        assert sorted(worker_of(pool, call) for call in made) == [0, 0, 1, 1]
        await asyncio.gather(*(call.hears(400 + 100 * number) for number, call in enumerate(made)))
        assert [worker.legs for worker in pool.workers] == [2, 2]
        assert pool.legs == 4
        counted = await pool.statistics("leg-0")
        assert counted.packets_received >= 25
        for call in made:
            closed = await pool.close_leg(call.leg_id)
            assert closed.statistics.packets_sent >= 20
            assert call.events[-1] == closed
        assert pool.legs == 0
        with pytest.raises(UnknownLegError):
            await pool.statistics("leg-0")


async def test_a_killed_worker_fails_its_own_calls_only_and_is_replaced() -> None:
    async with started() as pool, engine_server() as engine, calls(pool, engine) as made:
        victim = pool.workers[0]
        os.kill(victim.pid, signal.SIGKILL)
        lost = [call for call in made if worker_of(pool, call) == 0]
        kept = [call for call in made if worker_of(pool, call) == 1]
        await until(lambda: all(call.failure() for call in lost), 2)
        assert {call.failure() for call in lost} == {"media worker 0: the stream ended"}
        await asyncio.gather(*(call.hears(700) for call in kept))
        assert {call.failure() for call in kept} == {None}
        assert pool.state == "ok"
        with pytest.raises(UnknownLegError):
            await pool.close_leg(lost[0].leg_id)
        fresh = await restarted(pool, 0)
        assert fresh.pid not in (0, victim.pid)
        assert pool.legs == len(kept)
        peer = RtpPeer.open(seed=9)
        again = PoolCall(pool, "again", peer)
        await again.connect(engine)
        assert worker_of(pool, again) == 0, "the new worker has the fewest calls"
        await again.hears(900)
        peer.close()


async def test_ports_of_a_dead_worker_rest_before_its_successor_uses_them() -> None:
    config = MediaConfig(port_low=27_000, port_high=27_011, port_rest_s=30.0)  # three pairs for each
    async with started(config) as pool:
        ports = set()
        for number in range(4):
            leg = await pool.create_leg(CreateLeg(leg_id=str(number), call_id="c"), lambda event: None)
            ports.add(leg.port)
        await pool.close_leg("0")  # rests already when its worker dies
        os.kill(pool.workers[0].pid, signal.SIGKILL)
        await until(lambda: not pool.workers[0].up)
        await restarted(pool, 0)
        await until(lambda: pool.workers[0].ports_free == 1)
        more = [
            await pool.create_leg(CreateLeg(leg_id=f"more-{number}", call_id="c"), lambda event: None)
            for number in range(2)
        ]
        assert not {leg.port for leg in more} & ports
        with pytest.raises(MediaCapacityError, match="no RTP port"):
            await pool.create_leg(CreateLeg(leg_id="none", call_id="c"), lambda event: None)


async def test_a_stalled_worker_is_found_by_its_missing_heartbeat_and_killed() -> None:
    async with started() as pool, engine_server() as engine, calls(pool, engine) as made:
        victim = pool.workers[1]
        os.kill(victim.pid, signal.SIGSTOP)
        began = time.monotonic()
        lost = [call for call in made if worker_of(pool, call) == 1]
        kept = [call for call in made if worker_of(pool, call) == 0]
        await until(lambda: all(call.failure() for call in lost), 5)
        assert time.monotonic() - began < 2
        assert {call.failure() for call in lost} == {"media worker 1: stalled: no heartbeat"}
        await restarted(pool, 1)
        assert pool.workers[1].stalls == 1
        assert not psutil.pid_exists(victim.pid)
        await asyncio.gather(*(call.hears(500) for call in kept))


async def test_a_stall_of_the_gateway_condemns_no_worker() -> None:
    async with started() as pool:
        for _ in range(3):
            time.sleep(0.8)  # noqa: ASYNC251 - the stall
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert [(worker.up, worker.restarts, worker.stalls) for worker in pool.workers] == [(True, 0, 0)] * 2


async def test_a_recording_of_a_killed_worker_plays_up_to_its_last_second(tmp_path: Path) -> None:
    async with started() as pool, engine_server() as engine, calls(pool, engine, count=1) as (call,):
        path = tmp_path / "a.wav"
        pool.send(messages.StartRecording(leg_id=call.leg_id, path=str(path)))
        await call.hears(500)
        await until(lambda: path.exists() and len(read_wav(path)[0]) >= 16_000)
        os.kill(pool.workers[worker_of(pool, call)].pid, signal.SIGKILL)
        await until(lambda: call.failure())
        finished = [event for event in call.events if isinstance(event, messages.RecordingFinished)]
        assert [event.error for event in finished] == ["the stream ended"]
        audio, rate = read_wav(path)
        assert rate == 8000
        assert dominant(audio[:, 0]) == pytest.approx(500, abs=5)


async def test_closing_finishes_recordings_and_ends_calls(tmp_path: Path) -> None:
    async with engine_server() as engine, started() as pool, calls(pool, engine, count=2) as made:
        for call in made:
            path = str(tmp_path / f"{call.leg_id}.wav")
            pool.send(messages.StartRecording(leg_id=call.leg_id, path=path))
        await made[0].hears(500)
        await pool.close()
        for call in made:
            assert call.has(messages.LegClosed)
            recorded = next(e for e in call.events if isinstance(e, messages.RecordingFinished))
            assert recorded.error is None
            assert recorded.duration_ms >= 400
            assert call.connection is not None
            await asyncio.wait_for(call.connection.closed.wait(), 5)
            assert call.connection.close_code == 1000


async def test_a_worker_without_headroom_takes_no_call_and_says_why() -> None:
    settings = PoolSettings(heartbeat_s=0.1, load=LoadLimits(cpu_share=0.0001))
    async with started(settings=settings) as pool:
        await until(lambda: "processor" in pool.state)
        with pytest.raises(MediaCapacityError, match=r"media worker 0: .* processor .*media worker 1: "):
            await pool.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
        assert pool.legs == 0


async def test_a_busy_worker_is_passed_over_by_what_it_measures() -> None:
    """A worker that shares its core with something else has less room, though it has as many calls."""
    async with started() as pool, engine_server() as engine, calls(pool, engine, count=2) as made:
        busy = worker_of(pool, made[0])
        # The same as if its legs were dear: what its heartbeats tell is all that the pool goes by.
        beat = protocol.Heartbeat(
            at=time.monotonic() + 60,
            cpu_s=1000.0,
            legs=1,
            ports_free=200,
            late_ticks=0,
            slots_skipped=0,
            worst_lateness_ms=0.0,
        )
        pool._workers[busy].load.beat(beat)
        assert pool.workers[busy].state != "ok"
        created = await pool.create_leg(CreateLeg(leg_id="new", call_id="c"), lambda event: None)
        assert int(created.port >= 26_500) != busy


async def test_a_worker_that_does_not_come_up_again_is_tried_at_growing_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with started() as pool:
        tried: list[float] = []
        start = WorkerProcess.start

        async def fail() -> WorkerProcess:
            tried.append(time.monotonic())
            if len(tried) <= 3:
                raise MediaStartError("no memory")
            return await start()

        monkeypatch.setattr(WorkerProcess, "start", fail)
        os.kill(pool.workers[0].pid, signal.SIGKILL)
        await until(lambda: len(tried) == 2)
        assert "no memory" in pool.workers[0].state
        assert pool.state == "ok", "the other worker still takes calls"
        await restarted(pool, 0)
        gaps = np.diff(tried)
        assert list(gaps) == sorted(gaps)
        assert gaps[-1] >= 0.15


async def test_workers_of_other_code_are_refused_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(psutil.Process().children())
    monkeypatch.setattr(protocol, "PROTOCOL_VERSION", 999)
    pool = WorkerPool(PORTS, 2, FAST)
    with pytest.raises(MediaStartError, match="999"):
        await pool.start()
    assert set(psutil.Process().children()) == before


async def test_a_pool_can_be_closed_while_it_replaces_a_worker() -> None:
    settings = PoolSettings(heartbeat_s=0.1, first_restart_s=30.0)
    async with started(settings=settings) as pool:
        os.kill(pool.workers[0].pid, signal.SIGKILL)
        await until(lambda: not pool.workers[0].up)
        began = time.monotonic()
        await pool.close()
        assert time.monotonic() - began < 5


def test_a_range_too_small_for_the_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="1 port pairs cannot serve 2 media workers"):
        WorkerPool(MediaConfig(port_low=20_000, port_high=20_001), 2)


async def test_a_hundred_legs_fail_in_one_go_without_disturbing_the_others() -> None:
    async with started() as pool:
        heard: dict[str, list[Event]] = {str(number): [] for number in range(200)}
        made = await asyncio.gather(
            *(
                pool.create_leg(CreateLeg(leg_id=leg, call_id="c"), events.append)
                for leg, events in heard.items()
            )
        )
        share = [leg.leg_id for leg in made if leg.port < 26_500]
        assert 80 <= len(share) <= 120, "a burst is spread as well"
        os.kill(pool.workers[0].pid, signal.SIGKILL)
        await until(lambda: all(heard[leg] for leg in share))
        assert {leg for leg, events in heard.items() if events} == set(share)
        assert pool.legs == 200 - len(share)


async def test_two_legs_of_a_call_are_patched_in_one_worker() -> None:
    """The agent talks with the second person, then the two persons, then the agent with its caller."""
    async with started() as pool, engine_server() as engine, calls(pool, engine, count=3) as made:
        first = made[0]
        assert first.connection is not None
        assert first.connection.transport is not None
        async with RtpPeer.open(law=Law.PCMA, seed=7) as peer:
            events: list[Event] = []
            created = await pool.create_leg(
                CreateLeg(leg_id="second", call_id="leg-0", beside="leg-0"), events.append
            )
            assert int(created.port >= 26_500) == worker_of(pool, first), "the least loaded one has room"
            peer.remote = ("127.0.0.1", created.port)
            pool.send(
                messages.NegotiateLeg(
                    leg_id="second",
                    remote_host=peer.host,
                    remote_port=peer.port,
                    remote_rtcp_port=peer.port + 1,
                    codec="PCMA",
                    clock_rate=8000,
                    payload_type=8,
                )
            )
            pool.send(messages.OpenGate(leg_id="second"))
            pool.send(messages.SetHold(leg_id="leg-0", held=True))
            pool.send(messages.Patch(leg_id="leg-0", other_leg_id="second", mode=PatchMode.CONSULT))
            peer.start()
            await until(lambda: any(isinstance(event, messages.FirstPacketReceived) for event in events))
            before = len(first.connection.audio)
            first.connection.transport.send(WSMsgType.BINARY, tone(1300, 500).tobytes())
            await asyncio.gather(peer.play(tone(900, 500)), first.peer.play(tone(600, 500)))
            await until(lambda: dominant(first._heard_by_engine(before)) == pytest.approx(900, abs=5))
            await until(lambda: dominant(peer.audio()) == pytest.approx(1300, abs=5))
            assert tone_level_dbfs(first.peer.audio()[-4000:], 1300) < -60

            pool.send(messages.SetHold(leg_id="leg-0", held=False))
            pool.send(messages.Patch(leg_id="leg-0", other_leg_id="second", mode=PatchMode.BRIDGE))
            await asyncio.sleep(0.1)
            begun, begun_first = len(peer.audio()), len(first.peer.audio())
            await asyncio.gather(peer.play(tone(900, 500)), first.peer.play(tone(600, 500)))
            await until(lambda: dominant(peer.audio()[begun:]) == pytest.approx(600, abs=5))
            await until(lambda: dominant(first.peer.audio()[begun_first:]) == pytest.approx(900, abs=5))

            await pool.close_leg("second")
            await until(lambda: first.has(messages.PatchEnded))
            pool.send(messages.Patch(leg_id="leg-0", other_leg_id="second", mode=PatchMode.AGENT))
            await asyncio.sleep(0.1)  # words that overtake the order are said to nobody
            await first.hears(1500)


async def test_a_leg_whose_worker_has_no_room_is_not_put_elsewhere() -> None:
    config = MediaConfig(port_low=27_000, port_high=27_003)  # one pair for each
    async with started(config) as pool:
        await pool.create_leg(CreateLeg(leg_id="first", call_id="c"), lambda event: None)
        with pytest.raises(MediaCapacityError, match="no RTP port"):
            await pool.create_leg(CreateLeg(leg_id="second", call_id="c", beside="first"), lambda event: None)
        with pytest.raises(MediaCapacityError, match="leg nobody is gone"):
            await pool.create_leg(
                CreateLeg(leg_id="second", call_id="c", beside="nobody"), lambda event: None
            )
        assert pool.legs == 1


async def test_legs_of_different_workers_cannot_be_patched_and_it_is_told() -> None:
    async with started() as pool:
        events: list[Event] = []
        for leg_id in ("a", "b"):
            await pool.create_leg(CreateLeg(leg_id=leg_id, call_id="c"), events.append)
        assert [worker.legs for worker in pool.workers] == [1, 1]
        pool.send(messages.Patch(leg_id="a", other_leg_id="b", mode=PatchMode.BRIDGE))
        await until(lambda: events)
        (ended,) = events
        assert ended == messages.PatchEnded(leg_id="a", other_leg_id="b", reason="the other leg is not there")


async def test_both_legs_of_a_patch_fail_with_their_worker() -> None:
    async with started() as pool:
        events: list[Event] = []
        await pool.create_leg(CreateLeg(leg_id="a", call_id="c"), events.append)
        await pool.create_leg(CreateLeg(leg_id="b", call_id="c", beside="a"), events.append)
        pool.send(messages.Patch(leg_id="a", other_leg_id="b", mode=PatchMode.BRIDGE))
        victim = next(worker for worker in pool.workers if worker.legs == 2)
        os.kill(victim.pid, signal.SIGKILL)
        await until(lambda: len(events) == 2)
        assert {(type(event), event.leg_id) for event in events} == {
            (messages.LegFailed, "a"),
            (messages.LegFailed, "b"),
        }
