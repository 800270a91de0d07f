"""Whose WebSocket handshakes are accepted."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.configuration.sip import SipSection
from gateway.sip_sockets import SipSockets, SocketRefusal
from sip.user_agent import Listen, OptionsReply, UserAgent, UserAgentConfig


def door(**settings: Any) -> SipSockets:
    user_agent = UserAgent(
        UserAgentConfig(listen=(Listen("udp", "127.0.0.1", 0),)),
        on_invite=lambda invite: None,
        on_options=lambda: OptionsReply(200),
    )
    return SipSockets(user_agent, SipSection(**{"websocket": True, **settings}))


def refusal(sockets: SipSockets, origin: str | None, **changes: Any) -> SocketRefusal | None:
    asked = {"host": "pbx.example.com", "secure": True, "subprotocols": ["sip"], **changes}
    return sockets.refusal(origin=origin, **asked)


def test_nobody_is_let_in_unless_it_is_switched_on() -> None:
    assert refusal(door(websocket=False), None) is SocketRefusal.OFF
    assert refusal(door(), None) is None


@pytest.mark.parametrize(
    ("origin", "secure", "welcome"),
    [
        ("https://pbx.example.com", True, True),
        ("HTTPS://PBX.example.com", True, True),
        ("http://pbx.example.com", True, False),
        ("http://pbx.example.com", False, True),
        ("https://evil.example.net", True, False),
        ("https://phone.example.org", True, True),
        ("https://phone.example.org.evil.example.net", True, False),
        ("null", True, False),
    ],
)
def test_pages_of_our_own_origin_and_of_named_ones_may_connect(
    origin: str, secure: bool, welcome: bool
) -> None:
    sockets = door(websocket_origins=("https://Phone.example.org",))
    assert (refusal(sockets, origin, secure=secure) is None) is welcome


def test_a_star_lets_every_page_in() -> None:
    assert refusal(door(websocket_origins=("*",)), "https://anywhere.example") is None


def test_the_sub_protocol_has_to_be_offered() -> None:
    assert refusal(door(), None, subprotocols=["xmpp"]) is SocketRefusal.PROTOCOL


@pytest.mark.parametrize("origin", ["phone.example.org", "https://phone.example.org/page", "https://", "**"])
def test_what_is_no_origin_is_a_mistake_of_the_configuration(origin: str) -> None:
    with pytest.raises(ValueError, match="expected an origin"):
        SipSection(websocket_origins=(origin,))
