"""The headers that every SIP element reads: addresses, Via and CSeq (RFC 3261 section 20)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sip.errors import ParseError
from sip.grammar import (
    UINT32_MAX,
    end_of_quoted,
    format_host,
    format_parameters,
    is_token,
    parse_host_port,
    parse_number,
    parse_parameters,
    quote,
    readable,
    split_comma,
    split_unquoted,
    unquote,
)
from sip.uri import SipUri

__all__ = ["CSeq", "NameAddr", "Via", "parse_parameters", "parse_value_with_parameters", "split_comma"]


class NameAddr(msgspec.Struct, eq=False):
    """An address with its display name and header parameters: From, To, Contact, Route, Refer-To and so on.

    `uri_text` is the URI as it was written; `uri` parses it on first access (ParseError when it cannot be).
    `display_name` is decoded and readable, empty when there is none. `Contact: *` has `uri_text` "*".
    """

    display_name: str
    uri_text: str
    parameters: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    _uri: SipUri | None = None

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one `name-addr` or `addr-spec` with parameters. Raises ParseError."""
        text = text.strip()
        if text[:1] == '"':
            after_name = end_of_quoted(text, 0)
            if after_name < 0:
                raise ParseError("Unbalanced Quote In Display Name")
            display_name = readable(unquote(text[:after_name]))
            bracket = text[after_name:].lstrip()
            if bracket[:1] != "<":
                raise ParseError("Malformed Address")
            rest = bracket[1:]
        else:
            name, opened, rest = text.partition("<")
            if not opened:
                return cls._parse_bare(text)
            display_name = readable(name.strip()) if name else ""
        uri_text, closed, tail = rest.partition(">")
        if not closed:
            raise ParseError("Unbalanced Angle Bracket In Address")
        uri_text = uri_text.strip()
        if not uri_text:
            raise ParseError("Empty URI In Address")
        return cls(display_name, uri_text, parse_parameters(tail) if tail else {})

    @classmethod
    def _parse_bare(cls, text: str) -> NameAddr:
        """Without brackets parameters are the header's and the URI can have no headers (RFC 3261 20.10)."""
        uri_text, _, tail = text.partition(";")
        uri_text = uri_text.strip()
        if uri_text != "*" and (":" not in uri_text or "?" in uri_text or '"' in uri_text or ">" in uri_text):
            raise ParseError("Malformed Address")
        return cls("", uri_text, parse_parameters(tail) if tail else {})

    @property
    def uri(self) -> SipUri:
        """The parsed URI. Raises ParseError."""
        if self._uri is None:
            self._uri = SipUri.parse(self.uri_text)
        return self._uri

    @property
    def tag(self) -> str | None:
        """The `tag` parameter; None when absent or empty."""
        return self.parameters.get("tag") or None

    @property
    def is_wildcard(self) -> bool:
        """Whether this is the `*` of a Contact that removes all bindings."""
        return self.uri_text == "*"

    def with_parameter(self, name: str, value: str | None) -> NameAddr:
        """A copy with one parameter set."""
        return NameAddr(self.display_name, self.uri_text, {**self.parameters, name: value})

    def __str__(self) -> str:
        if self.uri_text == "*":
            return "*"
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri_text}>{format_parameters(self.parameters)}"

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAddr):
            return NotImplemented
        return (self.display_name, self.uri_text, self.parameters) == (
            other.display_name,
            other.uri_text,
            other.parameters,
        )

    __hash__ = None  # type: ignore[assignment]


class Via(msgspec.Struct, frozen=True):
    """One Via value. `text` is what the peer wrote: that, and nothing rebuilt, goes back into responses."""

    transport: str
    host: str
    port: int | None
    parameters: Mapping[str, str | None]
    text: str

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value of any SIP version and transport. Raises ParseError."""
        sent, _, tail = text.partition(";")
        if sent[:8] == "SIP/2.0/":
            transport, blank, sent_by = sent[8:].partition(" ")
        else:
            transport = blank = sent_by = ""
        if not blank or not transport.isalnum():
            transport, sent_by = _parse_sent_protocol(sent)
        host, port = parse_host_port(sent_by, "Via")
        return cls(transport.upper(), host, port, parse_parameters(tail) if tail else {}, text)

    @classmethod
    def create(cls, transport: str, host: str, port: int | None, branch: str, *, rport: bool = True) -> Via:
        """The Via of a request that we send; `rport` asks for symmetric routing (RFC 3581)."""
        parameters: dict[str, str | None] = {"rport": None} if rport else {}
        parameters["branch"] = branch
        sent_by = format_host(host) if port is None else f"{format_host(host)}:{port}"
        text = f"SIP/2.0/{transport} {sent_by}{';rport' if rport else ''};branch={branch}"
        return cls(transport, host, port, parameters, text)

    def __str__(self) -> str:
        return self.text

    @property
    def branch(self) -> str | None:
        """The `branch` parameter exactly as written; None when absent or empty."""
        return self.parameters.get("branch") or None

    @property
    def has_rport(self) -> bool:
        """Whether the `rport` parameter is there, with or without a value."""
        return "rport" in self.parameters

    @property
    def rport(self) -> int | None:
        """The value of `rport`; None when absent, empty or not a port."""
        value = self.parameters.get("rport")
        if value and len(value) <= 5 and value.isascii() and value.isdigit() and 0 < int(value) <= 65535:
            return int(value)
        return None

    @property
    def received(self) -> str | None:
        """The `received` address without brackets."""
        value = self.parameters.get("received")
        return value.strip("[]") if value else None

    @property
    def maddr(self) -> str | None:
        """The `maddr` parameter without brackets."""
        value = self.parameters.get("maddr")
        return value.strip("[]") if value else None

    def with_received(self, host: str, port: int) -> Via:
        """This Via as the server transport stamps it (RFC 3261 18.2.1, RFC 3581 section 4).

        `host` and `port` are the packet's source. `received` is added when it differs from sent-by or `rport`
        is asked for, `rport` gets its value only when the peer asked. All else stays byte for byte; without a
        change the same object comes back.
        """
        asked = "rport" in self.parameters
        if not asked and host == self.host and "received" not in self.parameters:
            return self
        kept = [
            part
            for part in split_unquoted(self.text, ";")
            if part.partition("=")[0].strip().lower() not in ("received", "rport")
        ]
        parameters = {**self.parameters, "received": host}
        kept.append(f"received={host}")
        if asked:
            parameters["rport"] = str(port)
            kept.append(f"rport={port}")
        return Via(self.transport, self.host, self.port, parameters, ";".join(kept))


def _parse_sent_protocol(sent: str) -> tuple[str, str]:
    """`SIP / 2.0 / UDP host` with white space anywhere -> (transport, sent-by)."""
    name, first, rest = sent.partition("/")
    version, second, rest = rest.partition("/")
    transport, _, sent_by = rest.lstrip().replace("\t", " ").partition(" ")
    if not first or not second or name.strip().upper() != "SIP" or not is_token(version.strip()):
        raise ParseError("Malformed Via")
    if not is_token(transport):
        raise ParseError("Malformed Via")
    return transport, sent_by


class CSeq(msgspec.Struct, frozen=True):
    """Sequence number and method."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises ParseError."""
        parts = text.split()
        if len(parts) != 2 or not is_token(parts[1]):
            raise ParseError("Malformed CSeq")
        return cls(parse_number(parts[0], "CSeq", UINT32_MAX), parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_value_with_parameters(text: str) -> tuple[str, dict[str, str | None]]:
    """`value;a=b` -> (stripped value, parameters), for headers such as Content-Type, Event and Reason."""
    value, _, tail = text.partition(";")
    return value.strip(), parse_parameters(tail) if tail else {}
