"""The order of servers, by priority, weight and what a domain likes best."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sip.server_location import NaptrRecord, SrvRecord, needs_no_dns, ordered, services_of, srv_name


def server(name: str, priority: int, weight: int) -> SrvRecord:
    return SrvRecord(priority, weight, 5060, name)


def test_the_lowest_priority_is_tried_first_whatever_its_weight() -> None:
    records = [server("c", 30, 100), server("a", 10, 0), server("b", 20, 1)]
    assert [one.target for one in ordered(records, lambda: 0.99)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("chance", "first"), [(0.0, "light"), (0.24, "light"), (0.3, "heavy"), (0.99, "heavy")]
)
def test_within_a_priority_chance_and_weight_decide(chance: float, first: str) -> None:
    records = [server("light", 1, 25), server("heavy", 1, 75)]
    assert ordered(records, lambda: chance)[0].target == first


def test_shares_are_as_the_weights() -> None:
    random = Random(7)
    records = [server("a", 1, 60), server("b", 1, 30), server("c", 1, 10)]
    first = Counter(ordered(records, random.random)[0].target for _ in range(5_000))
    assert 0.56 < first["a"] / 5_000 < 0.64
    assert 0.26 < first["b"] / 5_000 < 0.34
    assert 0.07 < first["c"] / 5_000 < 0.13


def test_every_server_is_in_the_order_once() -> None:
    random = Random(3)
    records = [server(str(index), index % 3, index % 4) for index in range(12)]
    for _ in range(50):
        assert sorted(one.target for one in ordered(records, random.random)) == sorted(map(str, range(12)))


def test_servers_of_no_weight_share_alike() -> None:
    records = [server("a", 1, 0), server("b", 1, 0)]
    assert ordered(records, lambda: 0.0)[0].target == "a"
    assert ordered(records, lambda: 0.6)[0].target == "b"


def test_services_are_taken_as_the_domain_likes_them_and_others_passed_over() -> None:
    records = [
        NaptrRecord(20, 10, "s", "SIP+D2U", "_sip._udp.example.com"),
        NaptrRecord(10, 20, "S", "SIP+D2T", "_sip._tcp.example.com"),
        NaptrRecord(10, 10, "s", "SIPS+D2T", "_sips._tcp.example.com"),
        NaptrRecord(1, 1, "s", "SIP+D2S", "_sip._sctp.example.com"),
        NaptrRecord(1, 1, "u", "E2U+sip", "elsewhere"),
    ]
    assert services_of(records, ("udp", "tcp", "tls")) == [
        ("tls", "_sips._tcp.example.com"),
        ("tcp", "_sip._tcp.example.com"),
        ("udp", "_sip._udp.example.com"),
    ]
    assert services_of(records, ("udp",)) == [("udp", "_sip._udp.example.com")]


def test_each_transport_has_its_service_name() -> None:
    assert [srv_name("example.com", one) for one in ("udp", "tcp", "tls")] == [
        "_sip._udp.example.com",
        "_sip._tcp.example.com",
        "_sips._tcp.example.com",
    ]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("sip_proxy.compose", True),
        ("pbx", True),
        ("pbx.local", True),
        ("sip.example.com", False),
    ],
)
def test_names_of_this_network_are_not_asked_of_the_dns(host: str, local: bool) -> None:
    assert needs_no_dns(host) is local
