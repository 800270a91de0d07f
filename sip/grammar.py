"""The lexical rules that all SIP headers share (RFC 3261 section 25.1), read by hand in linear time.

No regular expression touches what a peer sent: one that backtracks is a denial of service.
"""

from __future__ import annotations

from collections.abc import Mapping

from sip.errors import ParseError

_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKEN_CHARACTERS = _ALPHANUMERIC + "-.!%*_+`'~"
# Underscores are outside RFC 1035 but are what container and PBX hosts are really called.
_HOST_CHARACTERS = _ALPHANUMERIC + "-._"
_IPV6_CHARACTERS = "0123456789abcdefABCDEF:." + _ALPHANUMERIC + "%"
# A parameter value outside these is written as a quoted string: token characters and what addresses need.
_BARE_VALUE_CHARACTERS = TOKEN_CHARACTERS + "[]:/@&$?="

UINT32_MAX = 2**32 - 1
_MAXIMUM_DIGITS = 20

Parameters = dict[str, str | None]


def is_token(text: str) -> bool:
    """Whether `text` is a non-empty RFC 3261 token."""
    return bool(text) and not text.strip(TOKEN_CHARACTERS)


def parse_number(text: str, what: str, maximum: int = UINT32_MAX) -> int:
    """The unsigned decimal `text`, at most `maximum`; raises ParseError naming `what`."""
    text = text.strip()
    if len(text) > _MAXIMUM_DIGITS or not (text.isascii() and text.isdigit()):
        raise ParseError(f"Malformed {what}")
    number = int(text)
    if number > maximum:
        raise ParseError(f"{what} Out Of Range")
    return number


def readable(text: str) -> str:
    """`text` for people and databases: bytes that are not UTF-8 are read as Latin-1, controls go."""
    if text.isprintable():
        return text
    if any("\udc80" <= character <= "\udcff" for character in text):
        text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    return "".join(character for character in text if character.isprintable())


def end_of_quoted(text: str, start: int) -> int:
    """Index just after the quoted string that opens at `start`; -1 when it never closes."""
    position = start + 1
    closing = text.find('"', position)
    if closing < 0 or text[closing - 1] != "\\":
        return closing + 1 or -1
    while True:
        closing = text.find('"', position)
        if closing < 0:
            return -1
        backslashes = 0
        before = closing - 1
        while before >= position and text[before] == "\\":
            backslashes += 1
            before -= 1
        if backslashes % 2 == 0:
            return closing + 1
        position = closing + 1


def _never_closes(text: str) -> bool:
    """Whether a quoted string opens in `text` and stays open."""
    position = text.find('"')
    while position >= 0:
        end = end_of_quoted(text, position)
        if end < 0:
            return True
        position = text.find('"', end)
    return False


def unquote(text: str) -> str:
    """The content of the quoted string `text`, quoted pairs resolved; other text is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    out: list[str] = []
    escaped = False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
        else:
            out.append(character)
            escaped = False
    return "".join(out)


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_unquoted(text: str, separator: str) -> list[str]:
    """`text` cut at each one-character `separator` outside quoted strings; no part is stripped or dropped."""
    if '"' not in text:
        return text.split(separator)
    parts: list[str] = []
    start = position = 0
    next_quote = text.find('"')
    while True:
        cut = text.find(separator, position)
        if cut < 0:
            break
        if 0 <= next_quote < cut:
            position = end_of_quoted(text, next_quote)
            if position < 0:
                break
            next_quote = text.find('"', position)
            continue
        parts.append(text[start:cut])
        start = position = cut + 1
    parts.append(text[start:])
    return parts


def split_comma(text: str) -> list[str]:
    """The elements of a comma-separated header value, stripped, empty ones dropped.

    Commas inside quoted strings and inside `<...>` do not separate. A quote or bracket that never closes
    swallows the rest, which the parser of the element then refuses.
    """
    if "," not in text:
        text = text.strip()
        return [text] if text else []
    if '"' not in text and "<" not in text:
        return [part for part in map(str.strip, text.split(",")) if part]
    parts: list[str] = []
    start = position = 0
    length = len(text)
    while position < length:
        character = text[position]
        if character == '"':
            position = end_of_quoted(text, position)
        elif character == "<":
            # A URI holds no quote that matters here, but one in its place would hide the bracket.
            position = text.find(">", position) + 1 or -1
        elif character == ",":
            parts.append(text[start:position])
            position += 1
            start = position
        else:
            position += 1
        if position < 0:
            break
    parts.append(text[start:])
    return [part for part in map(str.strip, parts) if part]


def parse_parameters(text: str) -> Parameters:
    """`;name=value;flag` as a mapping of lower-case names to unquoted values (None for a flag).

    Empty parameters are passed over and of a repeated one the first counts. Raises ParseError on a quoted
    string that never closes.
    """
    parameters: Parameters = {}
    quoted = '"' in text
    parts = split_unquoted(text, ";") if quoted else text.split(";")
    if quoted and _never_closes(parts[-1]):
        # What is appended to the header later (received in a Via) would become a part of the string.
        raise ParseError("Unbalanced Quote In Parameter")
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not name or name in parameters:
            continue
        if not equals:
            parameters[name] = None
            continue
        value = value.strip()
        if quoted and value[:1] == '"':
            if end_of_quoted(value, 0) != len(value):
                raise ParseError("Unbalanced Quote In Parameter")
            value = unquote(value)
        parameters[name] = value
    return parameters


def format_parameters(parameters: Mapping[str, str | None]) -> str:
    """The reverse of `parse_parameters`: `;name=value;flag`, values quoted where they have to be."""
    out: list[str] = []
    for name, value in parameters.items():
        if value is None:
            out.append(f";{name}")
        elif value and not value.strip(_BARE_VALUE_CHARACTERS):
            out.append(f";{name}={value}")
        else:
            out.append(f";{name}={quote(value)}")
    return "".join(out)


def parse_host_port(text: str, what: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address -> (host without brackets, port or None).

    Host names may be single labels and hold underscores. Raises ParseError naming `what`.
    """
    host, colon, port = text.partition(":")
    if colon:
        host = host.strip()
        if host[:1] == "[":
            host, bracket, port = text.strip()[1:].partition("]")
            port = port.strip()
            if not bracket or (port and port[0] != ":"):
                raise ParseError(f"Malformed Host In {what}")
            colon, port = port[:1], port[1:]
            if not host or host.strip(_IPV6_CHARACTERS):
                raise ParseError(f"Malformed Host In {what}")
        elif ":" in port:
            # An IPv6 address without brackets: there is no telling a port from its last group, so there is
            # none.
            host, colon, port = text.strip(), "", ""
            if host.strip(_IPV6_CHARACTERS):
                raise ParseError(f"Malformed Host In {what}")
        elif not host or host.strip(_HOST_CHARACTERS):
            raise ParseError(f"Malformed Host In {what}")
        if not colon:
            return host, None
        return host, parse_number(port, f"Port In {what}", 65535)
    host = host.strip()
    if not host or host.strip(_HOST_CHARACTERS):
        raise ParseError(f"Malformed Host In {what}")
    return host, None


def format_host(host: str) -> str:
    """`host` as it stands in a URI or a Via: IPv6 addresses get brackets."""
    return f"[{host}]" if ":" in host else host
