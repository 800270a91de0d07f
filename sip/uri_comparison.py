"""Whether two URIs mean the same (RFC 3261 section 19.1.4), as two Contacts of one registration may."""

from __future__ import annotations

from urllib.parse import unquote

from sip.errors import ParseError
from sip.uri import SipUri

_ALWAYS_COMPARED = ("transport", "user", "ttl", "method", "maddr")


def same_uri(one: str, other: str) -> bool:
    """Of two URIs as they were written; those that cannot be read, or are not of SIP, are the same when
    their text is.
    """
    if one == other:
        return True
    try:
        first, second = SipUri.parse(one), SipUri.parse(other)
    except ParseError:
        return False
    if first.scheme not in ("sip", "sips") or second.scheme not in ("sip", "sips"):
        return False
    return (
        first.scheme == second.scheme
        and _decoded(first.user) == _decoded(second.user)
        and _decoded(first.password) == _decoded(second.password)
        and first.host.lower() == second.host.lower()
        and first.port == second.port
        and _same_parameters(first, second)
        and sorted(first.headers.lower().split("&")) == sorted(second.headers.lower().split("&"))
    )


def _same_parameters(first: SipUri, second: SipUri) -> bool:
    """Of parameters that stand in one URI alone only these five tell a difference."""
    names = {*_ALWAYS_COMPARED, *(first.parameters.keys() & second.parameters.keys())}
    return all(
        (name in first.parameters) == (name in second.parameters)
        and (first.parameters.get(name) or "").lower() == (second.parameters.get(name) or "").lower()
        for name in names
    )


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text, errors="surrogateescape")
