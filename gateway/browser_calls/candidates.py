"""Which of our addresses a browser is told to send its audio to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from gateway.media_address import MediaAddress


async def candidate_hosts(
    configured: Sequence[str], media_address: MediaAddress, peer_host: str
) -> tuple[str, ...]:
    """Address literals, the best first: what was configured, else the address for calls over SIP. Browsers
    take no names, so that one is looked up. Raises `OSError`.
    """
    if configured:
        return tuple(configured)
    host = media_address.for_peer(peer_host)
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return tuple(dict.fromkeys(str(address[4][0]) for address in found))
