"""Reads pcap files of IP packets (LINKTYPE_RAW), written from the format's description: UDP datagrams and
TCP streams put together, checksums verified.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    at: float
    protocol: str
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes
    sequence: int | None = None


def read_capture(file: bytes) -> list[Packet]:
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", file)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    packets = []
    at = 24
    while at < len(file):
        seconds, microseconds, kept, length = struct.unpack_from("<IIII", file, at)
        assert kept == length
        packets.append(_packet(seconds + microseconds / 1_000_000, file[at + 16 : at + 16 + kept]))
        at += 16 + kept
    assert at == len(file)
    return packets


def _packet(at: float, packet: bytes) -> Packet:
    if packet[0] >> 4 == 4:
        assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
        assert _sum(packet[:20]) == 0xFFFF
        protocol, ours, theirs, rest = packet[9], packet[12:16], packet[16:20], packet[20:]
    else:
        assert packet[0] >> 4 == 6
        assert struct.unpack_from("!H", packet, 4)[0] == len(packet) - 40
        protocol, ours, theirs, rest = packet[6], packet[8:24], packet[24:40], packet[40:]
    pseudo = ours + theirs + struct.pack("!II", len(rest), protocol)
    assert _sum(pseudo + rest) == 0xFFFF, "the checksum is wrong"
    source, target = (str(ipaddress.ip_address(one)) for one in (ours, theirs))
    source_port, target_port = struct.unpack_from("!HH", rest)
    ends = (source, source_port), (target, target_port)
    if protocol == 17:
        assert struct.unpack_from("!H", rest, 4)[0] == len(rest)
        return Packet(at, "udp", *ends, rest[8:])
    assert protocol == 6
    return Packet(at, "tcp", *ends, rest[(rest[12] >> 4) * 4 :], struct.unpack_from("!I", rest, 4)[0])


def _sum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = 0
    for word in struct.unpack(f"!{len(data) // 2}H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total
