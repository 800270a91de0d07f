"""The address that peers are told to send audio to."""

from gateway.media_address import MediaAddress


def local(peer: str) -> str:
    return f"local-for-{peer}"


def test_a_public_host_wins() -> None:
    assert MediaAddress("203.0.113.5", "10.0.0.1", local).for_peer("198.51.100.7") == "203.0.113.5"


def test_a_bound_address_is_told_as_it_is() -> None:
    assert MediaAddress(None, "127.0.0.1", local).for_peer("198.51.100.7") == "127.0.0.1"


def test_a_wildcard_is_never_told_but_what_reaches_the_peer() -> None:
    for wildcard in ("0.0.0.0", "::", ""):
        assert MediaAddress(None, wildcard, local).for_peer("198.51.100.7") == "local-for-198.51.100.7"
