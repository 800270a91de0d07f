"""A ladder as a pcap file (LINKTYPE_RAW), for Wireshark, tshark and tcpdump.

What was sent over UDP stands in UDP datagrams; what went over a connection, in TCP segments with sequence
numbers of our own, TLS and WebSockets as the clear text within. Addresses, ports and times are the real ones.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

from gateway.signalling.trace_ring import Address, TracedMessage

MEDIA_TYPE = "application/vnd.tcpdump.pcap"
_LINKTYPE_RAW = 101
_SNAPSHOT = 262_144
_SEGMENT = 1400  # bytes of one TCP segment
_LONGEST_DATAGRAM = 65_000
_UDP, _TCP = 17, 6
_PUSH_ACK = 0x18


def capture_file(messages: Iterable[TracedMessage]) -> bytes:
    """The whole file."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPSHOT, _LINKTYPE_RAW)]
    sequences: dict[tuple[Address, Address], int] = {}
    for message in messages:
        ends = (message.local, message.peer) if message.sent else (message.peer, message.local)
        seconds, microseconds = divmod(round(message.at * 1_000_000), 1_000_000)
        for packet in _packets(message, *ends, sequences):
            parts.append(struct.pack("<IIII", seconds, microseconds, len(packet), len(packet)))
            parts.append(packet)
    return b"".join(parts)


def _packets(
    message: TracedMessage, source: Address, target: Address, sequences: dict[tuple[Address, Address], int]
) -> Iterable[bytes]:
    if message.transport == "udp":
        data = message.data[:_LONGEST_DATAGRAM]
        header = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
        yield _in_ip(_UDP, source[0], target[0], header, data)
        return
    for begin in range(0, len(message.data), _SEGMENT):
        data = message.data[begin : begin + _SEGMENT]
        sequence = sequences.get((source, target), 1)
        sequences[(source, target)] = sequence + len(data)
        header = struct.pack(
            "!HHIIBBHHH",
            source[1],
            target[1],
            sequence & 0xFFFFFFFF,
            sequences.get((target, source), 1) & 0xFFFFFFFF,
            5 << 4,
            _PUSH_ACK,
            65_535,
            0,
            0,
        )
        yield _in_ip(_TCP, source[0], target[0], header, data)


def _in_ip(protocol: int, source: str, target: str, header: bytes, data: bytes) -> bytes:
    """An IP packet with right checksums."""
    ours, theirs = _address(source), _address(target)
    if len(ours) != len(theirs):  # behind a proxy of the HTTP port they may differ
        ours, theirs = (one if len(one) == 16 else b"\0" * 10 + b"\xff\xff" + one for one in (ours, theirs))
    length = len(header) + len(data)
    # The pseudo-header of RFC 768 and of RFC 8200 8.1; the order of its words does not matter.
    pseudo = ours + theirs + struct.pack("!II", length, protocol)
    sum_at = 6 if protocol == _UDP else 16
    checksum = _checksum(pseudo + header + data) or (0xFFFF if protocol == _UDP else 0)
    segment = header[:sum_at] + struct.pack("!H", checksum) + header[sum_at + 2 :] + data
    if len(ours) == 16:
        return struct.pack("!IHBB", 6 << 28, length, protocol, 64) + ours + theirs + segment
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, protocol, 0) + ours + theirs
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + segment


def _address(host: str) -> bytes:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).packed
    except ValueError:
        return b"\0\0\0\0"


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
