"""RTCP packets on the wire: sender and receiver reports, SDES with CNAME, BYE (RFC 3550, section 6), and
extended reports (`media.rtcp_xr`).

`parse` takes a compound packet and skips what it does not know; it raises `RtcpError` for what is no RTCP.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

from media import rtcp_xr
from media.rtcp_xr import EXTENDED_REPORT, ExtendedReport

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

_HEADER = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_REPORT_BLOCK = struct.Struct("!IIIIII")
_CNAME = 1
_NTP_EPOCH = 2_208_988_800  # 1970 in NTP seconds
# A round trip longer than this is a wrong clock or a wrong report.
MAX_ROUND_TRIP_S = 30.0


class RtcpError(ValueError):
    """The datagram is not an RTCP packet."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one source (6.4.1). `jitter` is in units of that source's RTP timestamp."""

    ssrc: int
    fraction_lost: int  # in 1/256
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sender_report: int  # middle 32 bits of the NTP timestamp
    delay_since_last: int  # in 1/65536 s


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp_timestamp: int  # 64 bits
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]


RtcpPacket: TypeAlias = SenderReport | ReceiverReport | SourceDescription | Goodbye | ExtendedReport


def ntp_timestamp(wall_clock: float) -> int:
    """Unix seconds as a 64-bit NTP timestamp (section 4)."""
    return int((wall_clock + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip_s(block: ReportBlock, ntp_now: int) -> float | None:
    """Seconds to the reporter and back (6.4.1), None when the report does not tell."""
    if block.last_sender_report == 0:
        return None
    units = (middle(ntp_now) - block.last_sender_report - block.delay_since_last) & 0xFFFFFFFF
    if units >= 0x80000000:  # the reporter's clock runs a little faster than ours
        return 0.0
    seconds = units / 65536
    return seconds if seconds <= MAX_ROUND_TRIP_S else None


def serialize(*packets: RtcpPacket) -> bytes:
    """One compound packet."""
    return b"".join(_serialize_one(packet) for packet in packets)


def _serialize_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            info = _SENDER_INFO.pack(
                packet.ssrc, packet.ntp_timestamp, packet.rtp_timestamp, packet.packets, packet.octets
            )
            return _frame(SENDER_REPORT, len(packet.reports), info + _blocks(packet.reports))
        case ReceiverReport():
            body = packet.ssrc.to_bytes(4) + _blocks(packet.reports)
            return _frame(RECEIVER_REPORT, len(packet.reports), body)
        case SourceDescription():
            name = packet.cname.encode()[:255]
            chunk = packet.ssrc.to_bytes(4) + bytes((_CNAME, len(name))) + name
            chunk += bytes(4 - len(chunk) % 4)  # at least one zero ends the list of items
            return _frame(SOURCE_DESCRIPTION, 1, chunk)
        case Goodbye():
            return _frame(GOODBYE, len(packet.ssrcs), b"".join(ssrc.to_bytes(4) for ssrc in packet.ssrcs))
        case ExtendedReport():
            return _frame(EXTENDED_REPORT, 0, rtcp_xr.serialize_body(packet))


def _frame(packet_type: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, packet_type, len(body) // 4) + body


def _blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _REPORT_BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | block.cumulative_lost & 0xFFFFFF,
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter,
            block.last_sender_report,
            block.delay_since_last,
        )
        for block in blocks
    )


def parse(data: bytes) -> list[RtcpPacket]:
    """The packets of a compound packet that we know. Raises `RtcpError`."""
    packets: list[RtcpPacket] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise RtcpError("header cut off")
        first, packet_type, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2:
            raise RtcpError("not version 2")
        if end > len(data):
            raise RtcpError("packet longer than the datagram")
        if at == 0 and not 192 <= packet_type <= 223:
            raise RtcpError("not an RTCP packet type")
        body = data[at + 4 : end]
        if first & 0x20 and body:
            body = body[: max(0, len(body) - body[-1])]
        packet = _parse_one(packet_type, first & 0x1F, body)
        if packet is not None:
            packets.append(packet)
        at = end
    return packets


def _parse_one(packet_type: int, count: int, body: bytes) -> RtcpPacket | None:
    try:
        if packet_type == SENDER_REPORT:
            ssrc, ntp, rtp_timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
            reports = _parse_blocks(body, _SENDER_INFO.size, count)
            return SenderReport(ssrc, ntp, rtp_timestamp, packets, octets, reports)
        if packet_type == RECEIVER_REPORT:
            (ssrc,) = struct.unpack_from("!I", body)
            return ReceiverReport(ssrc, _parse_blocks(body, 4, count))
        if packet_type == GOODBYE:
            return Goodbye(struct.unpack_from(f"!{count}I", body))
        if packet_type == SOURCE_DESCRIPTION and (name := _cname(body)) is not None:
            return SourceDescription(int.from_bytes(body[:4]), name.decode(errors="replace"))
        if packet_type == EXTENDED_REPORT:
            return rtcp_xr.parse_body(body)
    except (struct.error, rtcp_xr.XrError) as error:
        raise RtcpError("packet too short for its contents") from error
    return None


def _cname(body: bytes) -> bytes | None:
    """The CNAME among the items of the first chunk (6.5); it may stand anywhere."""
    at = 4
    while at + 2 <= len(body) and body[at]:
        if body[at] == _CNAME:
            return body[at + 2 : at + 2 + body[at + 1]]
        at += 2 + body[at + 1]
    return None


def _parse_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, lost, highest, jitter, last, delay = _REPORT_BLOCK.unpack_from(
            body, at + index * _REPORT_BLOCK.size
        )
        cumulative = lost & 0xFFFFFF
        if cumulative >= 0x800000:
            cumulative -= 0x1000000
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last, delay))
    return tuple(blocks)
