"""The examples of RFC 3261 section 19.1.4."""

from __future__ import annotations

import pytest

from sip.uri_comparison import same_uri


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=x",
        ),
        ("urn:a:1", "urn:a:1"),
    ],
)
def test_these_are_the_same(one: str, other: str) -> None:
    assert same_uri(one, other)
    assert same_uri(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@[broken", "sip:bob@biloxi.com"),
        ("urn:a:1", "urn:a:2"),
    ],
)
def test_these_are_not(one: str, other: str) -> None:
    assert not same_uri(one, other)
    assert not same_uri(other, one)
