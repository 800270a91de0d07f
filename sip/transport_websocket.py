"""SIP over WebSocket (RFC 7118): connections that peers have opened to the HTTP port, each a flow.

One SIP message is one WebSocket message. Who holds the socket hands over what comes in and sends what it is
given; a peer is reached over its own connection or not at all, since its Via and Contact name no address
(section 5).
"""

from __future__ import annotations

from typing import Protocol

from sip.addresses import authority
from sip.errors import ParseError
from sip.flow import TransportError
from sip.message import Request, Response
from sip.parser import parse_message

MAXIMUM_CONNECTIONS = 4096
MAXIMUM_PER_HOST = 256
"""Connections of one address: many browsers may share one behind NAT, but not all that there can be."""

_PING, _PONG = b"\r\n\r\n", b"\r\n"


class WebSocketWriter(Protocol):
    """Who holds the socket."""

    def write(self, message: bytes) -> bool:
        """Send soon; False when the peer has left too much unread, which ends the connection."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class WebSocketOwner(Protocol):
    """Who takes the messages and knows our addresses."""

    @property
    def observed(self) -> bool:
        """Whether `message_sent` wants to be called."""
        ...

    def message_received(self, message: Request | Response, connection: WebSocketConnection) -> None:
        """One message."""
        ...

    def invalid_received(self, error: ParseError, connection: WebSocketConnection) -> None:
        """Something unreadable, to be answered if possible."""
        ...

    def message_sent(
        self, flow: WebSocketConnection, data: bytes, message: Request | Response | None
    ) -> None:
        """Tell the observer."""
        ...

    def connection_lost(self, connection: WebSocketConnection) -> None:
        """The requests on it fail."""
        ...

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        """Our host as that peer should see it."""
        ...


class WebSocketConnection:
    """One connection of a peer; a flow."""

    reliable = True
    accepted = True
    never_opened = False

    def __init__(
        self,
        layer: WebSocketTransport,
        writer: WebSocketWriter,
        peer: tuple[str, int],
        local: tuple[str, int],
        local_authority: str,
        transport: str,
    ) -> None:
        self._layer = layer
        self._writer = writer
        self.host, self.port = peer
        self.local = local
        self.local_authority = local_authority
        self.transport = transport
        self.alive = True

    @property
    def carrier(self) -> object:
        """The connection itself."""
        return self

    def send(self, data: bytes, message: Request | Response | None) -> None:
        """Hand over to the socket. Raises TransportError when it is closed or the peer does not read."""
        if not self.alive:
            raise TransportError(f"the WebSocket of {self.host}:{self.port} is closed")
        if not self._writer.write(data):
            self._layer.dropped += 1
            self.lost()
            raise TransportError(f"{self.host}:{self.port} does not read what it is sent")
        if self._layer.owner.observed:
            self._layer.owner.message_sent(self, data, message)

    def receive(self, data: bytes) -> None:
        """One WebSocket message of the peer: a SIP message, or a keep-alive (RFC 5626 section 4.4.1)."""
        if not data.strip(b"\r\n"):
            if data == _PING and self.alive:
                self._writer.write(_PONG)
            return
        try:
            message = parse_message(data)
        except ParseError as error:
            error.wire = data
            self._layer.owner.invalid_received(error, self)
        else:
            message.wire = data
            self._layer.owner.message_received(message, self)

    def lost(self) -> None:
        """The socket is closed, by whichever side."""
        if self.alive:
            self.alive = False
            self._writer.close()
            self._layer.forget(self)


class WebSocketTransport:
    """All WebSocket connections of one user agent."""

    def __init__(self, owner: WebSocketOwner) -> None:
        self.owner = owner
        self.dropped = 0
        self._connections: set[WebSocketConnection] = set()
        self._per_host: dict[str, int] = {}

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def accept(
        self, writer: WebSocketWriter, *, peer: tuple[str, int], local: tuple[str, int], secure: bool
    ) -> WebSocketConnection | None:
        """A new connection, from `peer` to our `local` address; None when there are too many."""
        host = peer[0]
        if len(self._connections) >= MAXIMUM_CONNECTIONS or self._per_host.get(host, 0) >= MAXIMUM_PER_HOST:
            self.dropped += 1
            return None
        ours = authority(self.owner.advertised_host(host, local[0]), local[1])
        connection = WebSocketConnection(self, writer, peer, local, ours, "wss" if secure else "ws")
        self._connections.add(connection)
        self._per_host[host] = self._per_host.get(host, 0) + 1
        return connection

    def forget(self, connection: WebSocketConnection) -> None:
        """A connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            left = self._per_host.pop(connection.host) - 1
            if left:
                self._per_host[connection.host] = left
            self.owner.connection_lost(connection)

    def close(self) -> None:
        """Close them all."""
        for connection in list(self._connections):
            connection.lost()
