"""Which address of ours a peer is told."""

from __future__ import annotations

import pytest

from sip.addresses import LocalAddresses, authority, is_address


def test_unspecified_address_is_never_advertised() -> None:
    addresses = LocalAddresses(None)
    for bound in ("0.0.0.0", "::", ""):
        assert addresses.advertised("127.0.0.1", bound) == "127.0.0.1"


def test_loopback_of_the_peers_family_reaches_a_loopback_peer() -> None:
    assert LocalAddresses(None).towards("::1") == "::1"


def test_bound_address_is_advertised_as_it_is() -> None:
    assert LocalAddresses(None).advertised("127.0.0.1", "192.0.2.1") == "192.0.2.1"


def test_public_host_wins_over_everything() -> None:
    addresses = LocalAddresses("sip.example.org")
    assert addresses.advertised("127.0.0.1", "0.0.0.0") == "sip.example.org"
    assert addresses.advertised("127.0.0.1", "192.0.2.1") == "sip.example.org"
    # For its own use the local address is still known.
    assert addresses.towards("127.0.0.1") == "127.0.0.1"


def test_public_and_bound_addresses_are_told_to_peers_of_their_family_alone() -> None:
    assert LocalAddresses("203.0.113.5").advertised("::1", "::") == "::1"
    assert LocalAddresses("2001:db8::5").advertised("127.0.0.1", "0.0.0.0") == "127.0.0.1"
    assert LocalAddresses(None).advertised("::1", "192.0.2.1") == "::1"


def test_name_of_a_peer_needs_no_look_up_to_find_an_address() -> None:
    assert LocalAddresses(None).towards("localhost") == "127.0.0.1"
    assert LocalAddresses(None).towards("pbx_1") not in ("", "0.0.0.0", "::")


@pytest.mark.parametrize(
    ("host", "numeric"), [("127.0.0.1", True), ("::1", True), ("pbx1", False), ("1.2.3", False)]
)
def test_numeric_addresses_are_told_from_names(host: str, numeric: bool) -> None:
    assert is_address(host) is numeric


def test_ipv6_address_is_written_in_brackets() -> None:
    assert authority("2001:db8::1", 5060) == "[2001:db8::1]:5060"
    assert authority("192.0.2.1", 5060) == "192.0.2.1:5060"
