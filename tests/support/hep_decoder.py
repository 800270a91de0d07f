"""Reads HEP3 packets, written from the protocol's specification: generic chunks by their numbers."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class HepPacket:
    source: tuple[str, int]
    target: tuple[str, int]
    protocol: int
    at: float
    payload_kind: int
    capture_id: int
    password: str | None
    correlation: str | None
    payload: bytes


def read_hep(stream: bytes) -> list[HepPacket]:
    """All packets, one behind the other as on TCP."""
    packets = []
    while stream:
        assert stream[:4] == b"HEP3"
        (length,) = struct.unpack_from("!H", stream, 4)
        assert len(stream) >= length
        packets.append(_packet(stream[6:length]))
        stream = stream[length:]
    return packets


def _packet(body: bytes) -> HepPacket:
    chunks: dict[int, bytes] = {}
    while body:
        vendor, kind, length = struct.unpack_from("!HHH", body)
        assert vendor == 0
        assert length >= 6
        assert kind not in chunks
        chunks[kind] = body[6:length]
        body = body[length:]
    family = chunks[1][0]
    assert family in (2, 10)
    ends = (3, 4) if family == 2 else (5, 6)
    source, target = (str(ipaddress.ip_address(chunks[kind])) for kind in ends)
    return HepPacket(
        (source, _number(chunks[7], 2)),
        (target, _number(chunks[8], 2)),
        _number(chunks[2], 1),
        _number(chunks[9], 4) + _number(chunks[10], 4) / 1_000_000,
        _number(chunks[11], 1),
        _number(chunks[12], 4),
        chunks[14].decode() if 14 in chunks else None,
        chunks[17].decode() if 17 in chunks else None,
        chunks[15],
    )


def _number(value: bytes, size: int) -> int:
    assert len(value) == size
    return int.from_bytes(value, "big")
