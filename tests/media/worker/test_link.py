"""The link over a pair of sockets: order, bounds, and what happens when the peer does not read."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from media.worker.framing import MAX_FRAME_BYTES, FrameError
from media.worker.link import Link, LinkLimits

SMALL = LinkLimits(soft_bytes=20_000, hard_bytes=100_000)


class End:
    """One end of a link, and what it heard."""

    def __init__(self, stream: socket.socket, limits: LinkLimits | None = None) -> None:
        self.stream = stream
        self.heard: list[bytes] = []
        self.lost: list[str] = []
        self.changed = asyncio.Event()
        self.link = Link(self._received, self._lost, limits)

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: self.link, sock=self.stream)

    def _received(self, data: bytes) -> None:
        self.heard.append(data)
        self.changed.set()

    def _lost(self, reason: str) -> None:
        self.lost.append(reason)
        self.changed.set()

    async def until_heard(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                self.changed.clear()
                await self.changed.wait()

    async def until_lost(self) -> str:
        async with asyncio.timeout(5):
            while not self.lost:
                self.changed.clear()
                await self.changed.wait()
        return self.lost[0]


@pytest.fixture
async def ends() -> AsyncIterator[tuple[End, End]]:
    near, far = socket.socketpair()
    both = End(near, SMALL), End(far)
    yield both
    for end in both:
        end.link.give_up("the test is over")
        end.stream.close()
    await asyncio.sleep(0)


async def test_messages_arrive_in_order_in_both_directions(ends: tuple[End, End]) -> None:
    near, far = ends
    near.link.send(b"before it is connected")
    await near.connect()
    await far.connect()
    for number in range(500):
        near.link.send(b"%d" % number)
        far.link.send(b"-%d" % number)
    await far.until_heard(501)
    await near.until_heard(500)
    assert far.heard == [b"before it is connected", *(b"%d" % number for number in range(500))]
    assert near.heard == [b"-%d" % number for number in range(500)]
    assert (near.link.counters.sent, far.link.counters.received) == (501, 501)
    assert near.link.counters.dropped == 0


async def test_what_can_be_spared_is_dropped_while_the_peer_does_not_read(
    ends: tuple[End, End],
) -> None:
    near, far = ends
    await near.connect()
    sent = 0
    while near.link.send(b"e" * 1000, droppable=True):
        sent += 1
        await asyncio.sleep(0)  # the kernel takes what it can
    assert near.link.counters.dropped == 1
    assert near.link.waiting <= SMALL.soft_bytes
    assert near.link.send(b"needed"), "what is needed still has room"
    await far.connect()
    await far.until_heard(sent + 1)
    assert far.heard[-1] == b"needed"
    assert near.link.send(b"again", droppable=True), "a peer that reads again gets everything"
    assert not near.lost


async def test_a_peer_that_never_reads_is_given_up_at_the_bound(ends: tuple[End, End]) -> None:
    near, _ = ends
    await near.connect()
    while near.link.send(b"n" * 5000):
        assert near.link.waiting <= SMALL.hard_bytes
        await asyncio.sleep(0)
    assert await near.until_lost() == "the peer does not read"
    assert near.link.waiting == 0
    assert not near.link.send(b"more")
    assert near.lost == ["the peer does not read"], "told once"


async def test_closing_sends_what_was_queued(ends: tuple[End, End]) -> None:
    near, far = ends
    await near.connect()
    await far.connect()
    near.link.send(b"last words")
    near.link.close()
    assert await far.until_lost() == "the stream ended"
    assert far.heard == [b"last words"]


async def test_a_stream_that_is_not_ours_ends_the_link(ends: tuple[End, End]) -> None:
    near, far = ends
    await far.connect()
    near.stream.setblocking(True)
    near.stream.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert "bytes" in await far.until_lost()
    assert far.heard == []


async def test_a_message_too_large_is_refused_and_the_link_stays(ends: tuple[End, End]) -> None:
    near, far = ends
    await near.connect()
    await far.connect()
    with pytest.raises(FrameError):
        near.link.send(bytes(MAX_FRAME_BYTES + 1))
    near.link.send(b"small")
    await far.until_heard(1)
