"""The worker's side, spoken to as a gateway does."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from media import messages
from media.config import MediaConfig
from media.worker import protocol as p
from media.worker import server
from media.worker.link import Link
from media.worker.server import EXIT_MISMATCH, EXIT_NO_HELLO, EXIT_OK, WorkerServer

SETTINGS = p.WorkerSettings(
    media=MediaConfig(port_low=25_000, port_high=25_999), heartbeat_s=0.02, log_level=logging.INFO
)


class Gateway:
    """The gateway's end, played by the test."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.link = Link(self.heard.put_nowait, lambda reason: None)

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: self.link, sock=self._stream)

    async def welcome(self) -> p.Welcome:
        return p.decode_welcome(await asyncio.wait_for(self.heard.get(), 5))

    def say(self, *words: p.ToWorker) -> None:
        for message in words:
            self.link.send(p.encode(message))

    async def until(self, kind: type[p.FromWorker]) -> p.FromWorker:
        async with asyncio.timeout(5):
            while True:
                message = p.decode_from_worker(await self.heard.get())
                if isinstance(message, kind):
                    return message


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Gateway, asyncio.Task[int]]]:
    ours, theirs = socket.socketpair()
    gateway = Gateway(ours)
    await gateway.connect()
    task = asyncio.create_task(WorkerServer().run(theirs))
    yield gateway, task
    gateway.link.give_up("the test is over")
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)


async def test_a_worker_greets_serves_and_stops() -> None:
    async with serving() as (gateway, task):
        gateway.link.send(p.encode_hello(SETTINGS))
        welcome = await gateway.welcome()
        assert welcome.accepted
        assert (welcome.version, welcome.fingerprint) == (p.PROTOCOL_VERSION, p.fingerprint())
        gateway.say(p.CreateRequest(request_id=1, command=messages.CreateLeg(leg_id="a", call_id="c")))
        created = await gateway.until(p.Created)
        assert isinstance(created, p.Created)
        assert (created.request_id, created.leg.leg_id) == (1, "a")
        gateway.say(p.Stop())
        told = await gateway.until(p.Told)
        assert isinstance(told, p.Told)
        assert isinstance(told.event, messages.LegClosed), "what lives at the end is closed in order"
        assert await asyncio.wait_for(task, 5) == EXIT_OK


async def test_orders_for_a_leg_that_is_being_made_wait_for_it() -> None:
    async with serving() as (gateway, _):
        gateway.link.send(p.encode_hello(SETTINGS))
        await gateway.welcome()
        gateway.say(
            p.CreateRequest(request_id=1, command=messages.CreateLeg(leg_id="a", call_id="c")),
            p.Order(command=messages.CloseLeg(leg_id="a")),
        )
        told = await gateway.until(p.Told)
        assert isinstance(told, p.Told)
        assert isinstance(told.event, messages.LegClosed)


async def test_heartbeats_tell_how_the_worker_fares() -> None:
    async with serving() as (gateway, _):
        gateway.link.send(p.encode_hello(SETTINGS))
        await gateway.welcome()
        gateway.say(p.CreateRequest(request_id=1, command=messages.CreateLeg(leg_id="a", call_id="c")))
        await gateway.until(p.Created)
        first, second = await gateway.until(p.Heartbeat), await gateway.until(p.Heartbeat)
        assert isinstance(first, p.Heartbeat)
        assert isinstance(second, p.Heartbeat)
        assert second.at > first.at
        assert second.cpu_s >= first.cpu_s > 0
        assert (second.legs, second.ports_free) == (1, 499)
        assert second.rss_bytes > 10_000_000


async def test_what_cannot_be_done_is_refused_with_its_kind() -> None:
    async with serving() as (gateway, _):
        gateway.link.send(p.encode_hello(SETTINGS))
        await gateway.welcome()
        gateway.say(p.StatisticsRequest(request_id=5, leg_id="nobody"))
        refused = await gateway.until(p.Refused)
        assert refused == p.Refused(request_id=5, kind=p.RefusalKind.UNKNOWN_LEG, message="nobody")
        create = messages.CreateLeg(leg_id="a", call_id="c")
        gateway.say(
            p.CreateRequest(request_id=6, command=create), p.CreateRequest(request_id=7, command=create)
        )
        refused = await gateway.until(p.Refused)
        assert isinstance(refused, p.Refused)
        assert (refused.request_id, refused.kind) == (7, p.RefusalKind.FAULT)


async def test_a_word_that_is_not_understood_is_logged_at_the_gateway_and_nothing_else_happens() -> None:
    async with serving() as (gateway, _):
        gateway.link.send(p.encode_hello(SETTINGS))
        await gateway.welcome()
        gateway.link.send(msgspec.msgpack.encode({"type": "Dance"}))
        logged = await gateway.until(p.Logged)
        assert isinstance(logged, p.Logged)
        assert (logged.level, logged.event) == ("error", "media_message_unreadable")
        await gateway.until(p.Heartbeat)


async def test_a_gateway_of_another_version_is_told_and_left() -> None:
    async with serving() as (gateway, task):
        hello = {"version": p.PROTOCOL_VERSION + 1, "fingerprint": "x", "settings": {"unheard": 1}}
        gateway.link.send(msgspec.msgpack.encode(hello))
        welcome = await gateway.welcome()
        assert not welcome.accepted
        assert str(p.PROTOCOL_VERSION + 1) in welcome.error
        assert await asyncio.wait_for(task, 5) == EXIT_MISMATCH


async def test_a_worker_does_not_wait_for_ever_to_be_greeted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HELLO_TIMEOUT_S", 0.02)
    async with serving() as (_, task):
        assert await asyncio.wait_for(task, 5) == EXIT_NO_HELLO


async def test_a_worker_ends_when_its_gateway_is_gone() -> None:
    async with serving() as (gateway, task):
        gateway.link.send(p.encode_hello(SETTINGS))
        await gateway.welcome()
        gateway.say(p.CreateRequest(request_id=1, command=messages.CreateLeg(leg_id="a", call_id="c")))
        await gateway.until(p.Created)
        gateway.link.give_up("killed")
        assert await asyncio.wait_for(task, 5) == EXIT_OK
