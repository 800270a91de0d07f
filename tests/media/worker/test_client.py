"""A plane behind a socket: the real worker side on the same loop, and peers that do not behave."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media import messages
from media.config import MediaConfig
from media.messages import CreateLeg, Event
from media.plane import MediaCapacityError, MediaStartError, UnknownLegError
from media.worker import client
from media.worker import protocol as p
from media.worker.client import WorkerMismatchError, WorkerPlane
from media.worker.framing import frame
from media.worker.link import Link
from media.worker.server import EXIT_OK, WorkerServer

LEG = "leg-1"


def settings(**changes: object) -> p.WorkerSettings:
    media = MediaConfig(port_low=24_000, port_high=24_999, **changes)  # type: ignore[arg-type]
    return p.WorkerSettings(media=media, heartbeat_s=0.05, log_level=50)


@asynccontextmanager
async def worker_plane(given: p.WorkerSettings | None = None) -> AsyncIterator[WorkerPlane]:
    """A plane whose worker runs beside it on this loop."""
    ours, theirs = socket.socketpair()
    serving = asyncio.create_task(WorkerServer().run(theirs))
    plane = WorkerPlane(ours, given or settings(), name="worker 7")
    await plane.start()
    yield plane
    await plane.close()
    assert await asyncio.wait_for(serving, 5) == EXIT_OK


class Impostor:
    """The other end of a plane's link, played by the test."""

    def __init__(self, stream: socket.socket) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.link = Link(self.heard.put_nowait, lambda reason: None)
        self._stream = stream

    async def welcome(self, **changes: object) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: self.link, sock=self._stream)
        hello = p.decode_hello(await self.heard.get())
        fields = {"version": hello.version, "fingerprint": hello.fingerprint, "accepted": True, "pid": 42}
        self.link.send(p.encode_welcome(p.Welcome(**(fields | changes))))  # type: ignore[arg-type]

    async def next(self) -> p.ToWorker:
        return p.decode_to_worker(await asyncio.wait_for(self.heard.get(), 5))

    def say(self, message: p.FromWorker) -> None:
        self.link.send(p.encode(message))


@asynccontextmanager
async def impostor() -> AsyncIterator[tuple[WorkerPlane, Impostor]]:
    ours, theirs = socket.socketpair()
    plane, other = WorkerPlane(ours, settings(), name="worker 7"), Impostor(theirs)
    await asyncio.gather(plane.start(), other.welcome())
    yield plane, other
    plane.give_up("the test is over")
    other.link.give_up("the test is over")
    await asyncio.sleep(0)


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 5)


async def test_a_leg_is_made_asked_and_closed() -> None:
    async with worker_plane() as plane:
        events: list[Event] = []
        created = await plane.create_leg(CreateLeg(leg_id=LEG, call_id="c"), events.append)
        assert created.leg_id == LEG
        assert 24_000 <= created.port <= 24_999
        assert plane.pid == os.getpid()
        assert plane.legs == 1
        assert (await plane.statistics(LEG)).packets_sent == 0
        closed = await plane.close_leg(LEG)
        assert events == [closed]
        assert plane.legs == 0
        for ask in (plane.close_leg, plane.statistics):
            with pytest.raises(UnknownLegError):
                await ask(LEG)  # type: ignore[operator]


async def test_a_commands_outcome_comes_as_an_event() -> None:
    async with worker_plane() as plane:
        events: asyncio.Queue[Event] = asyncio.Queue()
        await plane.create_leg(
            CreateLeg(leg_id=LEG, call_id="c", first_packet_timeout_ms=50), events.put_nowait
        )
        plane.send(messages.DrainPlayout(leg_id=LEG))
        plane.send(messages.CloseLeg(leg_id=LEG))
        assert isinstance(await asyncio.wait_for(events.get(), 5), messages.LegClosed)
        plane.send(messages.OpenGate(leg_id=LEG))  # to a leg that is gone: dropped


async def test_the_end_of_a_recording_is_told_after_the_leg_has_closed(tmp_path: Path) -> None:
    async with worker_plane() as plane:
        events: list[Event] = []
        finished = asyncio.Event()

        def hear(event: Event) -> None:
            events.append(event)
            if isinstance(event, messages.RecordingFinished):
                finished.set()

        await plane.create_leg(CreateLeg(leg_id=LEG, call_id="c"), hear)
        plane.send(messages.StartRecording(leg_id=LEG, path=str(tmp_path / "a.wav")))
        await plane.close_leg(LEG)
        await until(finished)
        assert [type(event) for event in events] == [messages.LegClosed, messages.RecordingFinished]
        assert (tmp_path / "a.wav").exists()


async def test_an_empty_pool_of_ports_says_so() -> None:
    media = MediaConfig(port_low=24_900, port_high=24_901)
    async with worker_plane(p.WorkerSettings(media=media, heartbeat_s=0.05, log_level=50)) as plane:
        await plane.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
        assert plane.ports_free == 0
        with pytest.raises(MediaCapacityError, match="no RTP port"):
            await plane.create_leg(CreateLeg(leg_id="2", call_id="c"), lambda event: None)
        assert plane.legs == 1


async def test_resting_ports_are_not_used() -> None:
    media = MediaConfig(port_low=24_910, port_high=24_913)
    given = p.WorkerSettings(media=media, resting_ports={24_910: 60.0}, heartbeat_s=0.05, log_level=50)
    async with worker_plane(given) as plane:
        created = await plane.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
        assert created.port == 24_912
        with pytest.raises(MediaCapacityError):
            await plane.create_leg(CreateLeg(leg_id="2", call_id="c"), lambda event: None)


async def test_a_leg_given_up_while_it_was_being_made_leaves_nothing_behind() -> None:
    async with worker_plane() as plane:
        for number in range(20):
            making = asyncio.create_task(
                plane.create_leg(CreateLeg(leg_id=str(number), call_id="c"), lambda event: None)
            )
            await asyncio.sleep(0)
            making.cancel()
            with pytest.raises(asyncio.CancelledError):
                await making
        assert plane.legs == 0
        created = await plane.create_leg(CreateLeg(leg_id="last", call_id="c"), lambda event: None)
        assert created.port
        while plane.heartbeat is None or plane.heartbeat.legs != 1:
            await asyncio.sleep(0.01)


async def test_a_worker_that_ends_fails_its_legs_and_answers_every_question() -> None:
    async with impostor() as (plane, other):
        events: dict[str, list[Event]] = {"a": [], "b": []}
        for number, (leg_id, heard) in enumerate(events.items()):
            making = asyncio.create_task(
                plane.create_leg(CreateLeg(leg_id=leg_id, call_id="c"), heard.append)
            )
            request = await other.next()
            assert isinstance(request, p.CreateRequest)
            leg = messages.LegCreated(leg_id=leg_id, port=24_000 + 2 * number, rtcp_port=24_001 + 2 * number)
            other.say(p.Created(request_id=request.request_id, leg=leg))
            assert await making == leg
        plane.send(messages.StartRecording(leg_id="b", path="/somewhere/b.wav"))
        questions = [
            asyncio.create_task(plane.statistics("a")),
            asyncio.create_task(plane.close_leg("b")),
        ]
        creating = asyncio.create_task(
            plane.create_leg(CreateLeg(leg_id="c", call_id="c"), events["a"].append)
        )
        for _ in range(4):
            await other.next()
        other.link.give_up("dead")
        for question in questions:
            with pytest.raises(UnknownLegError):
                await question
        with pytest.raises(MediaCapacityError, match="worker 7"):
            await creating
        await asyncio.sleep(0)
        assert [type(event) for event in events["a"]] == [messages.LegFailed]
        unfinished, failed = events["b"]
        assert isinstance(unfinished, messages.RecordingFinished)
        assert (unfinished.path, unfinished.error) == ("/somewhere/b.wav", "the stream ended")
        assert failed == messages.LegFailed(leg_id="b", error="worker 7: the stream ended")
        assert (plane.legs, plane.ports_free, plane.lost) == (0, 0, True)
        with pytest.raises(MediaCapacityError):
            await plane.create_leg(CreateLeg(leg_id="d", call_id="c"), lambda event: None)


async def test_an_event_never_comes_before_its_leg() -> None:
    """Even when answer and event arrive in one piece."""
    async with impostor() as (plane, other):
        order: list[str] = []

        async def make() -> None:
            await plane.create_leg(
                CreateLeg(leg_id=LEG, call_id="c"), lambda event: order.append(type(event).__name__)
            )
            order.append("created")

        making = asyncio.create_task(make())
        request = await other.next()
        assert isinstance(request, p.CreateRequest)
        leg = messages.LegCreated(leg_id=LEG, port=24_000, rtcp_port=24_001)
        other.say(p.Created(request_id=request.request_id, leg=leg))
        other.say(p.Told(event=messages.DigitReceived(leg_id=LEG, digit="1", duration_ms=100)))
        other.link.close()
        await making
        while len(order) < 3:
            await asyncio.sleep(0)
        assert order == ["created", "DigitReceived", "LegFailed"]


async def test_a_worker_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CREATE_TIMEOUT_S", 0.02)
    async with impostor() as (plane, other):
        with pytest.raises(MediaCapacityError, match="did not answer"):
            await plane.create_leg(CreateLeg(leg_id=LEG, call_id="c"), lambda event: None)
        assert isinstance(await other.next(), p.CreateRequest)
        assert await other.next() == p.Order(command=messages.CloseLeg(leg_id=LEG))
        assert plane.legs == 0


async def test_a_message_that_cannot_be_read_is_passed_over() -> None:
    async with impostor() as (plane, other):
        other.link.send(b"\xc1\xc1")
        other.say(
            p.Heartbeat(
                at=1.0, cpu_s=0, legs=0, ports_free=9, late_ticks=0, slots_skipped=0, worst_lateness_ms=0
            )
        )
        while plane.heartbeat is None:
            await asyncio.sleep(0)
        assert plane.ports_free == 9
        assert not plane.lost


async def test_a_worker_of_another_version_is_refused() -> None:
    ours, theirs = socket.socketpair()
    plane, other = WorkerPlane(ours, settings(), name="worker 7"), Impostor(theirs)
    starting = asyncio.create_task(plane.start())
    await other.welcome(accepted=False, error="protocol version 1, ours is 2")
    with pytest.raises(WorkerMismatchError, match="ours is 2"):
        await starting
    other.link.give_up("the test is over")
    await asyncio.sleep(0)


async def test_a_worker_that_hangs_up_at_once_is_told() -> None:
    ours, theirs = socket.socketpair()
    plane = WorkerPlane(ours, settings(), name="worker 7")
    starting = asyncio.create_task(plane.start())
    await asyncio.sleep(0)
    theirs.close()
    with pytest.raises(MediaStartError, match="worker 7"):
        await starting


async def test_words_that_are_no_welcome_are_refused() -> None:
    ours, theirs = socket.socketpair()
    plane = WorkerPlane(ours, settings(), name="worker 7")
    theirs.sendall(frame(b"hello there"))
    with pytest.raises(MediaStartError):
        await plane.start()
    theirs.close()
