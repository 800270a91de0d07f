"""Answering digest challenges with an account's credentials."""

from __future__ import annotations

from sip.call_listener import Credentials
from sip.challenge import answer_challenge
from tests.support.sip_endpoint_harness import peer_request, peer_response

CREDENTIALS = Credentials("bob", "zanzibar")


def answer(status: int, *headers: tuple[str, str]) -> tuple[str, str] | None:
    response = peer_response(peer_request("INVITE"), status, headers=headers)
    return answer_challenge(response, CREDENTIALS, "INVITE", "sip:bob@biloxi.com")


def test_answer_goes_into_the_header_that_belongs_to_the_challenge() -> None:
    challenge = 'Digest realm="biloxi.com", nonce="abc", algorithm=MD5'
    www = answer(401, ("WWW-Authenticate", challenge))
    proxy = answer(407, ("Proxy-Authenticate", challenge))
    assert www is not None
    assert proxy is not None
    assert (www[0], proxy[0]) == ("Authorization", "Proxy-Authorization")
    # RFC 2617 without qop: MD5(MD5(bob:biloxi.com:zanzibar):abc:MD5(INVITE:sip:bob@biloxi.com)).
    assert 'response="ad54c709a8ba0e8be0a11f5d91bc879c"' in www[1]


def test_challenge_that_cannot_be_answered_gives_nothing() -> None:
    assert answer(401) is None
    assert answer(401, ("WWW-Authenticate", 'Basic realm="x"')) is None
    assert answer(401, ("WWW-Authenticate", 'Digest realm="x", nonce="a", algorithm=ROT13')) is None


def test_password_is_not_shown() -> None:
    assert "zanzibar" not in repr(CREDENTIALS)
