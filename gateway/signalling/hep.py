"""HEP version 3 (Homer's encapsulation protocol): one SIP message as a packet for a collector."""

from __future__ import annotations

import ipaddress
import struct

from gateway.signalling.trace_ring import TracedMessage

_FAMILY = {4: 2, 6: 10}  # AF_INET, AF_INET6 as the specification has them
_UDP, _TCP = 17, 6
_SIP = 1
LONGEST_PAYLOAD = 60_000  # the length of a packet has 16 bits


def hep3(message: TracedMessage, correlation: str, capture_id: int, password: str | None = None) -> bytes:
    """The packet. `correlation` joins what belongs to one call: its Call-ID."""
    source, target = (message.local, message.peer) if message.sent else (message.peer, message.local)
    ends = [_address(source[0]), _address(target[0])]
    if ends[0].version != ends[1].version:
        ends = [_as_v6(one) for one in ends]
    version = ends[0].version
    addresses = (3, 4) if version == 4 else (5, 6)
    seconds, microseconds = divmod(round(message.at * 1_000_000), 1_000_000)
    chunks = [
        _chunk(1, struct.pack("!B", _FAMILY[version])),
        _chunk(2, struct.pack("!B", _UDP if message.transport == "udp" else _TCP)),
        _chunk(addresses[0], ends[0].packed),
        _chunk(addresses[1], ends[1].packed),
        _chunk(7, struct.pack("!H", source[1])),
        _chunk(8, struct.pack("!H", target[1])),
        _chunk(9, struct.pack("!I", seconds)),
        _chunk(10, struct.pack("!I", microseconds)),
        _chunk(11, struct.pack("!B", _SIP)),
        _chunk(12, struct.pack("!I", capture_id)),
    ]
    if password is not None:
        chunks.append(_chunk(14, password.encode()))
    chunks.append(_chunk(17, correlation.encode("utf-8", "replace")[:1024]))
    chunks.append(_chunk(15, message.data[:LONGEST_PAYLOAD]))
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def _chunk(kind: int, payload: bytes) -> bytes:
    """Of the generic vendor."""
    return struct.pack("!HHH", 0, kind, 6 + len(payload)) + payload


_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(host: str) -> _Ip:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ipaddress.IPv4Address(0)


def _as_v6(address: _Ip) -> _Ip:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
