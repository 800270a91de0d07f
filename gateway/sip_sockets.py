"""Who may speak SIP over a WebSocket (RFC 7118), as far as it can be told before the first message.

Trunks decide about calls as on every other transport; this is about pages that a browser has open: the
Origin header says whose page wants to connect (RFC 6455 section 10.2).
"""

from __future__ import annotations

from enum import StrEnum

from gateway.configuration.sip import SipSection
from sip.transport_websocket import WebSocketConnection, WebSocketWriter
from sip.user_agent import UserAgent

__all__ = ["SUBPROTOCOL", "SipSockets", "SocketRefusal", "WebSocketConnection", "WebSocketWriter"]

SUBPROTOCOL = "sip"


class SocketRefusal(StrEnum):
    """Why a WebSocket is not accepted."""

    OFF = "off"
    ORIGIN = "origin"
    PROTOCOL = "protocol"


class SipSockets:
    """The door for WebSockets."""

    def __init__(self, user_agent: UserAgent, config: SipSection) -> None:
        self._user_agent = user_agent
        self._enabled = config.websocket
        self._origins = frozenset(config.websocket_origins)

    def refusal(
        self, *, origin: str | None, host: str, secure: bool, subprotocols: list[str]
    ) -> SocketRefusal | None:
        """Why a handshake is refused, or None. `host` is the Host header; without `origin` it is no browser
        that asks."""
        if not self._enabled:
            return SocketRefusal.OFF
        if origin is not None and not self._welcome(origin.lower(), host.lower(), secure):
            return SocketRefusal.ORIGIN
        if SUBPROTOCOL not in subprotocols:
            return SocketRefusal.PROTOCOL
        return None

    def accept(
        self, writer: WebSocketWriter, *, peer: tuple[str, int], local: tuple[str, int], secure: bool
    ) -> WebSocketConnection | None:
        """A connection whose handshake was not refused; None when there are too many."""
        return self._user_agent.accept_web_socket(writer, peer=peer, local=local, secure=secure)

    def _welcome(self, origin: str, host: str, secure: bool) -> bool:
        own = f"{'https' if secure else 'http'}://{host}"
        return origin == own or origin in self._origins or "*" in self._origins
