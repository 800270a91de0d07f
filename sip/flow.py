"""Flow: the way to one peer that the SIP core sends through, and the only thing it knows about transports.

A UDP flow is a socket of ours and an address; a TCP flow is a connection (RFC 5626 section 1 for the term).
The core never opens one itself: it is given the flow that a request came in on, or asks a `FlowFactory` for
one to a next hop.
"""

from __future__ import annotations

from typing import Protocol

from sip.message import Request, Response


class TransportError(Exception):
    """The message could not be handed to the network (RFC 3261 section 8.1.3.1: treated as a 503)."""


class Flow(Protocol):
    """A way to one peer."""

    @property
    def transport(self) -> str:
        """ "udp", "tcp", "tls", "ws" or "wss"."""
        ...

    @property
    def host(self) -> str:
        """The peer's address, without brackets."""
        ...

    @property
    def port(self) -> int:
        """The peer's port."""
        ...

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats what is lost, so that transactions must not."""
        ...

    @property
    def alive(self) -> bool:
        """Whether a request sent now has a chance: False once a connection is closed."""
        ...

    @property
    def accepted(self) -> bool:
        """Whether the peer opened the connection: it may then not be reachable in any other way."""
        ...

    @property
    def carrier(self) -> object:
        """What really carries the messages, for telling which flow broke: the flow itself, or what it
        stands for."""
        ...

    @property
    def local_authority(self) -> str:
        """Our `host:port` as this peer should see it, for Via and Contact."""
        ...

    def send(self, data: bytes, message: Request | Response | None) -> None:
        """Send one serialised message; `message` is the same thing for observers, None for a repetition.

        Raises `TransportError` when it is known at once that it cannot be sent. A failure found later is
        reported to the core as `transport_failed(flow)`.
        """
        ...


class FlowFactory(Protocol):
    """Finds or opens flows; the transport layer."""

    def flow_for_large(self, flow: Flow) -> Flow | None:
        """A TCP flow to the peer of a UDP one, or None when there is none to be had (RFC 3261 section
        18.1.1)."""
        ...

    def flow_back(self, flow: Flow, source: tuple[str, int]) -> Flow:
        """The flow that requests to `source` take, of whom a request came on `flow`: its own connection, or
        over UDP our same socket and its address, so that a NAT lets them through."""
        ...

    def next_hop(self, host: str, port: int | None, transport: str, fallback: Flow) -> Flow:
        """`host` may be a name, and without a port that of a domain (RFC 3263 section 4); when it cannot be
        resolved `fallback` is used. Does not block and does not raise."""
        ...
