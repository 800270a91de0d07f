"""Binding: one Contact of an address of record, and the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sip.errors import ParseError
from sip.flow import Flow
from sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class Binding:
    """What a registration made known. `source` is where it came from, and `flow` the way back to there: the
    connection, or our UDP socket and that address. None: there is no flow, since a restart of ours, or since
    the connection was lost. Times are seconds of the registrar's clock; `path` holds raw values (RFC 3327).
    """

    contact: str
    call_id: str
    cseq: int
    expires_at: float
    registered_at: float
    seen_at: float
    transport: str
    source: tuple[str, int]
    flow: Flow | None = None
    path: tuple[str, ...] = ()
    q: float | None = None
    instance: str | None = None
    reg_id: int | None = None
    user_agent: str | None = None
    local_port: int | None = None  # of ours, that it came to; known where it is kept over a restart

    @property
    def behind_nat(self) -> bool:
        """Whether the Contact names another place than the request came from, so that only the way back
        leads there.
        """
        try:
            uri = SipUri.parse(self.contact)
        except ParseError:
            return True
        default = 5061 if self.transport == "tls" else 5060
        return (uri.host.lower(), uri.port or default) != self.source

    @property
    def survives_its_connection(self) -> bool:
        """Whether the far side can be reached by connecting to it: it listens where it came from."""
        if self.transport != "tcp" or self.path:
            return False
        try:
            uri = SipUri.parse(self.contact)
        except ParseError:
            return False
        return uri.scheme == "sip" and uri.transport == "tcp" and uri.host == self.source[0]


def best_first(bindings: Sequence[Binding]) -> tuple[Binding, ...]:
    """By q, and of equals the one that was heard from last."""
    return tuple(
        sorted(bindings, key=lambda one: (1.0 if one.q is None else one.q, one.seen_at), reverse=True)
    )
