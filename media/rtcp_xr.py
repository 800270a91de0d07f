"""RTCP extended reports (RFC 3611): the block of VoIP metrics, both ways, and the two blocks by which a party
that only receives learns the round trip.

Only blocks that we know are read; the others of a packet are passed over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TypeAlias

EXTENDED_REPORT = 207
RECEIVER_REFERENCE_TIME = 4
DELAY_SINCE_LAST = 5
VOIP_METRICS = 7

UNAVAILABLE = 127  # of levels, R factors and scores
_GMIN = 16  # packets received between two losses that belong to one burst
# Enhanced concealment (11), adaptive buffer (11), rate of adaptation 0.
_RX_CONFIG = 0b1111_0000

_BLOCK = struct.Struct("!BBH")
_METRICS = struct.Struct("!IBBBBHHHHbbBBBBBBBBHHH")
_SUB_BLOCK = struct.Struct("!III")


class XrError(ValueError):
    """The packet is shorter than its blocks say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoipMetrics:
    """Section 4.7, of what its sender receives of `ssrc`. Shares are 0 to 1, times milliseconds; None: not
    told.
    """

    ssrc: int
    loss: float
    discard: float
    round_trip_ms: int = 0
    end_system_delay_ms: int = 0
    r_factor: int | None = None
    mos_listening: float | None = None
    mos_conversational: float | None = None
    buffer_nominal_ms: int = 0
    buffer_maximum_ms: int = 0
    buffer_bound_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReferenceTime:
    """Section 4.4: when a party that sends no sender reports has sent this, as a 64-bit NTP timestamp."""

    ntp_timestamp: int


@dataclass(frozen=True, slots=True)
class LastReference:
    """Section 4.5: the middle of the reference time that was received last, and how long ago (1/65536 s)."""

    ssrc: int
    last_reference: int
    delay_since_last: int


Block: TypeAlias = VoipMetrics | ReferenceTime | LastReference


@dataclass(frozen=True, slots=True)
class ExtendedReport:
    """One packet."""

    ssrc: int
    blocks: tuple[Block, ...] = field(default=())


def serialize_body(report: ExtendedReport) -> bytes:
    """What stands behind the common header."""
    return report.ssrc.to_bytes(4) + b"".join(_block(block) for block in report.blocks)


def _block(block: Block) -> bytes:
    match block:
        case VoipMetrics():
            body = _METRICS.pack(
                block.ssrc,
                _share(block.loss),
                _share(block.discard),
                0,  # burst density and duration, gap density and duration: not measured
                0,
                0,
                0,
                min(block.round_trip_ms, 0xFFFF),
                min(block.end_system_delay_ms, 0xFFFF),
                UNAVAILABLE,
                UNAVAILABLE,
                UNAVAILABLE,
                _GMIN,
                UNAVAILABLE if block.r_factor is None else min(max(block.r_factor, 0), 100),
                UNAVAILABLE,
                _score(block.mos_listening),
                _score(block.mos_conversational),
                _RX_CONFIG,
                0,
                min(block.buffer_nominal_ms, 0xFFFF),
                min(block.buffer_maximum_ms, 0xFFFF),
                min(block.buffer_bound_ms, 0xFFFF),
            )
            return _BLOCK.pack(VOIP_METRICS, 0, len(body) // 4) + body
        case ReferenceTime():
            return _BLOCK.pack(RECEIVER_REFERENCE_TIME, 0, 2) + block.ntp_timestamp.to_bytes(8)
        case LastReference():
            body = _SUB_BLOCK.pack(block.ssrc, block.last_reference, block.delay_since_last)
            return _BLOCK.pack(DELAY_SINCE_LAST, 0, len(body) // 4) + body


def parse_body(body: bytes) -> ExtendedReport:
    """Read what stands behind the common header. Raises `XrError`."""
    if len(body) < 4:
        raise XrError("no SSRC")
    blocks: list[Block] = []
    at = 4
    while at + 4 <= len(body):
        kind, _, words = _BLOCK.unpack_from(body, at)
        end = at + 4 + 4 * words
        if end > len(body):
            raise XrError("block longer than the packet")
        blocks += _parse_block(kind, body[at + 4 : end])
        at = end
    return ExtendedReport(int.from_bytes(body[:4]), tuple(blocks))


def _parse_block(kind: int, body: bytes) -> list[Block]:
    try:
        if kind == VOIP_METRICS:
            return [_parse_metrics(body)]
        if kind == RECEIVER_REFERENCE_TIME:
            return [ReferenceTime(*struct.unpack_from("!Q", body))]
        if kind == DELAY_SINCE_LAST:
            return [LastReference(*entry) for entry in _SUB_BLOCK.iter_unpack(body)]
    except struct.error as error:
        raise XrError("block too short for its contents") from error
    return []


def _parse_metrics(body: bytes) -> VoipMetrics:
    values = _METRICS.unpack_from(body)
    ssrc, loss, discard, round_trip, delay = *values[:3], values[7], values[8]
    r_factor, listening, conversational = values[13], values[15], values[16]
    nominal, maximum, bound = values[19:22]
    return VoipMetrics(
        ssrc=ssrc,
        loss=loss / 256,
        discard=discard / 256,
        round_trip_ms=round_trip,
        end_system_delay_ms=delay,
        r_factor=r_factor if r_factor <= 100 else None,
        mos_listening=_mos(listening),
        mos_conversational=_mos(conversational),
        buffer_nominal_ms=nominal,
        buffer_maximum_ms=maximum,
        buffer_bound_ms=bound,
    )


def _share(value: float) -> int:
    return min(max(int(value * 256), 0), 255)


def _score(value: float | None) -> int:
    return UNAVAILABLE if value is None else min(max(round(value * 10), 10), 50)


def _mos(value: int) -> float | None:
    return value / 10 if 10 <= value <= 50 else None
