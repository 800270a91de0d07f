"""Session descriptions (RFC 8866), read tolerantly and written strictly.

Only what a telephone call needs has a name here; attributes stay as they came, in order. Line ends may be
CRLF, LF or CR, unknown lines are passed over, and a missing o=, s= or t= is no reason to refuse a call.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sip.errors import SdpError

_MAXIMUM_SIZE = 64 * 1024
_MAXIMUM_LINES = 2000
_MAXIMUM_MEDIA = 32

DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")

Attribute = tuple[str, str | None]


class RtpMap(msgspec.Struct, frozen=True):
    """What a payload type stands for. `encoding` is in upper case."""

    encoding: str
    clock_rate: int
    channels: int = 1


#: The static payload types of RFC 3551 that carry telephone speech; they need no rtpmap.
STATIC_PAYLOAD_TYPES: Final[dict[int, RtpMap]] = {
    0: RtpMap("PCMU", 8000),
    3: RtpMap("GSM", 8000),
    4: RtpMap("G723", 8000),
    8: RtpMap("PCMA", 8000),
    9: RtpMap("G722", 8000),
    13: RtpMap("CN", 8000),
    15: RtpMap("G728", 8000),
    18: RtpMap("G729", 8000),
}


class Origin(msgspec.Struct, frozen=True):
    """The o= line. Identifiers stay text: peers send numbers of any size."""

    username: str
    session_id: str
    session_version: str
    address_type: str
    address: str

    def __str__(self) -> str:
        identity = f"{self.username} {self.session_id} {self.session_version}"
        return f"{identity} IN {self.address_type} {self.address}"


class Connection(msgspec.Struct, frozen=True):
    """The c= line. `address_type` is "IP4" or "IP6"; `address` is without TTL and count."""

    address_type: str
    address: str

    @classmethod
    def of(cls, address: str) -> Connection:
        """For an IP address, of either kind."""
        return cls("IP6" if ":" in address else "IP4", address)

    @property
    def is_unspecified(self) -> bool:
        """Whether this is the `0.0.0.0` by which RFC 2543 puts a call on hold."""
        return self.address in ("0.0.0.0", "::", "0::0")

    def __str__(self) -> str:
        return f"IN {self.address_type} {self.address}"


class MediaDescription(msgspec.Struct, frozen=True):
    """One m= section. `kind` and `protocol` are as written; `connection` is there when it has its own."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute `name`, empty for a flag, None when absent."""
        return _attribute(self.attributes, name)

    @property
    def direction(self) -> str | None:
        """The direction this section names itself; None when it leaves that to the session."""
        return _direction(self.attributes)

    def payload_types(self) -> list[int]:
        """The formats that are RTP payload types, in order of preference."""
        return [int(text) for text in self.formats if text.isascii() and text.isdigit() and len(text) <= 3]

    def rtpmap(self) -> dict[int, RtpMap]:
        """What each payload type of the m= line stands for, static ones included, in order of preference."""
        named: dict[int, RtpMap] = {}
        for name, value in self.attributes:
            if name == "rtpmap" and value is not None:
                payload_type, _, description = value.partition(" ")
                parsed = _parse_rtpmap(description)
                if parsed is not None and payload_type.isascii() and payload_type.isdigit():
                    named.setdefault(int(payload_type[:4]), parsed)
        known: dict[int, RtpMap] = {}
        for number in self.payload_types():
            entry = named.get(number) or STATIC_PAYLOAD_TYPES.get(number)
            if entry is not None:
                known[number] = entry
        return known

    def fmtp(self) -> dict[int, str]:
        """Format parameters by payload type."""
        out: dict[int, str] = {}
        for name, value in self.attributes:
            if name == "fmtp" and value is not None:
                payload_type, _, parameters = value.partition(" ")
                if payload_type.isascii() and payload_type.isdigit():
                    out.setdefault(int(payload_type[:4]), parameters.strip())
        return out

    @property
    def ptime(self) -> int | None:
        """Milliseconds of audio the sender of this wants per packet."""
        return _milliseconds(self.attribute("ptime"))

    @property
    def maxptime(self) -> int | None:
        """Milliseconds of audio the sender of this takes per packet at most."""
        return _milliseconds(self.attribute("maxptime"))

    @property
    def rtcp_port(self) -> int:
        """Where RTCP goes when it is not multiplexed: `a=rtcp`, else the port after the RTP port; 0 when
        there is none after it.
        """
        port = _port((self.attribute("rtcp") or "").partition(" ")[0])
        return port or (self.port + 1) % 65536

    @property
    def rtcp_mux(self) -> bool:
        """Whether `a=rtcp-mux` is there (RFC 5761)."""
        return self.attribute("rtcp-mux") is not None


class SessionDescription(msgspec.Struct, frozen=True):
    """A whole description. `times` are the values of the t= lines."""

    origin: Origin | None = None
    name: str = "-"
    connection: Connection | None = None
    times: tuple[str, ...] = ("0 0",)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[MediaDescription, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """Raises SdpError."""
        return _Reader(data).read()

    def serialise(self) -> bytes:
        """On the wire, lines in the order of RFC 8866. Raises SdpError when a value holds a line end."""
        lines = ["v=0"]
        if self.origin is not None:
            lines.append(f"o={self.origin}")
        lines.append(f"s={self.name}")
        if self.connection is not None:
            lines.append(f"c={self.connection}")
        lines += [f"t={value}" for value in self.times]
        lines += [_format_attribute(attribute) for attribute in self.attributes]
        for media in self.media:
            lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.connection is not None:
                lines.append(f"c={media.connection}")
            lines += [_format_attribute(attribute) for attribute in media.attributes]
        text = "\r\n".join([*lines, ""])
        if text.count("\n") != len(lines) or text.count("\r") != len(lines):
            raise SdpError("a value holds a line end")
        return text.encode("utf-8", "surrogateescape")

    def connection_of(self, media: MediaDescription) -> Connection:
        """The address for `media`: its own, else the session's. Raises SdpError when there is neither."""
        connection = media.connection or self.connection
        if connection is None:
            raise SdpError("no c= line for the media")
        return connection

    def direction_of(self, media: MediaDescription) -> str:
        """The direction of `media` as its sender sees it: its own, else the session's, else sendrecv."""
        return media.direction or _direction(self.attributes) or "sendrecv"


class _Reader:
    """Collects the lines of one description."""

    def __init__(self, data: bytes) -> None:
        if len(data) > _MAXIMUM_SIZE:
            raise SdpError("session description too large")
        text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
        self._lines = [line for line in text.split("\n") if line.strip()]
        if len(self._lines) > _MAXIMUM_LINES:
            raise SdpError("session description has too many lines")
        self._origin: Origin | None = None
        self._name = "-"
        self._times: list[str] = []
        self._connection: Connection | None = None
        self._attributes: list[Attribute] = []
        self._media: list[MediaDescription] = []
        self._section: tuple[str, int, str, tuple[str, ...]] | None = None
        self._section_connection: Connection | None = None
        self._section_attributes: list[Attribute] = []

    def read(self) -> SessionDescription:
        if not self._lines or self._lines[0].strip() != "v=0":
            raise SdpError("session description does not begin with v=0")
        for line in self._lines[1:]:
            kind, equals, value = line[:1], line[1:2], line[2:].strip()
            if equals == "=":
                self._take(kind, value)
        self._close_section()
        return SessionDescription(
            self._origin,
            self._name,
            self._connection,
            tuple(self._times) or ("0 0",),
            tuple(self._attributes),
            tuple(self._media),
        )

    def _take(self, kind: str, value: str) -> None:
        if kind == "a":
            name, colon, content = value.partition(":")
            attributes = self._attributes if self._section is None else self._section_attributes
            attributes.append((name.strip().lower(), content.strip() if colon else None))
        elif kind == "m":
            self._close_section()
            self._section = _parse_media_line(value)
        elif kind == "c":
            if self._section is None:
                self._connection = _parse_connection(value)
            else:
                # Several c= lines name layers of a multicast; the first is the one that counts.
                self._section_connection = self._section_connection or _parse_connection(value)
        elif self._section is not None:
            return
        elif kind == "o":
            self._origin = _parse_origin(value)
        elif kind == "s":
            self._name = value or "-"
        elif kind == "t":
            self._times.append(value)

    def _close_section(self) -> None:
        if self._section is None:
            return
        if len(self._media) == _MAXIMUM_MEDIA:
            raise SdpError("session description has too many m= lines")
        self._media.append(
            MediaDescription(*self._section, self._section_connection, tuple(self._section_attributes))
        )
        self._section = None
        self._section_connection = None
        self._section_attributes = []


def _parse_origin(value: str) -> Origin | None:
    parts = value.split()
    return Origin(parts[0], parts[1], parts[2], parts[4], parts[5]) if len(parts) == 6 else None


def _parse_connection(value: str) -> Connection:
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN" or parts[1].upper() not in ("IP4", "IP6"):
        raise SdpError("malformed c= line")
    address = parts[2].partition("/")[0].strip("[]")
    if not address:
        raise SdpError("malformed c= line")
    return Connection(parts[1].upper(), address)


def _parse_media_line(value: str) -> tuple[str, int, str, tuple[str, ...]]:
    parts = value.split()
    if len(parts) < 3:
        raise SdpError("malformed m= line")
    port = _port(parts[1].partition("/")[0])
    if port is None:
        raise SdpError("malformed port in m= line")
    return parts[0], port, parts[2], tuple(parts[3:])


def _parse_rtpmap(text: str) -> RtpMap | None:
    encoding, _, rest = text.strip().partition("/")
    clock_rate, _, channels = rest.partition("/")
    rate = _number(clock_rate.strip(), 9)
    if not encoding or not rate:
        return None
    return RtpMap(encoding.strip().upper(), rate, _number(channels.strip(), 2) or 1)


def _number(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def _port(text: str) -> int | None:
    number = _number(text.strip(), 5)
    return number if number is not None and number <= 65535 else None


def _milliseconds(text: str | None) -> int | None:
    """`20`, and the `20.0` and `20 ms` of the field."""
    if text is None:
        return None
    return _number(text.partition(".")[0].partition(" ")[0], 5) or None


def _attribute(attributes: tuple[Attribute, ...], name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _direction(attributes: tuple[Attribute, ...]) -> str | None:
    for key, value in attributes:
        if value is None and key in DIRECTIONS:
            return key
    return None


def _format_attribute(attribute: Attribute) -> str:
    name, value = attribute
    return f"a={name}" if value is None else f"a={name}:{value}"
