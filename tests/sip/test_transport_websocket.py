"""WebSocket connections (RFC 7118) without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from sip import transport_websocket
from sip.errors import ParseError
from sip.flow import TransportError
from sip.message import Request, Response
from sip.transport_websocket import WebSocketConnection, WebSocketTransport
from tests.support.sip_endpoint_harness import peer_request

PEER = ("198.51.100.7", 40000)
LOCAL = ("0.0.0.0", 8080)


class Socket:
    """Stands for the HTTP server's side."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self.full = False

    def write(self, message: bytes) -> bool:
        if not self.full:
            self.sent.append(message)
        return not self.full

    def close(self) -> None:
        self.closed = True


class Owner:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.observed = True
        self.messages: list[Request | Response] = []
        self.invalid: list[ParseError] = []
        self.sent: list[bytes] = []
        self.lost: list[WebSocketConnection] = []

    def message_received(self, message: Request | Response, connection: WebSocketConnection) -> None:
        self.messages.append(message)

    def invalid_received(self, error: ParseError, connection: WebSocketConnection) -> None:
        self.invalid.append(error)

    def message_sent(self, flow: Any, data: bytes, message: Request | Response | None) -> None:
        self.sent.append(data)

    def connection_lost(self, connection: WebSocketConnection) -> None:
        self.lost.append(connection)

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        return "203.0.113.1" if bound_host == "0.0.0.0" else bound_host


class Bench:
    def __init__(self) -> None:
        self.owner = Owner()
        self.layer = WebSocketTransport(self.owner)

    def connect(
        self, *, secure: bool = False, peer: tuple[str, int] = PEER
    ) -> tuple[WebSocketConnection, Socket]:
        socket = Socket()
        connection = self.layer.accept(socket, peer=peer, local=LOCAL, secure=secure)
        assert connection is not None
        return connection, socket


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_message_is_one_frame_and_needs_no_content_length(bench: Bench) -> None:
    connection, _ = bench.connect()
    request = peer_request("OPTIONS")
    request.set("Via", "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1")
    connection.receive(request.serialise().replace(b"Content-Length: 0\r\n", b""))
    (message,) = bench.owner.messages
    assert message.top_via.host == "df7jal23ls0d.invalid"
    assert bench.owner.invalid == []


def test_what_we_send_names_the_kind_of_socket_and_where_we_are(bench: Bench) -> None:
    for secure, transport in ((False, "ws"), (True, "wss")):
        connection, socket = bench.connect(secure=secure)
        assert connection.transport == transport
        assert connection.local_authority == "203.0.113.1:8080"
        assert connection.accepted
        assert connection.reliable
        connection.send(b"hello", None)
        assert socket.sent == [b"hello"]
    assert bench.owner.sent == [b"hello", b"hello"]


def test_keep_alive_is_answered_and_is_no_message(bench: Bench) -> None:
    connection, socket = bench.connect()
    connection.receive(b"\r\n\r\n")
    assert socket.sent == [b"\r\n"]
    connection.receive(b"\r\n")
    connection.receive(b"")
    assert socket.sent == [b"\r\n"]
    assert bench.owner.messages == []
    assert bench.owner.invalid == []


def test_garbage_is_told_and_the_connection_goes_on(bench: Bench) -> None:
    connection, _ = bench.connect()
    connection.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert len(bench.owner.invalid) == 1
    connection.receive(peer_request("OPTIONS").serialise())
    assert len(bench.owner.messages) == 1
    assert connection.alive


def test_a_peer_that_does_not_read_loses_its_connection(bench: Bench) -> None:
    connection, socket = bench.connect()
    socket.full = True
    with pytest.raises(TransportError):
        connection.send(b"hello", None)
    assert socket.closed
    assert bench.owner.lost == [connection]
    assert bench.layer.connections == 0
    assert bench.layer.dropped == 1
    with pytest.raises(TransportError):
        connection.send(b"hello", None)
    connection.lost()
    assert bench.owner.lost == [connection]


def test_one_address_cannot_take_all_places(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_websocket, "MAXIMUM_PER_HOST", 2)
    monkeypatch.setattr(transport_websocket, "MAXIMUM_CONNECTIONS", 3)
    first, _ = bench.connect()
    bench.connect()
    assert bench.layer.accept(Socket(), peer=PEER, local=LOCAL, secure=False) is None
    bench.connect(peer=("198.51.100.8", 1))
    assert bench.layer.accept(Socket(), peer=("198.51.100.9", 1), local=LOCAL, secure=False) is None
    assert bench.layer.dropped == 2
    first.lost()
    bench.connect()


def test_all_are_closed_in_the_end(bench: Bench) -> None:
    sockets = [bench.connect()[1] for _ in range(3)]
    bench.layer.close()
    assert all(socket.closed for socket in sockets)
    assert bench.layer.connections == 0


def test_what_cannot_be_read_is_handed_on_as_it_came() -> None:
    bench = Bench()
    connection, _ = bench.connect()
    connection.receive(b"no SIP at all\r\n\r\n")
    (error,) = bench.owner.invalid
    assert error.wire == b"no SIP at all\r\n\r\n"
