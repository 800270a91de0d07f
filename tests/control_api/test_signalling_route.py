"""How often one address may come to what a page's script uses."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from control_api.signalling_route import REQUESTS_PER_MINUTE, take_turn
from gateway.errors import LimitExceededError


def connection(address: str, kind: str = "http") -> HTTPConnection:
    return HTTPConnection({"type": kind, "client": (address, 1), "headers": []})


def test_one_subscriber_is_one_address_and_its_sockets_count() -> None:
    """Who has an IPv6 network has as many addresses as he likes."""
    refused = 0
    for place in range(2 * REQUESTS_PER_MINUTE):
        try:
            take_turn(connection(f"2001:db8:77:1::{place:x}", "http" if place % 2 else "websocket"))
        except LimitExceededError:
            refused += 1
    assert refused > REQUESTS_PER_MINUTE / 2
    take_turn(connection("2001:db8:77:2::1"))
