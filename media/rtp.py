"""RTP packets on the wire: RFC 3550, section 5.

`parse` is tolerant of everything the header may carry (CSRC list, extension, padding) and raises `RtpError`
for what is no RTP. `RtpStream` is the sending half: sequence numbers, timestamps and the marker of one SSRC.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

HEADER = struct.Struct("!BBHII")
HEADER_BYTES = HEADER.size
_pack = HEADER.pack
PLAIN = 0x80  # version 2, no padding, no extension, no CSRC: nearly every packet

_PADDING = 0x20
_EXTENSION = 0x10
_MARKER = 0x80


class RtpError(ValueError):
    """The datagram is not an RTP packet."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One parsed packet; `payload` is without padding."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes

    def serialize(self) -> bytes:
        return (
            HEADER.pack(
                PLAIN,
                self.payload_type | (_MARKER if self.marker else 0),
                self.sequence,
                self.timestamp,
                self.ssrc,
            )
            + self.payload
        )


def parse(data: bytes) -> RtpPacket:
    """Parse one datagram. Raises `RtpError`."""
    payload = payload_of(data)
    _, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, second >= _MARKER, payload)


def payload_of(data: bytes) -> bytes:
    """The payload behind whatever header the packet has. Raises `RtpError`."""
    length = len(data)
    if length < HEADER_BYTES:
        raise RtpError("shorter than a header")
    first = data[0]
    if first >> 6 != 2:
        raise RtpError("not version 2")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & _EXTENSION:
        if start + 4 > length:
            raise RtpError("header extension cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    end = length
    if first & _PADDING:
        padding = data[-1]
        if padding == 0:
            raise RtpError("padding of no length")
        end -= padding
    if start > end:
        raise RtpError("header longer than the packet")
    return data[start:end]


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a shared port is RTCP: packet types 192-223 (RFC 5761, section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


class RtpStream:
    """What we send with one SSRC. The timestamp follows the media clock also while nothing is sent."""

    __slots__ = ("_first", "_second", "_sequence", "octets", "ssrc", "timestamp")

    def __init__(
        self,
        payload_type: int,
        *,
        ssrc: int | None = None,
        sequence: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Values not given are random (RFC 3550, section 5.1)."""
        self._second = payload_type | _MARKER  # the header's second byte of the next audio packet
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        # Extended: it does not wrap here.
        self._first = self._sequence = secrets.randbits(16) if sequence is None else sequence
        self.timestamp = secrets.randbits(32) if timestamp is None else timestamp
        self.octets = 0

    @property
    def packets(self) -> int:
        """Packets sent so far."""
        return self._sequence - self._first

    def set_payload_type(self, payload_type: int) -> None:
        self._second = self._second & _MARKER | payload_type

    def packet(self, payload: bytes, ticks: int) -> bytes:
        """The next audio packet; the media clock then runs on by `ticks`, which the payload lasts."""
        sequence, timestamp, second = self._sequence, self.timestamp, self._second
        self._sequence = sequence + 1
        self.timestamp = (timestamp + ticks) & 0xFFFFFFFF
        self.octets += len(payload)
        if second >= _MARKER:
            self._second = second & 0x7F
        return _pack(PLAIN, second, sequence & 0xFFFF, timestamp, self.ssrc) + payload

    def event_packet(self, payload: bytes, payload_type: int, timestamp: int, *, marker: bool) -> bytes:
        """A packet of another payload type in the same sequence (RFC 4733); audio resumes with the marker."""
        sequence = self._sequence
        self._sequence = sequence + 1
        self.octets += len(payload)
        self.pause()
        second = payload_type | (_MARKER if marker else 0)
        return _pack(PLAIN, second, sequence & 0xFFFF, timestamp, self.ssrc) + payload

    def advance(self, ticks: int) -> None:
        """Let the media clock run on without a packet."""
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF

    def pause(self) -> None:
        """Nothing was sent for a while: the next packet begins a talkspurt and bears the marker."""
        self._second |= _MARKER
