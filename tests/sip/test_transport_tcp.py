"""The TCP transport on loopback connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from sip import transport_tcp
from sip.errors import ParseError
from sip.flow import TransportError
from sip.message import Request, Response
from sip.tls_settings import TlsClientSettings
from sip.transport_tcp import TcpConnection, TcpTransport
from tests.support.sip_endpoint_harness import peer_request
from tests.support.sip_sockets import WAIT, TcpPeer


class Owner:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.observed = False
        self.messages: asyncio.Queue[tuple[Request | Response, TcpConnection]] = asyncio.Queue()
        self.invalid: list[ParseError] = []
        self.lost: asyncio.Queue[TcpConnection] = asyncio.Queue()

    def message_received(self, message: Request | Response, connection: TcpConnection) -> None:
        self.messages.put_nowait((message, connection))

    def invalid_received(self, error: ParseError, connection: TcpConnection) -> None:
        self.invalid.append(error)

    def message_sent(self, flow: TcpConnection, data: bytes, message: Request | Response | None) -> None:
        raise AssertionError("nobody observes")

    def connection_lost(self, connection: TcpConnection) -> None:
        self.lost.put_nowait(connection)

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        return bound_host

    async def next_message(self) -> tuple[Request | Response, TcpConnection]:
        async with asyncio.timeout(WAIT):
            return await self.messages.get()

    async def next_lost(self) -> TcpConnection:
        async with asyncio.timeout(WAIT):
            return await self.lost.get()


class Bench:
    def __init__(self, owner: Owner, transport: TcpTransport, port: int) -> None:
        self.owner = owner
        self.transport = transport
        self.port = port


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    owner = Owner()
    transport = TcpTransport(owner, asyncio.get_running_loop())
    _, port = await transport.listen("127.0.0.1", 0)
    yield Bench(owner, transport, port)
    await transport.close()


def options(number: int = 1, body: bytes = b"") -> bytes:
    return peer_request("OPTIONS", branch=f"z9hG4bK-{number}", body=body, transport="TCP").serialise()


def send_without_end(connection: TcpConnection) -> None:
    for _ in range(1000):
        connection.send(b"x" * 100_000, None)


async def test_message_in_many_pieces_and_many_messages_in_one_piece(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        data = options(1, b"v=0\r\n")
        for start in range(0, len(data), 50):
            await peer.send(data[start : start + 50])
        await peer.send(options(2) + b"\r\n" + options(3))
        got = [(await bench.owner.next_message())[0] for _ in range(3)]
        assert [message.top_via.branch for message in got] == ["z9hG4bK-1", "z9hG4bK-2", "z9hG4bK-3"]
        assert got[0].body == b"v=0\r\n"


async def test_answer_goes_back_on_the_connection_of_the_request(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as one, await TcpPeer.connect(bench.port) as two:
        await two.send(options())
        _, connection = await bench.owner.next_message()
        assert (connection.host, connection.port) == ("127.0.0.1", two.port)
        assert connection.local_authority == f"127.0.0.1:{bench.port}"
        connection.send(b"to two", None)
        assert await two.receive(6) == b"to two"
        await one.send(options(2))
        (await bench.owner.next_message())[1].send(b"to one", None)
        assert await one.receive(6) == b"to one"


async def test_keep_alive_ping_gets_a_pong(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(b"\r\n\r\n")
        assert await peer.receive(2) == b"\r\n"
        await peer.send(options())
        await bench.owner.next_message()


async def test_garbage_costs_the_peer_its_connection_and_nobody_else(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as good, await TcpPeer.connect(bench.port) as bad:
        await bad.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20)
        assert await bad.closed()
        assert len(bench.owner.invalid) == 1
        await good.send(options())
        await bench.owner.next_message()


async def test_malformed_message_with_known_end_is_reported_and_the_connection_stays(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(options().replace(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS") + options(2))
        message, _ = await bench.owner.next_message()
        assert message.top_via.branch == "z9hG4bK-2"
        assert bench.owner.invalid[0].request is not None


async def test_connection_is_opened_once_and_what_was_sent_meanwhile_arrives_in_order(bench: Bench) -> None:
    peers: asyncio.Queue[TcpPeer] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: peers.put_nowait(TcpPeer(reader, writer)), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    connection = bench.transport.flow_to("127.0.0.1", port)
    connection.send(b"one ", None)
    connection.send(b"two ", None)
    assert bench.transport.flow_to("127.0.0.1", port) is connection
    async with asyncio.timeout(WAIT):
        peer = await peers.get()
    bench.transport.flow_to("127.0.0.1", port).send(b"three", None)
    assert await peer.receive(13) == b"one two three"
    # Answers of that peer come in on it too.
    await peer.send(options())
    assert (await bench.owner.next_message())[1] is connection
    assert peers.empty()
    async with peer:
        server.close()


async def test_inbound_connection_is_used_for_requests_to_the_same_address(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(options())
        _, connection = await bench.owner.next_message()
        assert bench.transport.flow_to("127.0.0.1", peer.port) is connection


async def test_refused_connection_is_reported(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        connection = bench.transport.flow_to("127.0.0.1", port)
        connection.send(b"lost", None)
        assert await bench.owner.next_lost() is connection
    assert connection.never_opened
    assert bench.transport.connections == 0
    with pytest.raises(TransportError):
        connection.send(b"late", None)


async def test_a_server_name_that_cannot_be_one_is_a_connection_that_fails(bench: Bench) -> None:
    transport = TcpTransport(bench.owner, asyncio.get_running_loop(), transport="tls")
    connection = transport.flow_to("127.0.0.1", bench.port, tls=TlsClientSettings(server_name=".example.com"))
    assert await bench.owner.next_lost() is connection
    assert transport.connections == 0
    await transport.close()


async def test_connection_that_does_not_come_up_in_time_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.transport, "loop", _LoopThatNeverConnects(bench.transport.loop))
    connection = bench.transport.flow_to("127.0.0.1", 9, connect_timeout=0.01)
    assert await bench.owner.next_lost() is connection


class _LoopThatNeverConnects:
    """A network that drops every SYN."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.time = loop.time
        self.create_task = loop.create_task
        self.call_later = loop.call_later

    async def create_connection(
        self, factory: Callable[[], object], host: str, port: int, **options: object
    ) -> None:
        await asyncio.Event().wait()


async def test_closed_connection_is_forgotten(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(options())
        _, connection = await bench.owner.next_message()
        assert bench.transport.connections == 1
    assert await bench.owner.next_lost() is connection
    assert not connection.alive
    assert bench.transport.connections == 0


async def test_peer_that_does_not_read_loses_its_connection(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(options())
        _, connection = await bench.owner.next_message()
        with pytest.raises(TransportError, match="does not read"):
            send_without_end(connection)
        assert await bench.owner.next_lost() is connection
        assert bench.transport.dropped == 1


async def test_peer_that_stops_in_the_middle_of_a_message_is_overdue(bench: Bench) -> None:
    async with await TcpPeer.connect(bench.port) as slow, await TcpPeer.connect(bench.port) as idle:
        await slow.send(options(1) + options(2)[:40])
        await idle.send(options(3))
        connections = {c.port: c for _, c in [await bench.owner.next_message() for _ in range(2)]}
        later = bench.transport.loop.time() + transport_tcp.PARTIAL_MESSAGE_TIMEOUT + 1
        assert connections[slow.port].overdue(later)
        assert not connections[idle.port].overdue(later)
        assert connections[idle.port].overdue(later + transport_tcp.IDLE_TIMEOUT)


async def test_a_silent_connection_of_ours_is_pinged_and_kept_as_long_as_it_answers(bench: Bench) -> None:
    peers: asyncio.Queue[TcpPeer] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: peers.put_nowait(TcpPeer(reader, writer)), "127.0.0.1", 0
    )
    connection = bench.transport.flow_to("127.0.0.1", server.sockets[0].getsockname()[1])
    async with asyncio.timeout(WAIT):
        peer = await peers.get()
    start = bench.transport.loop.time()
    silent = start + transport_tcp.KEEP_ALIVE_INTERVAL + 1
    async with peer:
        connection.keep_alive(start + 5)
        connection.keep_alive(silent)
        assert await peer.receive(4) == b"\r\n\r\n", "one ping, and not too early"
        assert not connection.overdue(silent + 60), "not everybody knows pings"
        await peer.send("\r\n")
        connection.send(options(), None)  # ours arrives behind nothing else
        await peer.receive_message()
        await peer.send(options())
        await bench.owner.next_message()  # the pong came before it
        later = silent + transport_tcp.KEEP_ALIVE_INTERVAL
        connection.keep_alive(later)
        assert not connection.overdue(later + 5)
        assert connection.overdue(later + transport_tcp.SWEEP_INTERVAL), "who has answered before is gone"
        server.close()
    await bench.owner.next_lost()


async def test_pings_do_not_keep_a_connection_that_nobody_uses(bench: Bench) -> None:
    peers: asyncio.Queue[TcpPeer] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: peers.put_nowait(TcpPeer(reader, writer)), "127.0.0.1", 0
    )
    connection = bench.transport.flow_to("127.0.0.1", server.sockets[0].getsockname()[1])
    async with asyncio.timeout(WAIT):
        peer = await peers.get()
    async with peer:
        connection._last_heard = bench.transport.loop.time() + transport_tcp.IDLE_TIMEOUT
        assert connection.overdue(connection._last_heard + 1)
        server.close()


async def test_connections_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_tcp, "MAXIMUM_CONNECTIONS", 1)
    async with await TcpPeer.connect(bench.port) as first:
        await first.send(options())
        await bench.owner.next_message()
        async with await TcpPeer.connect(bench.port) as second:
            assert await second.closed()
        with pytest.raises(TransportError):
            bench.transport.flow_to("127.0.0.1", 9)
        assert bench.transport.dropped == 2


async def test_answer_whose_connection_is_gone_goes_to_the_port_in_sent_by(bench: Bench) -> None:
    peers: asyncio.Queue[TcpPeer] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: peers.put_nowait(TcpPeer(reader, writer)), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    async with await TcpPeer.connect(bench.port) as peer:
        await peer.send(options())
        _, connection = await bench.owner.next_message()
    await bench.owner.next_lost()
    answer = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK-1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    connection.send(answer, None)
    async with asyncio.timeout(WAIT):
        fresh = await peers.get()
    assert await fresh.receive(len(answer)) == answer
    async with fresh:
        server.close()
    # A request is not sent elsewhere: its transaction has to know that it failed.
    with pytest.raises(TransportError):
        connection.send(b"BYE sip:x SIP/2.0\r\n\r\n", None)
