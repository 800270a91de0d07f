"""How a trunk's `address` is read, and how a host is written in a URI."""

from __future__ import annotations

SIP_PORT = 5060
SIPS_PORT = 5061


def target_endpoint(address: str, transport: str = "udp") -> tuple[str, int]:
    """Host and port of a trunk's `address`, which is a host or host:port; IPv6 with a port stands in
    brackets.
    """
    default = SIPS_PORT if transport == "tls" else SIP_PORT
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, int(port[1:] or default)
    host, _, port = address.partition(":")
    if ":" in port:
        return address, default  # an IPv6 literal without a port
    return host, int(port or default)


def in_uri(host: str, port: int | None = None) -> str:
    """A host, and a port, as they stand in a URI."""
    literal = f"[{host}]" if ":" in host else host
    return f"{literal}:{port}" if port is not None else literal
