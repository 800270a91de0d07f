"""Calls of ours find another server when one is dead or full: names by a name server of the test's own."""

from __future__ import annotations

import contextlib
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import OutboundRoute, Parties
from tests.e2e.sipp_runner import free_udp_port
from tests.support.certificates import Authority
from tests.support.dns_server import DnsServer

CALLED = "+15557650100"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with DnsServer({("one.carrier.test", "A"): ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, names: DnsServer) -> Iterator[Gateway]:
    host, port = names.address
    directory = tmp_path_factory.mktemp("gateway")
    environment = UNLIMITED | {"TRUNKLINE_SIP_DNS_SERVERS": f"{host}:{port}"}
    certificate, key = Authority().sign("localhost", "127.0.0.1").write(directory)
    environment |= {
        "TRUNKLINE_SIP_TLS_CERTIFICATE": str(certificate),
        "TRUNKLINE_SIP_TLS_PRIVATE_KEY": str(key),
    }
    arguments = ("--sip-tls", f"127.0.0.1:{free_udp_port()}")
    with watched(Gateway(directory, *arguments, environment=environment)) as running:
        yield running
        # An INVITE that nobody answered is kept for a late answer as long as SIP says.
        assert_calls_gone(running, 40)


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as client:
        yield client


@pytest.fixture
def parties(gateway: Gateway, api: ApiClient, tmp_path: Path) -> Iterator[Parties]:
    with Parties(gateway, api, tmp_path) as opened:
        yield opened


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where nobody ever answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def route_to(parties: Parties, callee: Any, *addresses: str, **outbound: Any) -> OutboundRoute:
    """A trunk with these targets, the first of them tried first."""
    targets = [{"address": one, "priority": rank} for rank, one in enumerate(addresses)]
    signalling = outbound.pop("signalling", {})
    side = {"address": addresses[0], "targets": targets, "failover": {"timeout": 1.0}} | outbound
    trunk = {"outbound": side, "signalling": signalling}
    return parties.outbound_route_to(callee, addresses[0], trunk=trunk)


def answered(api: ApiClient, route: OutboundRoute) -> Json:
    """Place a call, hear it answered, and hang up."""
    placed = api.place_call(route.agent_id, CALLED)
    api.wait_for_status(placed["id"], "in-progress")
    api.post(f"/calls/{placed['id']}/hangup")
    ended: Json = api.wait_for_status(placed["id"], "ended")
    return ended


def steps(api: ApiClient, call: Json, kind: str) -> list[Json]:
    return [step for step in api.timeline(call["id"]) if step["kind"] == kind]


def states(api: ApiClient, route: OutboundRoute) -> list[str]:
    trunk = api.get(f"/trunks/{route.trunk_id}")
    return [one["state"] for one in trunk["outbound"]["target_states"]]


def test_a_dead_target_is_passed_over_put_aside_and_not_waited_for_again(
    parties: Parties, api: ApiClient, deaf: str
) -> None:
    callee = parties.callee(calls=2, hold_ms=200)
    route = route_to(parties, callee, deaf, callee.sip.address)
    first = answered(api, route)
    (failed,) = steps(api, first, "target-failed")
    assert failed["detail"]["target"] == f"udp:{deaf}"
    assert first["sip"]["status"] == 200
    assert states(api, route) == ["aside", "up"]
    second = answered(api, route)
    assert not steps(api, second, "target-failed")


def test_a_full_target_is_passed_over_and_a_wrong_number_is_not(parties: Parties, api: ApiClient) -> None:
    full = parties.callee("callee_refuses_at_once")
    callee = parties.callee(hold_ms=200)
    route = route_to(parties, callee, full.sip.address, callee.sip.address)
    call = answered(api, route)
    (failed,) = steps(api, call, "target-failed")
    assert failed["detail"]["sip_status"] == 503
    full.sip.finish()

    wrong = parties.callee("callee_refuses_at_once", replace=("503 Service Unavailable", "404 Not Found"))
    other = parties.callee()
    route = route_to(parties, other, wrong.sip.address, other.sip.address)
    placed = api.place_call(route.agent_id, CALLED)
    ended = api.wait_for_status(placed["id"], "failed")
    assert ended["failure_reason"] == "invalid-number"
    assert other.sip.event("invited") is None
    assert states(api, route) == ["up", "unknown"]


def test_a_call_that_rang_goes_nowhere_else(parties: Parties, api: ApiClient) -> None:
    first = parties.callee("callee_refuses", replace=("486 Busy Here", "503 Service Unavailable"))
    other = parties.callee()
    route = route_to(parties, other, first.sip.address, other.sip.address)
    placed = api.place_call(route.agent_id, CALLED)
    ended = api.wait_for_status(placed["id"], "failed")
    assert ended["sip"]["status"] == 503
    assert other.sip.event("invited") is None


def test_when_every_target_is_aside_they_are_tried_all_the_same(parties: Parties, api: ApiClient) -> None:
    full = [parties.callee("callee_refuses_at_once", calls=2) for _ in range(2)]
    route = route_to(parties, full[0], *(one.sip.address for one in full))
    for _ in range(2):
        placed = api.place_call(route.agent_id, CALLED)
        failed = api.wait_for_status(placed["id"], "failed")
        assert failed["sip"]["status"] == 503
        assert len(steps(api, failed, "invite-sent")) == 2
    assert states(api, route) == ["aside", "aside"]
    for one in full:
        one.sip.finish()


def test_servers_of_a_name_are_tried_by_priority(
    parties: Parties, api: ApiClient, names: DnsServer, deaf: str
) -> None:
    callee = parties.callee(hold_ms=200)
    dead = deaf.rpartition(":")[2]
    names.zone[("_sip._udp.srv.carrier.test", "SRV")] = [
        f"20 1 {callee.sip.port} one.carrier.test.",
        f"10 1 {dead} one.carrier.test.",
    ]
    route = route_to(parties, callee, "srv.carrier.test")
    call = answered(api, route)
    assert [step["detail"]["target"] for step in steps(api, call, "invite-sent")] == [
        f"udp:{deaf}",
        f"udp:127.0.0.1:{callee.sip.port}",
    ]
    assert "INVITE sip:+15557650100@srv.carrier.test SIP/2.0" in callee.sip.messages
    shown = api.post(f"/trunks/{route.trunk_id}/test")
    assert [one["port"] for one in shown["servers"]] == [int(dead), callee.sip.port]


def test_probes_put_a_target_aside_and_take_it_back(parties: Parties, api: ApiClient) -> None:
    port = free_udp_port()
    route = route_to(parties, None, f"127.0.0.1:{port}", probe_interval=5)
    wait_until(api, route, ["aside"])
    parties.callee("options_answered", port=port, calls=9)
    wait_until(api, route, ["up"])


def test_the_proxy_gets_a_call_with_its_route_and_the_targets_address(
    parties: Parties, api: ApiClient
) -> None:
    proxy = parties.callee(hold_ms=200)
    route = route_to(parties, proxy, "carrier.invalid", proxy=proxy.sip.address)
    answered(api, route)
    assert "INVITE sip:+15557650100@carrier.invalid SIP/2.0" in proxy.sip.messages
    assert f"Route: <sip:{proxy.sip.address};lr>" in proxy.sip.messages


def test_redirections_are_followed_within_the_trunk(parties: Parties, api: ApiClient) -> None:
    callee = parties.callee(hold_ms=200)
    redirector = parties.callee("callee_redirects", keys={"moved_to": callee.sip.address})
    route = route_to(parties, callee, redirector.sip.address, signalling={"follow_redirects": "trunk"})
    call = answered(api, route)
    (refused,) = steps(api, call, "redirect-refused")
    assert "elsewhere.invalid" in refused["detail"]["target"]
    assert len(steps(api, call, "redirect-followed")) == 1

    redirector = parties.callee("callee_redirects", keys={"moved_to": callee.sip.address})
    route = route_to(parties, callee, redirector.sip.address)
    placed = api.place_call(route.agent_id, CALLED)
    assert api.wait_for_status(placed["id"], "failed")["sip"]["status"] == 302


@pytest.mark.parametrize("certified", ["domain", "server"])
def test_over_tls_the_certificate_has_to_be_for_the_domain_not_for_the_server(
    parties: Parties,
    gateway: Gateway,
    api: ApiClient,
    names: DnsServer,
    tmp_path: Path,
    speech: Path,
    certified: str,
) -> None:
    # Names of its own for every run: what is found for a name is kept.
    run = uuid.uuid4().hex[:8]
    domain, server = f"{run}.sips.test", f"{run}.host.test"
    authority = Authority()
    theirs = authority.sign(domain if certified == "domain" else server)
    both = tmp_path / "phone.pem"
    both.write_text(theirs.certificate + theirs.private_key)
    settings = f"sip_certificate {both}\n"
    with BaresipPhone(tmp_path / "phone", speech, user=CALLED, auto_answer=True, settings=settings) as phone:
        names.zone[(f"_sips._tcp.{domain}", "SRV")] = [f"1 1 {phone.port + 1} {server}."]
        names.zone[(server, "A")] = ["127.0.0.1"]
        trunk = {"outbound": {"address": domain, "transport": "tls", "tls": {"ca": authority.pem}}}
        route = parties.outbound_route_to(phone, domain, trunk=trunk)
        call = api.place_call(route.agent_id, CALLED)
        if certified == "domain":
            api.wait_for_status(call["id"], "in-progress")
            api.post(f"/calls/{call['id']}/hangup")
            api.wait_for_status(call["id"], "ended")
        else:
            assert api.wait_for_status(call["id"], "failed")["failure_reason"] == "trunk-unavailable"
            assert "CERTIFICATE_VERIFY_FAILED" in gateway.output


def wait_until(api: ApiClient, route: OutboundRoute, wanted: list[str]) -> None:
    limit = time.monotonic() + 20
    while states(api, route) != wanted:
        assert time.monotonic() < limit, api.get(f"/trunks/{route.trunk_id}")
        time.sleep(0.1)
