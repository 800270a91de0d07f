from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.table import OutboundTarget, RoutedTrunk, RoutingTable, parse_address
from tests.routing.samples import ACME, BERLIN, CARRIER, FREE, GERMAN, MAIN, RECEPTION, SHARED, TABLE


def trunk(name: str, *networks: str) -> RoutedTrunk:
    return RoutedTrunk(name, ACME, name, allowed_addresses=networks)


def names(table: RoutingTable, source: str) -> list[str]:
    return [match.trunk.name for match in table.match_source(source)]


def test_the_longest_prefix_comes_first() -> None:
    table = RoutingTable.build(
        (
            trunk("wide", "10.0.0.0/8"),
            trunk("host", "10.1.2.3"),
            trunk("narrow", "10.1.2.0/24", "10.1.0.0/16"),
        )
    )
    assert names(table, "10.1.2.3") == ["host", "narrow", "narrow", "wide"]
    assert names(table, "10.1.9.9") == ["narrow", "wide"]
    assert names(table, "10.9.9.9") == ["wide"]
    assert names(table, "11.0.0.1") == []


def test_version_6_networks_match_version_6_sources() -> None:
    table = RoutingTable.build((trunk("v6", "2001:db8::/32"), trunk("lo", "::1")))
    assert names(table, "2001:db8:ffff::1") == ["v6"]
    assert names(table, "[2001:db8::5]") == ["v6"]
    assert names(table, "::1") == ["lo"]
    assert names(table, "2001:db9::1") == []


def test_a_version_4_source_on_a_version_6_socket_is_version_4() -> None:
    table = RoutingTable.build((trunk("v4", "192.0.2.0/24"),))
    assert names(table, "::ffff:192.0.2.5") == ["v4"]


def test_a_zone_does_not_matter() -> None:
    assert parse_address("fe80::1%eth0") == ipaddress.ip_address("fe80::1")


@pytest.mark.parametrize("source", ["", "localhost", "1.2.3", "1.2.3.4.5", "999.1.1.1", "::g"])
def test_what_is_no_address_matches_nothing(source: str) -> None:
    assert TABLE.match_source(source) == ()


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=20), st.ip_addresses(v=4), st.data())
def test_matching_agrees_with_a_plain_search(
    addresses: list[ipaddress.IPv4Address], source: ipaddress.IPv4Address, data: st.DataObject
) -> None:
    networks = [
        ipaddress.ip_network(f"{address}/{data.draw(st.integers(0, 32))}", strict=False)
        for address in addresses
    ]
    table = RoutingTable.build(trunk(str(i), str(network)) for i, network in enumerate(networks))
    expected = sorted(
        (i for i, net in enumerate(networks) if source in net), key=lambda i: -networks[i].prefixlen
    )
    assert names(table, str(source)) == [str(i) for i in expected]


def test_a_bad_network_is_an_error_when_the_table_is_built() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        RoutingTable.build((trunk("bad", "10.0.0.0/33"),))


def test_numbers_are_found_by_number_by_trunk_and_by_agent() -> None:
    assert TABLE.number("+4930123456") is BERLIN
    assert TABLE.number("+4930123457") is None
    assert TABLE.number_on_trunk(GERMAN.id, "+4930123456") is BERLIN
    assert TABLE.number_on_trunk(CARRIER.id, "+4930123456") is None
    assert TABLE.inbound_numbers(RECEPTION.id) == (MAIN, BERLIN)
    assert TABLE.outbound_numbers(RECEPTION.id) == (MAIN, BERLIN, FREE)
    assert TABLE.inbound_numbers("nobody") == TABLE.outbound_numbers("nobody") == ()
    assert TABLE.trunks_of(ACME) == (CARRIER, GERMAN)
    assert TABLE.trunk(SHARED.id) is SHARED
    assert TABLE.agent(RECEPTION.id) is RECEPTION
    assert len(TABLE) == 5


def test_a_password_is_not_in_the_representation() -> None:
    assert "geheim" not in repr(TABLE.trunk(CARRIER.id))
    assert "geheim" not in repr(OutboundTarget("h", auth_password="geheim"))
