"""Which of our addresses a peer is told to send its audio to, and whether that is one of IPv6."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sip.addresses import is_address, same_family

_UNSPECIFIED = ("", "0.0.0.0", "::", "0::0")
_CONNECTION = re.compile(rb"^c=IN IP[46] ([0-9A-Fa-f.:]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """A configured public host wins; else the address we bind; else the one that reaches the peer. An address
    of the other family than the peer's is never told.
    """

    public_host: str | None
    bind_host: str
    local_host_for: Callable[[str], str]

    def for_peer(self, peer_host: str, signalling_host: str | None = None) -> str:
        """`signalling_host` is ours as the peer knows it from SIP: what a NAT before one listener shows."""
        if self.public_host is not None and same_family(self.public_host, peer_host):
            return self.public_host
        if self.bind_host not in _UNSPECIFIED and same_family(self.bind_host, peer_host):
            return self.bind_host
        shown = signalling_host or ""
        if is_address(shown) and same_family(shown, peer_host):
            return shown
        return self.local_host_for(peer_host)


def media_peer(source_host: str, offer: bytes | None) -> str:
    """Whom the audio of a call is for, as far as IPv4 and IPv6 matter: whoever sent the INVITE, unless its
    offer names an address of the other family.
    """
    named = None if offer is None else _CONNECTION.search(offer)
    if named is None:
        return source_host
    host = named[1].decode()
    if host in _UNSPECIFIED or not is_address(host) or same_family(host, source_host):
        return source_host
    return host


def family_of(host: str) -> bool | None:
    """Whether the audio port has to be one of IPv6; None where a name leaves it to what is bound."""
    return ":" in host if is_address(host) else None
