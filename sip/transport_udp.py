"""SIP over UDP (RFC 3261 section 18): one raw non-blocking socket per listening address, read in batches.

A raw socket with `add_reader` costs a fraction of asyncio's datagram endpoint, and one wake-up drains many
datagrams.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from sip.addresses import authority
from sip.flow import TransportError
from sip.message import Request, Response

MAXIMUM_DATAGRAM = 65_535
DATAGRAMS_PER_WAKEUP = 64
"""After so many the loop gets its turn for timers and other sockets."""

SOCKET_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel for each direction: a burst of calls must not be lost while we are busy."""

_MAXIMUM_FLOWS = 16_384


class UdpOwner(Protocol):
    """Who takes datagrams and knows our addresses."""

    @property
    def observed(self) -> bool:
        """Whether `message_sent` wants to be called."""
        ...

    def datagram_received(self, data: bytes, source: tuple[str, int], transport: UdpTransport) -> None:
        """One datagram; `source` is address and port."""
        ...

    def message_sent(self, flow: UdpFlow, data: bytes, message: Request | Response | None) -> None:
        """Tell the observer."""
        ...

    def advertised_host(self, peer_host: str, bound_host: str) -> str:
        """Our host as that peer should see it."""
        ...

    def local_host(self, peer_host: str, bound_host: str) -> str:
        """Our host as it stands in packets to that peer."""
        ...


class UdpFlow:
    """A peer's address, reached from one socket."""

    __slots__ = ("_address", "_transport", "host", "local", "local_authority", "port")

    transport = "udp"
    reliable = False
    alive = True
    accepted = False

    def __init__(self, transport: UdpTransport, host: str, port: int, local_authority: str) -> None:
        self._transport = transport
        self._address = (host, port)
        self.host = host
        self.port = port
        self.local = transport.local_towards(host)
        self.local_authority = local_authority

    @property
    def carrier(self) -> object:
        """The flow itself."""
        return self

    def towards(self, host: str, port: int) -> UdpFlow:
        """The flow to another address from the same socket."""
        return self._transport.flow_to(host, port)

    def alone(self) -> UdpFlow:
        """The same way, as the only one there is to this peer: requests go nowhere else."""
        return _OnlyWay(self._transport, self.host, self.port, self.local_authority)

    def send(self, data: bytes, message: Request | Response | None) -> None:
        """One datagram. Raises TransportError for what will not get better by repeating it."""
        self._transport.send(data, self._address)
        owner = self._transport.owner
        if owner.observed:
            owner.message_sent(self, data, message)


class _OnlyWay(UdpFlow):
    """To a peer behind a NAT, which lets in what comes from where it was sent to."""

    __slots__ = ()
    accepted = True


class UdpTransport:
    """One bound UDP socket."""

    def __init__(
        self,
        owner: UdpOwner,
        host: str,
        port: int,
        public: tuple[str | None, int | None] = (None, None),
    ) -> None:
        """Bind. `public` is what peers are told instead. Raises OSError."""
        self.owner = owner
        self._public_host, self._public_port = public
        self.datagrams_received = 0
        self.datagrams_sent = 0
        self.dropped = 0
        self._flows: dict[tuple[str, int], UdpFlow] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            if self.family == socket.AF_INET6:
                # Peers of IPv4 belong to a socket of their own, where they keep their usual addresses.
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        name = self._socket.getsockname()
        self.host: str = name[0]
        self.port: int = name[1]

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and give the port back."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()
        self._flows.clear()

    def flow_to(self, host: str, port: int) -> UdpFlow:
        """The flow to a numeric address; the same object each time."""
        flow = self._flows.get((host, port))
        if flow is None:
            if len(self._flows) >= _MAXIMUM_FLOWS:
                # Flows in use stay alive with their users; this only bounds what we remember.
                self._flows.clear()
            local_host = self._public_host or self.owner.advertised_host(host, self.host)
            flow = UdpFlow(self, host, port, authority(local_host, self._public_port or self.port))
            self._flows[(host, port)] = flow
        return flow

    def local_towards(self, host: str) -> tuple[str, int]:
        """The address that packets to `host` come from."""
        return self.owner.local_host(host, self.host), self.port

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        """Send now. A full socket buffer is a lost packet, which SIP's own timers repair. Raises
        TransportError."""
        try:
            self._socket.sendto(data, address)
        except BlockingIOError:
            self.dropped += 1
        except OSError as error:
            raise TransportError(f"cannot send to {address[0]}:{address[1]}") from error
        else:
            self.datagrams_sent += 1

    def _readable(self) -> None:
        receive = self._socket.recvfrom
        deliver = self.owner.datagram_received
        for _ in range(DATAGRAMS_PER_WAKEUP):
            try:
                data, address = receive(MAXIMUM_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error of an earlier datagram; there is nothing to read for it.
                self.dropped += 1
                return
            self.datagrams_received += 1
            deliver(data, address[:2], self)
            if self._loop is None:
                return
