"""The transport layer: sockets on one side, the endpoint on the other (RFC 3261 section 18, RFC 3581).

Stamps the topmost Via of a request with its source, decides where its answers go, finds or opens the way to
a next hop, and resolves host names without holding up anything else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import structlog

from sip.addresses import LocalAddresses, is_address
from sip.errors import ParseError, SipError
from sip.flow import Flow, TransportError
from sip.message import Request, Response
from sip.parser import parse_message
from sip.server_location import Destination, default_port
from sip.server_lookup import ServerLookup
from sip.tls_settings import ServerCertificate, TlsClientSettings, TlsServerSettings
from sip.transport_tcp import TcpConnection, TcpTransport
from sip.transport_udp import UdpFlow, UdpTransport
from sip.transport_websocket import WebSocketConnection, WebSocketTransport

log = structlog.get_logger(__name__)

DEFAULT_PORT = 5060
RESOLVE_CACHE_SECONDS = 60.0
LARGE_REQUEST_CONNECT_TIMEOUT = 1.0
"""Seconds a large request waits for a TCP connection before it goes out over UDP after all."""

WITHOUT_TCP_SECONDS = 600.0
"""How long a peer that did not accept a connection is taken to offer UDP only."""
_MAXIMUM_NAMES = 1024
_MAXIMUM_WAITING = 16

_Connection = TcpConnection | WebSocketConnection


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 takes any free one. `public_host` and `public_port` are what its peers
    are told, where a NAT stands before it.
    """

    transport: str
    host: str
    port: int
    public_host: str | None = None
    public_port: int | None = None


class TraceEvent(NamedTuple):
    """One message on the wire, as `data`, between `local` and its other end, `peer`. A repetition is an event
    of its own. There is no `message` where it cannot be read, and none with what we repeat.
    """

    direction: Literal["received", "sent"]
    transport: str
    peer: tuple[str, int]
    local: tuple[str, int]
    data: bytes
    message: Request | Response | None


class MessageReceiver(Protocol):
    """The endpoint, seen from below."""

    def receive(self, message: Request | Response, flow: Flow, source: tuple[str, int], now: float) -> None:
        """One message."""
        ...

    def receive_invalid(self, error: ParseError, flow: Flow) -> bool:
        """Something unreadable; False when it could not be answered."""
        ...

    def transport_failed(self, flow: Flow, now: float) -> None:
        """The flow broke."""
        ...


class TransportLayer:
    """All sockets of one user agent."""

    def __init__(
        self,
        receiver: MessageReceiver,
        *,
        clock: Callable[[], float],
        public_host: str | None,
        observer: Callable[[TraceEvent], None] | None,
        tls: TlsServerSettings | None = None,
        lookup: ServerLookup | None = None,
    ) -> None:
        """`tls` is what TLS listeners show; without it there can be none."""
        self.lookup = lookup or ServerLookup()
        self._receiver = receiver
        self._tls_server = tls
        self._clock = clock
        self._observer = observer
        self._udp: list[UdpTransport] = []
        self._tcp: TcpTransport | None = None
        self._tls: TcpTransport | None = None
        self.web_sockets = WebSocketTransport(self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._names: dict[tuple[str, int | None, str], tuple[float, Destination]] = {}
        self._without_tcp: dict[tuple[str, int], float] = {}
        self._resolving: set[asyncio.Task[None]] = set()
        self.addresses = LocalAddresses(public_host)
        self.parse_errors = 0
        self.unanswerable = 0
        self.observer_failures = 0

    async def start(self, listen: tuple[Listen, ...]) -> tuple[Listen, ...]:
        """Bind everything; returns the addresses bound. Raises OSError, and TlsSettingsError (and then leaves
        nothing open)."""
        self._loop = loop = asyncio.get_running_loop()
        self._tcp = TcpTransport(self, loop)
        certificate = None if self._tls_server is None else ServerCertificate(self._tls_server)
        self._tls = TcpTransport(self, loop, transport="tls", certificate=certificate)
        bound: list[Listen] = []
        try:
            for address in listen:
                if address.transport == "udp":
                    udp = UdpTransport(
                        self, address.host, address.port, (address.public_host, address.public_port)
                    )
                    self._udp.append(udp)
                    udp.start(loop)
                    bound.append(replace(address, host=udp.host, port=udp.port))
                    continue
                streams = self._tls if address.transport == "tls" else self._tcp
                if address.transport not in ("tcp", "tls") or (streams is self._tls and certificate is None):
                    raise ValueError(f"no such transport: {address.transport!r}")
                public = (address.public_host, address.public_port)
                host, port = await streams.listen(address.host, address.port, public)
                bound.append(replace(address, host=host, port=port))
        except BaseException:
            await self.close()
            raise
        return tuple(bound)

    async def close(self) -> None:
        """Close every socket."""
        for task in list(self._resolving):
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        for udp in self._udp:
            udp.close()
        self._udp.clear()
        for streams in self._streams:
            await streams.close()
        self.web_sockets.close()

    @property
    def datagrams_received(self) -> int:
        """Over all UDP sockets."""
        return sum(udp.datagrams_received for udp in self._udp)

    @property
    def dropped(self) -> int:
        """Datagrams and connections given up for lack of room, and messages that could not even be
        refused."""
        streams = sum(streams.dropped for streams in self._streams)
        streams += self.web_sockets.dropped
        return sum(udp.dropped for udp in self._udp) + streams + self.unanswerable

    @property
    def connections(self) -> int:
        """Open TCP, TLS and WebSocket connections."""
        return sum(streams.connections for streams in self._streams) + self.web_sockets.connections

    @property
    def _streams(self) -> tuple[TcpTransport, ...]:
        return tuple(streams for streams in (self._tcp, self._tls) if streams is not None)

    # Ways out

    def flow_to(self, host: str, port: int, transport: str, tls: TlsClientSettings | None = None) -> Flow:
        """The flow to a numeric address. Raises TransportError when we have no socket for it."""
        if transport == "tcp" and self._tcp is not None:
            return self._tcp.flow_to(host, port)
        if transport == "tls" and self._tls is not None:
            return self._tls.flow_to(host, port, tls=tls)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for udp in self._udp:
            if transport == "udp" and udp.family == family:
                return udp.flow_to(host, port)
        raise TransportError(f"no {transport} socket for {host}")

    def flow_back(self, flow: Flow, source: tuple[str, int]) -> Flow:
        """The flow that requests to `source` take (see `FlowFactory`)."""
        return flow.towards(*source) if isinstance(flow, UdpFlow) else flow

    def restored_flow(self, transport: str, source: tuple[str, int], local_port: int | None) -> Flow | None:
        """The way to a peer that was known before we were started anew: over UDP from the same port of ours,
        if we still have it, and over TCP by connecting. None when there is none."""
        family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
        for udp in self._udp if transport == "udp" else ():
            if udp.family == family and udp.port == local_port:
                return udp.flow_to(*source)
        return self._flow_or_none(Destination(source[0], source[1], transport), None)

    def next_hop(self, host: str, port: int | None, transport: str, fallback: Flow) -> Flow:
        """The flow to an address or name (see `FlowFactory`)."""
        try:
            known = self._known(host, port, transport)
            if known is not None:
                return self.flow_to(*known, tls_of(fallback))
        except TransportError:
            return fallback
        return DeferredFlow(self, host, port, transport, fallback)

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """TCP to the peer of a UDP flow, unless it was found not to listen (see `FlowFactory`).

        Only when we listen on TCP ourselves: the Via has to name a port that the peer can reach.
        """
        peer = (flow.host, flow.port)
        if self._tcp is None or not self._tcp.listening or self._clock() < self._without_tcp.get(peer, 0.0):
            return None
        try:
            return self._tcp.flow_to(*peer, connect_timeout=LARGE_REQUEST_CONNECT_TIMEOUT)
        except TransportError:
            return None

    def resolve(
        self,
        host: str,
        port: int | None,
        transport: str,
        found: Callable[[Flow | None], None],
        tls: TlsClientSettings | None = None,
    ) -> None:
        """Call `found` with the flow to a name, or None when there is none; at once when the name is
        known."""
        known = self._known(host, port, transport)
        if known is None and self._loop is not None:
            task = self._loop.create_task(self._resolve(host, port, transport, found, tls))
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)
            return
        found(self._flow_or_none(known, tls))

    async def locate(self, host: str, port: int | None, transport: str | None) -> tuple[Destination, ...]:
        """The servers behind a name that our sockets can reach, in the order to be tried (RFC 3263). Raises
        OSError."""
        servers = await self.lookup.locate(host, port, transport)
        families = {udp.family == socket.AF_INET6 for udp in self._udp}
        usable = tuple(one for one in servers if one.transport != "udp" or (":" in one.host) in families)
        if not usable:
            raise OSError(f"no socket of ours reaches {host}")
        return usable

    def _known(self, host: str, port: int | None, transport: str) -> Destination | None:
        if is_address(host):
            return Destination(host, port or default_port(transport), transport)
        expires, known = self._names.get((host, port, transport), (0.0, None))
        return known if self._clock() < expires else None

    def _flow_or_none(self, found: Destination | None, tls: TlsClientSettings | None) -> Flow | None:
        if found is None:
            return None
        try:
            return self.flow_to(*found, tls)
        except TransportError:
            return None

    async def _resolve(
        self,
        host: str,
        port: int | None,
        transport: str,
        found: Callable[[Flow | None], None],
        tls: TlsClientSettings | None,
    ) -> None:
        first: Destination | None = None
        try:
            first = (await self.locate(host, port, transport))[0]
        except OSError:
            log.warning("sip.name_not_found", host=host)
        except Exception:
            log.exception("sip.look_up_failed", host=host)  # whoever waits has to hear of it all the same
        else:
            if len(self._names) >= _MAXIMUM_NAMES:
                self._names.clear()
            # The requests of a dialog stay with one of several servers, for a time.
            self._names[(host, port, transport)] = (self._clock() + RESOLVE_CACHE_SECONDS, first)
        found(self._flow_or_none(first, tls))

    # From the sockets

    @property
    def observed(self) -> bool:
        """Whether there is anybody to tell."""
        return self._observer is not None

    def datagram_received(self, data: bytes, source: tuple[str, int], transport: UdpTransport) -> None:
        """Parse a datagram; answers go where RFC 3261 section 18.2.2 says."""
        if len(data) <= 4 and not data.strip(b"\r\n\0 "):
            # Keep-alive of a peer behind NAT.
            return
        try:
            message = parse_message(data)
        except ParseError as error:
            self.parse_errors += 1
            if self._observer is not None:
                self._trace("received", "udp", source, transport.flow_to(*source).local, data, None)
            self._answer_invalid(error, source, transport)
            return
        if isinstance(message, Request):
            flow = _answer_flow(message, source, transport)
        else:
            flow = transport.flow_to(*source)
        if self._observer is not None:
            self._trace("received", "udp", source, transport.flow_to(*source).local, data, message)
        self._receiver.receive(message, flow, source, self._clock())

    def message_received(self, message: Request | Response, connection: _Connection) -> None:
        """A message of a connection; its answer goes back on it."""
        source = (connection.host, connection.port)
        if self._observer is not None:
            self._trace("received", connection.transport, source, connection.local, message.wire, message)
        if isinstance(message, Request):
            message.stamp_received(*source)
        self._receiver.receive(message, connection, source, self._clock())

    def invalid_received(self, error: ParseError, connection: _Connection) -> None:
        """An unreadable message of a connection."""
        self.parse_errors += 1
        if self._observer is not None and error.wire:
            source = (connection.host, connection.port)
            self._trace("received", connection.transport, source, connection.local, error.wire, None)
        if not self._receiver.receive_invalid(error, connection):
            self.unanswerable += 1

    def message_sent(
        self, flow: UdpFlow | _Connection, data: bytes, message: Request | Response | None
    ) -> None:
        """Tell the observer."""
        self._trace("sent", flow.transport, (flow.host, flow.port), flow.local, data, message)

    def connection_lost(self, connection: _Connection) -> None:
        """Requests on the connection fail."""
        if connection.transport == "tcp" and connection.never_opened:
            if len(self._without_tcp) >= _MAXIMUM_NAMES:
                self._without_tcp.clear()
            self._without_tcp[(connection.host, connection.port)] = self._clock() + WITHOUT_TCP_SECONDS
        self._receiver.transport_failed(connection, self._clock())

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        """Our host for Via and Contact."""
        return self.addresses.advertised(peer_host, bound_host)

    def local_host(self, peer_host: str, bound_host: str) -> str:
        """Our host in packets to that peer."""
        return self.addresses.local(peer_host, bound_host)

    def _answer_invalid(self, error: ParseError, source: tuple[str, int], transport: UdpTransport) -> None:
        if error.request is None:
            self.unanswerable += 1
            return
        try:
            flow = _answer_flow(error.request, source, transport)
        except SipError:
            # A Via that can be read but not be written back.
            self.unanswerable += 1
            return
        if not self._receiver.receive_invalid(error, flow):
            self.unanswerable += 1

    def _trace(
        self,
        direction: Literal["received", "sent"],
        transport: str,
        peer: tuple[str, int],
        local: tuple[str, int],
        data: bytes,
        message: Request | Response | None,
    ) -> None:
        if self._observer is None:
            return
        try:
            self._observer(TraceEvent(direction, transport, peer, local, data, message))
        except Exception:
            self.observer_failures += 1
            log.exception("sip.observer_failed")


class DeferredFlow:
    """A flow to a name that is being looked up; what is sent meanwhile waits, and goes to `fallback` in the
    end."""

    alive = True
    accepted = False

    def __init__(
        self, layer: TransportLayer, host: str, port: int | None, transport: str, fallback: Flow
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port or default_port(transport)
        self.reliable = transport != "udp"
        self.local_authority = fallback.local_authority
        self.tls = tls_of(fallback)
        self._fallback = fallback
        self._flow: Flow | None = None
        self._waiting: list[tuple[bytes, Request | Response | None]] = []
        layer.resolve(host, port, transport, self._found, self.tls)

    @property
    def carrier(self) -> object:
        """The flow that was found."""
        return self if self._flow is None else self._flow.carrier

    def send(self, data: bytes, message: Request | Response | None) -> None:
        """Send or wait. Raises TransportError like the flow that is found, or when too much is waiting."""
        if self._flow is not None:
            self._flow.send(data, message)
        elif len(self._waiting) >= _MAXIMUM_WAITING:
            raise TransportError(f"{self.host} has not been found yet")
        else:
            self._waiting.append((data, message))

    def _found(self, flow: Flow | None) -> None:
        self._flow = flow or self._fallback
        waiting, self._waiting = self._waiting, []
        for data, message in waiting:
            try:
                self._flow.send(data, message)
            except TransportError:
                # The transaction's timers find out.
                return


def tls_of(flow: Flow) -> TlsClientSettings | None:
    """How connections to the peer of `flow` are made: in-dialog requests go by what their trunk trusts."""
    if isinstance(flow, TcpConnection):
        return flow.tls or flow.onward
    return flow.tls if isinstance(flow, DeferredFlow) else None


def _answer_flow(request: Request, source: tuple[str, int], transport: UdpTransport) -> Flow:
    """Where the answer to a datagram goes: the packet's source address, and its port when `rport` asks for
    it.

    Without `rport` the port is the one in sent-by (RFC 3261 section 18.2.2, RFC 3581 section 4).
    """
    host, port = source
    via = request.top_via
    request.stamp_received(host, port)
    return transport.flow_to(host, port if via.has_rport else via.port or DEFAULT_PORT)
