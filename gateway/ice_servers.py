"""Which STUN and TURN servers a browser is told to use, and the credentials by which a TURN server lets it.

The gateway's own side needs neither: it has a public address. A browser behind a firewall that lets no UDP
out needs a relay. The relay shares a secret with us and asks us nothing: a user name is the time at which
it ends and whose it is, its password the HMAC of the name ("A REST API for access to TURN services",
draft-uberti-behave-turn-rest; coturn's `use-auth-secret`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.configuration.browser import TurnSection


@dataclass(frozen=True, slots=True)
class IceServer:
    """One entry of a browser's `RTCConfiguration.iceServers`. STUN servers have no credentials."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class IceServers:
    """Mints credentials, new ones for each call."""

    def __init__(self, config: TurnSection, clock: Callable[[], float] = time.time) -> None:
        self._stun_urls = config.stun_urls
        self._turn_urls = config.urls
        self._secret = (config.secret or "").encode()
        self._life_s = config.credential_life
        self._clock = clock

    def for_call(self, call_id: str) -> tuple[IceServer, ...]:
        """What the browser of this call is told; nothing when no server is configured."""
        servers: list[IceServer] = []
        if self._stun_urls:
            servers.append(IceServer(self._stun_urls))
        if self._turn_urls:
            username = f"{int(self._clock() + self._life_s)}:{call_id}"
            digest = hmac.new(self._secret, username.encode(), hashlib.sha1).digest()
            servers.append(IceServer(self._turn_urls, username, base64.b64encode(digest).decode()))
        return tuple(servers)


def ice_server_json(server: IceServer) -> dict[str, object]:
    """As `RTCPeerConnection` takes it."""
    entry: dict[str, object] = {"urls": list(server.urls)}
    if server.username is not None:
        entry |= {"username": server.username, "credential": server.credential}
    return entry


def link_headers(servers: Sequence[IceServer]) -> list[str]:
    """The same as values of `Link` headers, one for each URL (RFC 9725, section 4.6)."""
    links = []
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None:
                link += (
                    f'; username="{server.username}"; credential="{server.credential}"'
                    '; credential-type="password"'
                )
            links.append(link)
    return links
