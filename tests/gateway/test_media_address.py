"""The address that peers are told to send audio to."""

import pytest

from gateway.media_address import MediaAddress, family_of, media_peer


def local(peer: str) -> str:
    return f"local-for-{peer}"


def test_a_public_host_wins() -> None:
    assert MediaAddress("203.0.113.5", "10.0.0.1", local).for_peer("198.51.100.7") == "203.0.113.5"


def test_a_bound_address_is_told_as_it_is() -> None:
    assert MediaAddress(None, "127.0.0.1", local).for_peer("198.51.100.7") == "127.0.0.1"


def test_a_wildcard_is_never_told_but_what_reaches_the_peer() -> None:
    for wildcard in ("0.0.0.0", "::", ""):
        assert MediaAddress(None, wildcard, local).for_peer("198.51.100.7") == "local-for-198.51.100.7"


def test_an_address_of_the_other_family_is_never_told() -> None:
    assert MediaAddress("203.0.113.5", "10.0.0.1", local).for_peer("2001:db8::7") == "local-for-2001:db8::7"
    assert MediaAddress("2001:db8::5", "10.0.0.1", local).for_peer("198.51.100.7") == "10.0.0.1"
    assert MediaAddress("media.example.com", "0.0.0.0", local).for_peer("2001:db8::7") == "media.example.com"


def test_what_a_nat_before_the_listener_shows_is_told_when_nothing_is_configured() -> None:
    address = MediaAddress(None, "0.0.0.0", local)
    assert address.for_peer("198.51.100.7", "203.0.113.9") == "203.0.113.9"
    assert address.for_peer("198.51.100.7", "sip.example.com") == "local-for-198.51.100.7"
    assert address.for_peer("2001:db8::7", "203.0.113.9") == "local-for-2001:db8::7"
    assert MediaAddress(None, "10.0.0.1", local).for_peer("198.51.100.7", "203.0.113.9") == "10.0.0.1"


@pytest.mark.parametrize(
    ("source", "connection", "peer"),
    [
        ("198.51.100.7", "IP4 10.0.0.9", "198.51.100.7"),
        ("2001:db8::7", "IP4 192.0.2.9", "192.0.2.9"),
        ("198.51.100.7", "IP6 2001:db8::9", "2001:db8::9"),
        ("2001:db8::7", "IP4 0.0.0.0", "2001:db8::7"),
        ("2001:db8::7", "IP4 nonsense", "2001:db8::7"),
        ("2001:db8::7", "IP4 dead", "2001:db8::7"),
    ],
)
def test_the_family_of_the_audio_is_the_offers(source: str, connection: str, peer: str) -> None:
    offer = f"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN {connection}\r\nt=0 0\r\n".encode()
    assert media_peer(source, offer) == peer
    assert media_peer(source, None) == source


def test_a_name_leaves_the_family_to_what_is_bound() -> None:
    assert (family_of("192.0.2.1"), family_of("2001:db8::1"), family_of("media.example.com")) == (
        False,
        True,
        None,
    )
