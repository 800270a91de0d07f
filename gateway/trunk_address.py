"""How a trunk's `address` is read, and how a host is written in a URI."""

from __future__ import annotations

from store.records import TrunkOutbound

SIP_PORT = 5060
SIPS_PORT = 5061


def target_endpoint(address: str, transport: str = "udp") -> tuple[str, int]:
    """Host and port of a trunk's `address`, with the transport's own port where none is named."""
    host, port = read_address(address)
    return host, port or (SIPS_PORT if transport == "tls" else SIP_PORT)


def read_address(address: str) -> tuple[str, int | None]:
    """Host and port of an address, which is a host or host:port; IPv6 with a port stands in brackets."""
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, int(port[1:]) if port[1:] else None
    host, _, port = address.partition(":")
    if ":" in port:
        return address, None  # an IPv6 literal without a port
    return host, int(port) if port else None


def in_uri(host: str, port: int | None = None) -> str:
    """A host, and a port, as they stand in a URI."""
    literal = f"[{host}]" if ":" in host else host
    return f"{literal}:{port}" if port is not None else literal


def in_user(number: str) -> str:
    """A number as the user part of a SIP URI, which holds no # (RFC 3261 section 25.1)."""
    return number.replace("#", "%23")


def proxy_route(
    outbound: TrunkOutbound, transport: str, *, redirected: bool = False
) -> tuple[tuple[str, str], ...]:
    """The Route header by which the trunk's proxy knows that it is to pass a request on; none without one,
    and where a redirection leads past it.
    """
    if outbound.proxy is None or redirected:
        return ()
    by = "" if transport == "udp" else f";transport={transport}"
    return (("Route", f"<sip:{outbound.proxy}{by};lr>"),)
