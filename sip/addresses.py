"""Addresses of ours and of peers: which local address reaches a peer, and how one is written."""

from __future__ import annotations

import ipaddress
import socket

_UNSPECIFIED = frozenset(("", "0.0.0.0", "::"))
_MAXIMUM_CACHED = 4096
# Documentation addresses (RFC 5737, RFC 3849): nothing is sent to them, only the default route is looked up.
_FAR_IPV4 = "192.0.2.1"
_FAR_IPV6 = "2001:db8::1"


def authority(host: str, port: int) -> str:
    """`host:port` as it stands in a URI or Via, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_address(host: str) -> bool:
    """Whether `host` is a numeric IPv4 or IPv6 address and needs no look-up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def same_family(host: str, other: str) -> bool:
    """Whether two hosts can reach each other as far as IPv4 and IPv6 tell; a name may be of either."""
    return (":" in host) == (":" in other) or not (is_address(host) and is_address(other))


class LocalAddresses:
    """Finds the local address that the kernel would use towards a peer, so that 0.0.0.0 is never written
    anywhere."""

    def __init__(self, public_host: str | None) -> None:
        self._public_host = public_host
        self._cache: dict[str, str] = {}

    def towards(self, peer_host: str) -> str:
        """The local address that reaches `peer_host`, whatever is advertised."""
        found = self._cache.get(peer_host)
        if found is None:
            found = _local_address_towards(peer_host)
            if len(self._cache) >= _MAXIMUM_CACHED:
                self._cache.clear()
            self._cache[peer_host] = found
        return found

    def advertised(self, peer_host: str, bound_host: str) -> str:
        """What to write into Via and Contact for that peer: the public host, the bound one, or the one that
        fits. None of them is of the other family: an IPv4 address means nothing to a peer of IPv6."""
        if self._public_host is not None and same_family(self._public_host, peer_host):
            return self._public_host
        return self.local(peer_host, bound_host)

    def local(self, peer_host: str, bound_host: str) -> str:
        """What stands in packets to that peer, whatever it is told."""
        if bound_host not in _UNSPECIFIED and same_family(bound_host, peer_host):
            return bound_host
        return self.towards(peer_host)


def _local_address_towards(peer_host: str) -> str:
    """Connecting a UDP socket sends nothing; it only makes the kernel choose a route."""
    if not is_address(peer_host):
        peer_host = "127.0.0.1" if peer_host == "localhost" else _FAR_IPV4
    candidates = (peer_host, _FAR_IPV6 if ":" in peer_host else _FAR_IPV4)
    for candidate in candidates:
        family = socket.AF_INET6 if ":" in candidate else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((candidate, 9))
                address: str = probe.getsockname()[0]
        except OSError:
            continue
        if address not in _UNSPECIFIED:
            return address
    return "::1" if ":" in peer_host else "127.0.0.1"
