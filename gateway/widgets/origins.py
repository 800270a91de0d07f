"""Origins of web pages (RFC 6454), and the patterns by which they are allowed.

A pattern is an origin, `https://shop.example`, or one with a star for any depth of sub-domains,
`https://*.shop.example`, which does not take in the domain itself. Scheme, host and port must all be the
same; a port that is not written is the scheme's own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import InvalidRequestError

MAX_ORIGIN_LENGTH = 300

_FORM = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_OWN_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port; `host` begins with `*.` in a pattern that takes in sub-domains."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        port = "" if self.port in (None, _OWN_PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    def allows(self, origin: Origin) -> bool:
        """Whether this pattern takes in `origin`."""
        if (self.scheme, self.port) != (origin.scheme, origin.port):
            return False
        if self.host.startswith("*."):
            return origin.host.endswith(self.host[1:]) and origin.host != self.host[1:]
        return self.host == origin.host


def origin_allowed(origin: str | None, patterns: Iterable[str]) -> bool:
    """Whether an `Origin` header names an origin that one of the patterns takes in. `null` never is one."""
    found = _parse(origin) if origin is not None else None
    if found is None or found.host.startswith("*."):
        return False
    return any(pattern.allows(found) for text in patterns if (pattern := _parse(text)) is not None)


def checked_origins(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """Patterns in their one way of writing, each once. Raises `InvalidRequestError` that names the entry."""
    found: dict[str, None] = {}
    for place, text in enumerate(texts):
        pattern = _parse(text.strip().lower().removesuffix("/"))
        if pattern is None or not _sensible(pattern):
            raise InvalidRequestError(
                "must be an origin such as https://shop.example or https://*.shop.example, without a path",
                field=f"{field}.{place}",
            )
        found[str(pattern)] = None
    return tuple(found)


def _parse(text: str) -> Origin | None:
    match = _FORM.fullmatch(text) if len(text) <= MAX_ORIGIN_LENGTH else None
    if match is None:
        return None
    port = int(match["port"]) if match["port"] is not None else _OWN_PORTS.get(match["scheme"])
    if port is not None and not 0 < port < 65536:
        return None
    return Origin(match["scheme"], match["host"], port)


def _sensible(pattern: Origin) -> bool:
    """A star stands before a domain of two labels at least, never before an address."""
    if pattern.host.startswith("["):
        try:
            ipaddress.IPv6Address(pattern.host[1:-1])
        except ValueError:
            return False
        return True
    if not pattern.host.startswith("*."):
        return True
    labels = pattern.host[2:].split(".")
    return len(labels) >= 2 and not labels[-1].isdigit()
