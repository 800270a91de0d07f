"""The UDP transport on loopback sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sip.flow import TransportError
from sip.message import Request, Response
from sip.transport_udp import DATAGRAMS_PER_WAKEUP, UdpFlow, UdpTransport
from tests.support.sip_sockets import WAIT, UdpPeer


class Owner:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.observed = False
        self.received: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.told: list[bytes] = []

    def datagram_received(self, data: bytes, source: tuple[str, int], transport: UdpTransport) -> None:
        self.received.put_nowait((data, source))

    def message_sent(self, flow: UdpFlow, data: bytes, message: Request | Response | None) -> None:
        self.told.append(data)

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        return f"us-for-{peer_host}"

    def local_host(self, peer_host: str, bound_host: str) -> str:
        return bound_host


@pytest.fixture
async def bench() -> AsyncIterator[tuple[Owner, UdpTransport, UdpPeer]]:
    owner = Owner()
    transport = UdpTransport(owner, "127.0.0.1", 0)
    transport.start(asyncio.get_running_loop())
    async with UdpPeer() as peer:
        yield owner, transport, peer
    transport.close()


async def next_datagram(owner: Owner) -> tuple[bytes, tuple[str, int]]:
    async with asyncio.timeout(WAIT):
        return await owner.received.get()


async def test_datagrams_arrive_with_their_source(bench: tuple[Owner, UdpTransport, UdpPeer]) -> None:
    owner, transport, peer = bench
    peer.send(b"hello", transport.port)
    assert await next_datagram(owner) == (b"hello", ("127.0.0.1", peer.port))
    assert transport.datagrams_received == 1


async def test_burst_larger_than_one_wakeup_arrives_whole(
    bench: tuple[Owner, UdpTransport, UdpPeer],
) -> None:
    owner, transport, peer = bench
    count = DATAGRAMS_PER_WAKEUP * 2 + 5
    for number in range(count):
        peer.send(str(number), transport.port)
    assert [int((await next_datagram(owner))[0]) for _ in range(count)] == list(range(count))


async def test_flow_sends_from_the_listening_port_and_is_one_object_per_peer(
    bench: tuple[Owner, UdpTransport, UdpPeer],
) -> None:
    owner, transport, peer = bench
    flow = transport.flow_to("127.0.0.1", peer.port)
    assert flow is transport.flow_to("127.0.0.1", peer.port)
    assert flow.local_authority == f"us-for-127.0.0.1:{transport.port}"
    flow.send(b"ping", None)
    assert await peer.receive() == b"ping"
    assert owner.told == []
    owner.observed = True
    flow.send(b"ping", None)
    assert owner.told == [b"ping"]


async def test_message_that_no_datagram_can_hold_is_a_transport_error(
    bench: tuple[Owner, UdpTransport, UdpPeer],
) -> None:
    _, transport, peer = bench
    with pytest.raises(TransportError):
        transport.flow_to("127.0.0.1", peer.port).send(b"x" * 70_000, None)


async def test_closed_transport_reads_nothing_and_frees_its_port() -> None:
    owner = Owner()
    transport = UdpTransport(owner, "127.0.0.1", 0)
    transport.start(asyncio.get_running_loop())
    port = transport.port
    transport.close()
    again = UdpTransport(owner, "127.0.0.1", port)
    again.close()


async def test_taken_port_is_an_os_error(bench: tuple[Owner, UdpTransport, UdpPeer]) -> None:
    owner, transport, _ = bench
    with pytest.raises(OSError, match="in use"):
        UdpTransport(owner, "127.0.0.1", transport.port)
