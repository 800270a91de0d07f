"""Which of our addresses a peer is told to send its audio to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """A configured public host wins; else the address we bind; else the one that reaches the peer."""

    public_host: str | None
    bind_host: str
    local_host_for: Callable[[str], str]

    def for_peer(self, peer_host: str) -> str:
        if self.public_host is not None:
            return self.public_host
        if self.bind_host not in ("", "0.0.0.0", "::"):
            return self.bind_host
        return self.local_host_for(peer_host)
