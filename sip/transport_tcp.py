"""SIP over TCP and TLS (RFC 3261 sections 18 and 26.2, RFC 5626 section 3.5.1 for keep-alive): connections,
their reuse and their end.

A request is answered on the connection it came in on. A peer that sends garbage, falls silent in the middle
of a message or does not read what we send loses its connection; nobody else notices.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

import structlog

from sip.addresses import authority
from sip.errors import FramingError, ParseError
from sip.flow import TransportError
from sip.message import Request, Response
from sip.parser import parse_message
from sip.stream_parser import KeepAlive, StreamParser
from sip.tls_settings import ServerCertificate, TlsClientSettings, TlsSettingsError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
"""Seconds for a connection to come up; well below timer B, so that another trunk can still be tried."""

MAXIMUM_WRITE_BUFFER = 1024 * 1024
"""Bytes a peer may leave unread before its connection is closed."""

MAXIMUM_CONNECTIONS = 4096
HANDSHAKE_TIMEOUT = 10.0
"""Seconds that a peer has for its TLS handshake with us."""

DEFAULT_PORTS = {"tcp": 5060, "tls": 5061}
PARTIAL_MESSAGE_TIMEOUT = 30.0
"""Seconds in which a message once begun has to be complete."""

IDLE_TIMEOUT = 3600.0
"""Seconds without a byte from the peer after which a connection is closed."""

KEEP_ALIVE_INTERVAL = 100.0
"""Seconds of silence after which a connection of ours is pinged (RFC 5626 section 4.4.1: 95 to 120), so that
NATs on the way keep it; one that has answered pings and does not within the next sweep is dead."""

SWEEP_INTERVAL = 10.0
_LINGER_ON_CLOSE = 1.0


class TcpOwner(Protocol):
    """Who takes the messages and knows our addresses."""

    @property
    def observed(self) -> bool:
        """Whether `message_sent` wants to be called."""
        ...

    def message_received(self, message: Request | Response, connection: TcpConnection) -> None:
        """One message."""
        ...

    def invalid_received(self, error: ParseError, connection: TcpConnection) -> None:
        """Something unreadable, to be answered if possible."""
        ...

    def message_sent(self, flow: TcpConnection, data: bytes, message: Request | Response | None) -> None:
        """Tell the observer."""
        ...

    def connection_lost(self, connection: TcpConnection) -> None:
        """The requests on it fail."""
        ...

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        """Our host as that peer should see it."""
        ...


class TcpConnection(asyncio.Protocol):
    """One connection, being made or open; a flow."""

    reliable = True

    def __init__(
        self, layer: TcpTransport, peer: tuple[str, int] | None, tls: TlsClientSettings | None = None
    ) -> None:
        """`peer` is given for a connection of ours, which then queues what is sent until it is open; `tls` is
        how it is made.
        """
        self._layer = layer
        self.transport = layer.transport
        self.tls = tls
        self._stream: asyncio.Transport | None = None
        self._parser = StreamParser()
        self._queue: list[tuple[bytes, Request | Response | None]] = []
        self._queued_bytes = 0
        self._message_began: float | None = None
        self._last_heard = self._last_used = layer.loop.time()
        self._pinged_at: float | None = None
        self._answers_pings = False
        self.accepted = peer is None
        self.never_opened = peer is not None
        self.host, self.port = peer or ("", 0)
        self.alive = True
        self.local = ("", 0)  # once it is open
        self.onward: TlsClientSettings | None = None  # see `Call.trust_onward`
        self.local_authority = "" if peer is None else layer.authority_towards(peer[0])

    @property
    def carrier(self) -> object:
        """The connection itself."""
        return self

    def send(self, data: bytes, message: Request | Response | None) -> None:
        """Write, or queue while connecting. Raises TransportError when closed or when the peer does not
        read."""
        if not self.alive and self._layer.answer_elsewhere(self, data, message):
            return
        if not self.alive:
            raise TransportError(f"the connection to {self.host}:{self.port} is closed")
        if self._stream is None:
            self._queued_bytes += len(data)
            if self._queued_bytes > MAXIMUM_WRITE_BUFFER:
                raise TransportError("too much is waiting for the connection")
            self._queue.append((data, message))
            return
        if self._stream.get_write_buffer_size() > MAXIMUM_WRITE_BUFFER:
            self._layer.dropped += 1
            self.abort()
            raise TransportError(f"{self.host}:{self.port} does not read what it is sent")
        self._stream.write(data)
        self._last_used = self._layer.loop.time()
        if self._layer.owner.observed:
            self._layer.owner.message_sent(self, data, message)

    def abort(self) -> None:
        """Close at once, without waiting for what is still to be written."""
        self.alive = False
        if self._stream is not None:
            self._stream.abort()

    def close(self) -> None:
        """Close after what has been written."""
        self.alive = False
        if self._stream is not None:
            self._stream.close()
            # A peer that does not read must not keep the connection for ever.
            self._layer.loop.call_later(_LINGER_ON_CLOSE, self._stream.abort)

    def connect_failed(self) -> None:
        """Our connection did not come up."""
        self.alive = False
        self._queue.clear()
        self._layer.forget(self)

    def overdue(self, now: float) -> bool:
        """Whether the peer has had its time, in the middle of a message or altogether."""
        if self._message_began is not None and now - self._message_began > PARTIAL_MESSAGE_TIMEOUT:
            return True
        if self._pinged_at is not None and self._answers_pings and now - self._pinged_at >= SWEEP_INTERVAL:
            return True
        # What our own pings bring in is no reason to keep a connection that nobody uses.
        idle_since = self._last_heard if self.accepted else self._last_used
        return now - idle_since > IDLE_TIMEOUT

    def keep_alive(self, now: float) -> None:
        """Ping the peer of a connection of ours that has been silent."""
        if self.accepted or self._stream is None or not self.alive:
            return
        if now - max(self._last_heard, self._last_used, self._pinged_at or 0.0) >= KEEP_ALIVE_INTERVAL:
            self._pinged_at = now
            self._stream.write(b"\r\n\r\n")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open: learn the peer's address, send what waited."""
        self._stream = stream = cast(asyncio.Transport, transport)
        self.never_opened = False
        own = stream.get_extra_info("sockname")
        if own is not None:
            self.local = (own[0], own[1])
        if self.accepted:
            name = stream.get_extra_info("peername")
            if name is None or not self._layer.admit(self, (name[0], name[1]), self.local[1]):
                self.alive = False
                stream.abort()
                return
        waiting, self._queue = self._queue, []
        self._queued_bytes = 0
        for data, message in waiting:
            self.send(data, message)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        layer = self._layer
        layer.bytes_received += len(data)
        self._last_heard = layer.loop.time()
        try:
            items = self._parser.feed(data)
        except FramingError as error:
            self._deliver([*error.earlier, error])
            self.close()
            return
        if items:
            self._message_began = None
            self._deliver(items)
        self._pinged_at = None
        if not self._parser.buffered:
            self._message_began = None
        elif self._message_began is None:
            self._message_began = self._last_heard

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed by either side."""
        self.alive = False
        self._layer.forget(self)

    def _deliver(self, items: Sequence[object]) -> None:
        owner = self._layer.owner
        for item in items:
            if isinstance(item, Request | Response):
                self._last_used = self._last_heard
                owner.message_received(item, self)
            elif isinstance(item, ParseError):
                owner.invalid_received(item, self)
            elif item is KeepAlive.PING and self._stream is not None and self.alive:
                self._stream.write(b"\r\n")
            elif item is KeepAlive.PONG and self._pinged_at is not None:
                self._answers_pings = True


_BY_DEFAULT = TlsClientSettings()
_Key = tuple[str, int, TlsClientSettings | None]
"""The peer's address, and how the connection was made: what one trunk trusts is not for another's calls."""


class _Listener(NamedTuple):
    """Where we accept, and what peers are told of it."""

    host: str
    port: int
    public_host: str | None
    public_port: int | None


class TcpTransport:
    """The listening sockets and all connections, of TCP or, with `transport` "tls", of TLS."""

    def __init__(
        self,
        owner: TcpOwner,
        loop: asyncio.AbstractEventLoop,
        *,
        transport: str = "tcp",
        certificate: ServerCertificate | None = None,
    ) -> None:
        self.owner = owner
        self.loop = loop
        self.transport = transport
        self._certificate = certificate
        self.bytes_received = 0
        self.dropped = 0
        self._servers: list[asyncio.Server] = []
        self._listening: list[_Listener] = []
        self._connections: dict[_Key, TcpConnection] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def listen(
        self, host: str, port: int, public: tuple[str | None, int | None] = (None, None)
    ) -> tuple[str, int]:
        """Start to accept; returns the address bound. `public` is what peers are told. Raises OSError."""
        context = None if self._certificate is None else self._certificate.context
        server = await self.loop.create_server(
            lambda: TcpConnection(self, None),
            host,
            port,
            reuse_address=True,
            ssl=context,
            ssl_handshake_timeout=None if context is None else HANDSHAKE_TIMEOUT,
        )
        self._servers.append(server)
        name = server.sockets[0].getsockname()
        self._listening.append(_Listener(name[0], name[1], *public))
        if self._sweep is None:
            self._sweep = self.loop.call_later(SWEEP_INTERVAL, self._close_overdue)
        return name[0], name[1]

    async def close(self) -> None:
        """Stop accepting, close every connection and wait for those that are being made."""
        for server in self._servers:
            server.close()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()

    @property
    def listening(self) -> bool:
        """Whether peers can connect to us."""
        return bool(self._listening)

    def flow_to(
        self,
        host: str,
        port: int,
        connect_timeout: float = CONNECT_TIMEOUT,
        tls: TlsClientSettings | None = None,
    ) -> TcpConnection:
        """The connection to that address, opened if there is none. Raises TransportError when there are too
        many."""
        if self.transport == "tls" and tls is None:
            tls = _BY_DEFAULT
        key = (host, port, tls)
        connection = self._connections.get(key)
        if connection is not None and connection.alive:
            return connection
        if len(self._connections) >= MAXIMUM_CONNECTIONS:
            self.dropped += 1
            raise TransportError("too many connections")
        connection = TcpConnection(self, (host, port), tls)
        self._connections[key] = connection
        task = self.loop.create_task(self._connect(connection, connect_timeout))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return connection

    def authority_towards(self, peer_host: str, local_port: int | None = None) -> str:
        """Our `host:port` for that peer: where we listen, not where the connection happens to come from; the
        listener at `local_port`, where it came in."""
        fitting = [one for one in self._listening if (":" in one.host) == (":" in peer_host)]
        here = [one for one in fitting if one.port == local_port]
        listener = next(iter(here or fitting or self._listening), None)
        if listener is None:
            host = self.owner.advertised_host(peer_host, "")
            return authority(host, DEFAULT_PORTS[self.transport])
        host = listener.public_host or self.owner.advertised_host(peer_host, listener.host)
        return authority(host, listener.public_port or listener.port)

    def admit(self, connection: TcpConnection, peer: tuple[str, int], local_port: int) -> bool:
        """Note a connection of a peer; False when there are too many."""
        if len(self._connections) >= MAXIMUM_CONNECTIONS:
            self.dropped += 1
            return False
        connection.host, connection.port = peer
        connection.local_authority = self.authority_towards(peer[0], local_port)
        self._connections[(*peer, None)] = connection
        return True

    def answer_elsewhere(
        self, closed: TcpConnection, data: bytes, message: Request | Response | None
    ) -> bool:
        """Send an answer whose connection is gone over a new one to the port in sent-by (RFC 3261 section
        18.2.2).

        False for a request, and for a peer that cannot be reached so: one that named no address of its own.
        """
        if not closed.accepted or not data.startswith(b"SIP/2.0 "):
            return False
        response = message or parse_message(data)
        via = response.top_via
        target = (via.received or closed.host, via.port or DEFAULT_PORTS[self.transport])
        try:
            connection = self.flow_to(*target, tls=closed.onward)
        except TransportError:
            return False
        if connection is closed or not connection.alive:
            return False
        connection.send(data, message)
        return True

    def forget(self, connection: TcpConnection) -> None:
        """A connection is gone."""
        key = (connection.host, connection.port, connection.tls)
        if self._connections.get(key) is connection:
            del self._connections[key]
        self.owner.connection_lost(connection)

    async def _connect(self, connection: TcpConnection, connect_timeout: float) -> None:
        try:
            async with asyncio.timeout(connect_timeout):
                context: ssl.SSLContext | None = None
                name: str | None = None
                if connection.tls is not None:
                    # Reading the system's authorities takes some milliseconds.
                    context = await asyncio.to_thread(connection.tls.context)
                    name = connection.tls.server_name or connection.host
                await self.loop.create_connection(
                    lambda: connection, connection.host, connection.port, ssl=context, server_hostname=name
                )
        # ValueError: a server name that cannot be one.
        except (OSError, TimeoutError, ValueError, TlsSettingsError) as error:
            log.warning(
                "sip.connection_failed",
                transport=self.transport,
                peer=authority(connection.host, connection.port),
                error=str(error) or type(error).__name__,
            )
            connection.connect_failed()

    def _close_overdue(self) -> None:
        if self._certificate is not None:
            self._certificate.reload_if_changed()
        now = self.loop.time()
        for connection in [c for c in self._connections.values() if c.overdue(now)]:
            self.dropped += 1
            connection.abort()
        for connection in self._connections.values():
            connection.keep_alive(now)
        self._sweep = self.loop.call_later(SWEEP_INTERVAL, self._close_overdue)
