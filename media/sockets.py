"""The UDP sockets of a leg: binding a port pair, and reading many of them with one system call."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from typing import TypeAlias

import structlog

log = structlog.get_logger(__name__)

# Longest datagram taken; RTP and RTCP stay below an Ethernet frame.
MAX_DATAGRAM = 2048
# About a second of G.711, so that a stall of ours loses nothing; the kernel doubles it for its own needs.
RECEIVE_BUFFER_BYTES = 64 * 1024

Reader: TypeAlias = Callable[[float], None]


def bind_host_for(host: str, ipv6: bool | None) -> str:
    """Where to bind for a peer of one family: the wildcard of its own, where a wildcard is configured. A
    peer of IPv4 would be an address in IPv6's clothes on the other one.
    """
    if ipv6 is None or host not in ("", "0.0.0.0", "::"):
        return host
    return "::" if ipv6 else "0.0.0.0"


def bind_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Non-blocking RTP and RTCP sockets on `port` and `port + 1`. Raises `OSError` when either is taken."""
    rtp = _bind(host, port)
    try:
        return rtp, _bind(host, port + 1)
    except OSError:
        rtp.close()
        raise


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        with contextlib.suppress(OSError):  # expedited forwarding (RFC 4594); some hosts do not allow it
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xB8)
            else:
                bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class SocketPoller:
    """Calls the reader of each socket that has something, when asked to. Each reader reads one datagram: what
    is left is found at the next poll.

    Nothing wakes up for a packet; with many calls that halves the cost of receiving. A reader that raises
    loses its datagram, and nothing else: everybody's clock stands behind this.
    """

    def __init__(self) -> None:
        self._readers: dict[int, Reader] = {}
        self._failed: set[int] = set()  # sockets whose failure was told: a stranger must not fill the log
        self._poll = select.epoll() if hasattr(select, "epoll") else select.poll()

    def add(self, sock: socket.socket, reader: Reader) -> None:
        self._readers[sock.fileno()] = reader
        self._poll.register(sock.fileno(), select.POLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Forget a socket, before it is closed."""
        self._failed.discard(sock.fileno())
        if self._readers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def read(self, now: float) -> int:
        """Read one datagram of each socket that has one. How many sockets had."""
        ready = self._poll.poll(0)
        readers = self._readers
        for number, _ in ready:
            reader = readers.get(number)
            if reader is not None:
                try:
                    reader(now)
                except Exception:  # noqa: BLE001 - told by `_tell`
                    self._tell(number)
        return len(ready)

    def _tell(self, number: int) -> None:
        if number not in self._failed:
            self._failed.add(number)
            log.exception("datagram_not_read", socket=number)

    def close(self) -> None:
        self._readers.clear()
        if isinstance(self._poll, select.epoll):
            self._poll.close()
