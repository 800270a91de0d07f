"""Looking servers up, against a name server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sip.server_location import Destination
from sip.server_lookup import NameNotFoundError, ServerLookup
from tests.support.dns_server import DnsServer

ZONE = {
    ("carrier.test", "NAPTR"): [
        '20 10 "s" "SIP+D2U" "" _sip._udp.carrier.test.',
        '10 10 "s" "SIP+D2T" "" _sip._tcp.carrier.test.',
    ],
    ("_sip._udp.carrier.test", "SRV"): ["20 1 5070 b.carrier.test.", "10 1 5080 a.carrier.test."],
    ("_sip._tcp.carrier.test", "SRV"): ["10 1 5090 a.carrier.test."],
    ("_sips._tcp.carrier.test", "SRV"): ["0 0 0 ."],
    ("a.carrier.test", "A"): ["192.0.2.1"],
    ("a.carrier.test", "AAAA"): ["2001:db8::1"],
    ("b.carrier.test", "A"): ["192.0.2.2", "192.0.2.3"],
    ("carrier.test", "A"): ["192.0.2.9"],
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(dict(ZONE)) as running:
        yield running


def lookup_at(server: DnsServer, hosts: Path = Path("/dev/null"), clock: Clock | None = None) -> ServerLookup:
    return ServerLookup(
        (server.address,), chance=lambda: 0.0, clock=clock or Clock(), lifetime_s=0.3, hosts=hosts
    )


async def test_servers_of_a_transport_come_by_priority_with_all_their_addresses(server: DnsServer) -> None:
    found = await lookup_at(server).locate("carrier.test", None, "udp")
    assert found[:2] == (Destination("192.0.2.1", 5080, "udp"), Destination("2001:db8::1", 5080, "udp"))
    assert sorted(found[2:]) == [Destination("192.0.2.2", 5070, "udp"), Destination("192.0.2.3", 5070, "udp")]
    assert server.asked[("carrier.test", "NAPTR")] == 0


async def test_without_a_transport_the_domain_chooses(server: DnsServer) -> None:
    found = await lookup_at(server).locate("carrier.test", None, None, families=(False,))
    assert [one.transport for one in found] == ["tcp", "udp", "udp", "udp"]


async def test_with_a_port_only_the_address_is_looked_up(server: DnsServer) -> None:
    found = await lookup_at(server).locate("carrier.test", 5062, "tcp", families=(False,))
    assert found == (Destination("192.0.2.9", 5062, "tcp"),)
    assert set(server.asked) == {("carrier.test", "A")}


async def test_a_domain_without_service_records_is_called_at_the_default_port(server: DnsServer) -> None:
    found = await lookup_at(server).locate("b.carrier.test", None, "udp", families=(False,))
    assert sorted(found) == [Destination("192.0.2.2", 5060, "udp"), Destination("192.0.2.3", 5060, "udp")]


async def test_an_address_is_asked_of_nobody(server: DnsServer) -> None:
    assert await lookup_at(server).locate("192.0.2.7", None, "tls") == (
        Destination("192.0.2.7", 5061, "tls"),
    )
    assert not server.asked


async def test_answers_are_kept_as_long_as_they_say(server: DnsServer) -> None:
    clock = Clock()
    lookup = lookup_at(server, clock=clock)
    server.ttl = 60
    for _ in range(3):
        await lookup.locate("carrier.test", 5060, "udp")
    assert server.asked[("carrier.test", "A")] == 1
    clock.now += 61
    server.zone[("carrier.test", "A")] = ["192.0.2.10"]
    assert (await lookup.locate("carrier.test", 5060, "udp"))[0].host == "192.0.2.10"


async def test_what_is_not_there_is_remembered_too(server: DnsServer) -> None:
    lookup = lookup_at(server)
    for _ in range(2):
        with pytest.raises(NameNotFoundError):
            await lookup.locate("nobody.test", None, "udp")
    assert server.asked[("nobody.test", "A")] == 1
    assert server.asked[("_sip._udp.nobody.test", "SRV")] == 1


async def test_many_who_ask_the_same_at_once_ask_once(server: DnsServer) -> None:
    lookup = lookup_at(server)
    await asyncio.gather(*(lookup.locate("carrier.test", None, "udp") for _ in range(20)))
    assert server.asked[("_sip._udp.carrier.test", "SRV")] == 1


async def test_while_no_name_server_answers_what_was_known_goes_on(server: DnsServer) -> None:
    clock = Clock()
    lookup = lookup_at(server, clock=clock)
    before = await lookup.locate("carrier.test", None, "udp")
    clock.now += 400
    server.silent = True
    assert await lookup.locate("carrier.test", None, "udp") == before


async def test_nobody_waits_long_for_a_name_server_that_is_silent(server: DnsServer) -> None:
    server.silent = True
    lookup = lookup_at(server)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NameNotFoundError):
        await lookup.locate("nowhere.invalid", None, None)
    assert loop.time() - began < 5


async def test_names_of_the_hosts_file_count_first(server: DnsServer, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.5 carrier.test my_pbx # here\n")
    lookup = lookup_at(server, hosts)
    assert await lookup.locate("carrier.test", None, "udp") == (Destination("127.0.0.5", 5060, "udp"),)
    assert await lookup.locate("my_pbx", None, "tcp") == (Destination("127.0.0.5", 5060, "tcp"),)
    assert not server.asked


async def test_localhost_is_found_without_the_dns(server: DnsServer) -> None:
    assert (await lookup_at(server).locate("localhost", None, "udp"))[0].host in ("127.0.0.1", "::1")
    assert not server.asked


async def test_a_service_that_the_domain_does_not_have_falls_back_to_its_address(server: DnsServer) -> None:
    found = await lookup_at(server).locate("carrier.test", None, "tls", families=(False,))
    assert found == (Destination("192.0.2.9", 5061, "tls"),)


async def test_a_name_server_that_is_silent_is_left_alone_for_a_while_although_more_is_known(
    server: DnsServer,
) -> None:
    clock = Clock()
    lookup = lookup_at(server, clock=clock)
    before = sorted(await lookup.locate("carrier.test", None, "udp", families=(False,)))
    clock.now += 400
    server.silent = True
    await lookup.locate("carrier.test", None, "udp", families=(False,))
    asked = lookup.questions
    assert sorted(await lookup.locate("carrier.test", None, "udp", families=(False,))) == before
    assert lookup.questions == asked, "each call would wait again"
    clock.now += 6
    server.silent = False
    assert sorted(await lookup.locate("carrier.test", None, "udp", families=(False,))) == before
    assert lookup.questions > asked


async def test_a_domain_with_very_many_servers_does_not_keep_us_asking(server: DnsServer) -> None:
    server.zone[("_sip._udp.many.test", "SRV")] = [f"1 1 5060 h{number}.many.test." for number in range(40)]
    server.zone[("many.test", "A")] = ["192.0.2.40"]
    found = await lookup_at(server).locate("many.test", None, "udp", families=(False,))
    assert found == (Destination("192.0.2.40", 5060, "udp"),)
    assert sum(count for (name, kind), count in server.asked.items() if kind == "A") <= 17
