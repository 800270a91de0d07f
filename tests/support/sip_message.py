"""SIP messages as a test phone sees them (RFC 3261, section 7): plain text, taken apart no further than
needed.
"""

from __future__ import annotations

import itertools
import re
import secrets
from dataclasses import dataclass, field

_COMPACT = {  # RFC 3261, section 7.3.3
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "t": "to",
    "v": "via",
    "s": "subject",
    "k": "supported",
    "r": "refer-to",
}
_counter = itertools.count(1)


class NotSipError(ValueError):
    """The bytes are no SIP message."""


@dataclass(slots=True)
class SipMessage:
    """A request or a response. Header names keep the spelling they came in; look-up ignores case."""

    start_line: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> SipMessage:
        head, separator, body = data.partition(b"\r\n\r\n")
        if not separator:
            raise NotSipError("no empty line")
        start_line, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        if "SIP/2.0" not in start_line:
            raise NotSipError(start_line[:80])
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise NotSipError(line[:80])
            headers.append((name.strip(), value.strip()))
        return cls(start_line, headers, body)

    def serialize(self) -> bytes:
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body

    @property
    def is_response(self) -> bool:
        return self.start_line.startswith("SIP/2.0")

    @property
    def status(self) -> int:
        """The status of a response, 0 of a request."""
        return int(self.start_line.split()[1]) if self.is_response else 0

    @property
    def method(self) -> str:
        """The method of a request, or that a response belongs to."""
        return self["CSeq"].split()[1] if self.is_response else self.start_line.split()[0]

    @property
    def sequence(self) -> int:
        return int(self["CSeq"].split()[0])

    def __getitem__(self, name: str) -> str:
        """The first value of a header; raises `KeyError`."""
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def get(self, name: str, default: str = "") -> str:
        values = self.all(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """All values of a header, in order, one a header line."""
        wanted = name.lower()
        return [v for n, v in self.headers if _COMPACT.get(n.lower(), n.lower()) == wanted]


def tag_of(address: str) -> str:
    """The tag parameter of a From or To value, empty when it has none."""
    match = re.search(r";\s*tag=([^;>\s]+)", address)
    return match[1] if match else ""


def uri_of(address: str) -> str:
    """The URI of a name-addr or addr-spec."""
    match = re.search(r"<([^>]+)>", address)
    return match[1] if match else address.split(";")[0].strip()


def host_port_of(uri: str, default_port: int = 5060) -> tuple[str, int]:
    """Where a SIP URI points, its parameters and user aside."""
    rest = re.sub(r"^sips?:", "", uri, flags=re.IGNORECASE).split(";")[0].split("?")[0].rpartition("@")[2]
    match = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?", rest)
    if match is None:
        raise NotSipError(uri)
    return match[1].strip("[]"), int(match[2] or default_port)


def new_branch() -> str:
    return f"z9hG4bK-phone-{next(_counter)}-{secrets.token_hex(4)}"


def new_tag() -> str:
    return secrets.token_hex(5)


def response_to(
    request: SipMessage,
    status: int,
    reason: str,
    *,
    to_tag: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> SipMessage:
    """A response with what it must copy from its request (RFC 3261, section 8.2.6.2)."""
    copied: list[tuple[str, str]] = [("Via", via) for via in request.all("Via")]
    copied += [("Record-Route", route) for route in request.all("Record-Route")]
    to = request["To"]
    if to_tag and not tag_of(to):
        to += f";tag={to_tag}"
    copied += [("From", request["From"]), ("To", to)]
    copied += [("Call-ID", request["Call-ID"]), ("CSeq", request["CSeq"])]
    copied += headers
    if body:
        copied.append(("Content-Type", "application/sdp"))
    return SipMessage(f"SIP/2.0 {status} {reason}", copied, body)
