"""Answering digest challenges with an account's credentials."""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.challenge import MAXIMUM_ATTEMPTS, Authenticator
from sip.message import Response
from tests.support.sip_endpoint_harness import peer_request, peer_response

CREDENTIALS = Credentials("bob", "zanzibar")


def challenge(status: int, nonce: str = "abc", realm: str = "biloxi.com", more: str = "") -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    value = f'Digest realm="{realm}", nonce="{nonce}", algorithm=MD5{more}'
    return peer_response(peer_request("INVITE"), status, headers=((name, value),))


def headers(authenticator: Authenticator) -> dict[str, str]:
    return dict(authenticator.headers("INVITE", "sip:bob@biloxi.com"))


def test_answer_goes_into_the_header_that_belongs_to_the_challenge() -> None:
    for status, name in ((401, "Authorization"), (407, "Proxy-Authorization")):
        authenticator = Authenticator(CREDENTIALS)
        assert headers(authenticator) == {}
        assert authenticator.take(challenge(status))
        # RFC 2617 without qop: MD5(MD5(bob:biloxi.com:zanzibar):abc:MD5(INVITE:sip:bob@biloxi.com)).
        assert 'response="ad54c709a8ba0e8be0a11f5d91bc879c"' in headers(authenticator)[name]


def test_proxy_and_far_end_may_both_ask() -> None:
    authenticator = Authenticator(CREDENTIALS)
    assert authenticator.take(challenge(407, realm="proxy"))
    headers(authenticator)
    assert authenticator.take(challenge(401, realm="far end"))
    both = headers(authenticator)
    assert 'realm="proxy"' in both["Proxy-Authorization"]
    assert 'realm="far end"' in both["Authorization"]


def test_refused_credentials_are_not_tried_again() -> None:
    authenticator = Authenticator(CREDENTIALS)
    assert authenticator.take(challenge(401))
    headers(authenticator)
    assert not authenticator.take(challenge(401, nonce="new"))


def test_stale_nonce_is_replaced_but_not_without_end() -> None:
    authenticator = Authenticator(CREDENTIALS)
    taken = 0
    for number in range(10):
        if authenticator.take(challenge(401, nonce=f"n{number}", more=", stale=true")):
            taken += 1
            assert f'nonce="n{number}"' in headers(authenticator)["Authorization"]
    assert taken == MAXIMUM_ATTEMPTS


def test_answer_that_is_no_challenge_we_can_meet_is_final() -> None:
    authenticator = Authenticator(CREDENTIALS)
    for response in (
        peer_response(peer_request("INVITE"), 401),
        peer_response(peer_request("INVITE"), 486),
        peer_response(peer_request("INVITE"), 401, headers=(("WWW-Authenticate", 'Basic realm="x"'),)),
    ):
        assert not authenticator.take(response)
    assert not Authenticator(None).take(challenge(401))


def test_password_is_not_shown() -> None:
    assert "zanzibar" not in repr(CREDENTIALS)
