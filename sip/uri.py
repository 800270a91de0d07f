"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966), and whatever else stands where a URI should.

Parts are kept as they were written (escapes untouched), so that a URI that is copied comes out as it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote as percent_decode

import msgspec

from sip.errors import ParseError
from sip.grammar import format_host, parse_host_port, readable

_SCHEME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789+-."
_VISUAL_SEPARATORS = str.maketrans("", "", "-.() ")


class SipUri(msgspec.Struct, frozen=True):
    """A URI. `host` has no brackets and is empty for tel and unknown schemes.

    For `tel` the number is `user`. For a scheme other than sip, sips and tel everything after the colon is
    `opaque` and all else is empty: such a URI can be carried and written, and as a Request-URI is answered
    416. Parameter names are lower-case; `headers` is the raw text after `?`.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    parameters: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    headers: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read one URI without angle brackets. Raises ParseError."""
        scheme, colon, rest = text.strip().partition(":")
        if not colon or _has_forbidden(rest):
            raise ParseError("Malformed URI")
        scheme = scheme.lower()
        if scheme == "sip" or scheme == "sips":
            return _parse_sip(scheme, rest)
        if not scheme or scheme.strip(_SCHEME_CHARACTERS):
            raise ParseError("Malformed URI Scheme")
        if scheme == "tel":
            number, _, parameters = rest.partition(";")
            if not number:
                raise ParseError("Malformed URI")
            return cls("tel", number, parameters=_parse_parameters(parameters))
        return cls(scheme, opaque=rest)

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(self.user)
            if self.password is not None:
                parts += (":", self.password)
            if self.scheme != "tel":
                parts.append("@")
        if self.host:
            parts.append(format_host(self.host))
        if self.port is not None:
            parts.append(f":{self.port}")
        for name, value in self.parameters.items():
            parts.append(f";{name}" if value is None else f";{name}={value}")
        if self.headers:
            parts += ("?", self.headers)
        parts.append(self.opaque)
        return "".join(parts)

    def __hash__(self) -> int:
        return hash((self.scheme, self.user, self.host, self.port, self.opaque))

    @property
    def is_supported(self) -> bool:
        """Whether the scheme is one a SIP element understands."""
        return self.scheme in ("sip", "sips", "tel")

    @property
    def transport(self) -> str | None:
        """The `transport` parameter in lower case."""
        value = self.parameters.get("transport")
        return value.lower() if value else None

    @property
    def is_loose_route(self) -> bool:
        """Whether the `lr` parameter is there (`;lr=on` is met too)."""
        return "lr" in self.parameters

    @property
    def user_decoded(self) -> str:
        """The user part, escapes resolved, user parameters gone, readable; empty when there is none."""
        if self.user is None:
            return ""
        user = self.user.partition(";")[0]
        if "%" in user:
            user = percent_decode(user, errors="surrogateescape")
        return readable(user)

    @property
    def telephone_number(self) -> str | None:
        """The user part as digits with an optional leading `+`, separators gone; None when it is not that."""
        number = self.user_decoded.translate(_VISUAL_SEPARATORS)
        digits = number[1:] if number[:1] == "+" else number
        return number if digits.isascii() and digits.isdigit() else None

    def header(self, name: str) -> str | None:
        """The decoded value of URI header `name` (`Replaces` in a Refer-To), any case; None when absent."""
        wanted = name.lower()
        for part in self.headers.split("&"):
            key, _, value = part.partition("=")
            if percent_decode(key).lower() == wanted:
                return percent_decode(value, errors="surrogateescape")
        return None

    def as_request_uri(self) -> SipUri:
        """This URI as it may stand in a request line: without headers and `method` (RFC 3261 19.1.1)."""
        if not self.headers and "method" not in self.parameters:
            return self
        kept = {name: value for name, value in self.parameters.items() if name != "method"}
        return msgspec.structs.replace(self, parameters=kept, headers="")


def _has_forbidden(text: str) -> bool:
    """Whether white space, control characters or delimiters of the surrounding header are in the URI."""
    if " " in text or "<" in text or ">" in text or '"' in text:
        return True
    if text.isprintable():
        return False
    return any(ord(character) < 33 or ord(character) == 127 for character in text)


def _parse_parameters(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    if text:
        for part in text.split(";"):
            name, equals, value = part.partition("=")
            if name:
                parameters.setdefault(name.lower(), value if equals else None)
    return parameters


def _parse_sip(scheme: str, rest: str) -> SipUri:
    userinfo, at, after = rest.partition("@")
    if not at:
        return _build(scheme, None, rest)
    if "@" in after:
        # One unescaped "@" too many: in the headers (a Call-ID in Replaces) or in the user part (a mail
        # address).
        try:
            return _build(scheme, userinfo, after)
        except ParseError:
            userinfo, _, after = rest.rpartition("@")
    return _build(scheme, userinfo, after)


def _build(scheme: str, userinfo: str | None, after: str) -> SipUri:
    user: str | None = None
    password: str | None = None
    if userinfo is not None:
        user, colon, secret = userinfo.partition(":")
        if not user:
            raise ParseError("Malformed URI")
        if colon:
            password = secret
    address, _, headers = after.partition("?")
    sent_to, _, parameters = address.partition(";")
    host, port = parse_host_port(sent_to, "URI")
    return SipUri(scheme, user, password, host, port, _parse_parameters(parameters), headers)
