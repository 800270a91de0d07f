"""Kamailio between us and the world: as proxies that record their route, as the registrar that we register
with, and as the carrier that challenges our calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.kamailio_proxy import PASSWORD, Kamailio
from tests.e2e.parties import RECEPTIONIST, Parties
from tests.e2e.sipp_runner import free_udp_port

USER = "alice"
# A callee behind proxies sends their route back.
RECORDED = ("[last_Via:]", "[last_Via:]\n      [last_Record-Route:]")


@pytest.mark.parametrize("onward", ["udp", "tcp"])
def test_a_call_through_two_proxies_keeps_its_route_both_ways(
    gateway: Gateway, api: ApiClient, parties: Parties, tmp_path: Path, onward: str
) -> None:
    with Kamailio(tmp_path / "proxy", gateway=gateway.sip, onward=onward) as proxy:
        ours = parties.caller("far_end_hangs_up", remote=proxy.address, keys={"caller": "+15557662001"})
        ours.start_talking()
        call = api.wait_for_call(lambda call: call["phone_number"] == "+15557662001")
        api.wait_for_status(call["id"], "in-progress")
        api.post(f"/calls/{call['id']}/hangup")
        ours.sip.finish()
        assert proxy.log.count("loose BYE at") == 2, "our BYE takes both proxies, by the recorded route"
        assert proxy.log.count("loose ACK at") == 2
        theirs = parties.caller(
            "caller_hangs_up", remote=proxy.address, keys={"caller": "+15557662002"}, hold_ms=300
        )
        theirs.sip.finish()
        ended = api.wait_for_call(
            lambda call: call["phone_number"] == "+15557662002" and call["status"] == "ended"
        )
        assert ended["end_reason"] == "contact-hangup"
        assert proxy.log.count("loose BYE at") == 4


def test_a_caller_who_gives_up_behind_two_proxies_is_let_go(
    gateway: Gateway, api: ApiClient, parties: Parties, tmp_path: Path
) -> None:
    with Kamailio(tmp_path / "proxy", gateway=gateway.sip) as proxy:
        number = parties.inbound_number("[scenario:receptionist] [fault:slow_upgrade_ms=3000] You are slow.")
        caller = parties.caller("caller_cancels", number=number, remote=proxy.address)
        caller.sip.finish()


@pytest.mark.parametrize(
    ("challenge", "algorithm", "transport"),
    [(407, "MD5", "udp"), (401, "MD5", "tcp"), (407, "SHA-256", "tcp"), (401, "SHA-256", "udp")],
)
def test_a_carrier_that_challenges_takes_our_call(
    gateway: Gateway,
    api: ApiClient,
    parties: Parties,
    tmp_path: Path,
    challenge: int,
    algorithm: str,
    transport: str,
) -> None:
    callee = parties.callee("callee_answers", replace=RECORDED)
    with Kamailio(
        tmp_path / "carrier",
        gateway=gateway.sip,
        callee=callee.sip.address,
        challenge=challenge,
        algorithm=algorithm,
        onward=transport,
    ) as carrier:
        outbound = {
            "address": carrier.address,
            "transport": transport,
            "auth_username": USER,
            "auth_password": PASSWORD,
        }
        route = parties.outbound_route_to(callee, carrier.address, trunk={"outbound": outbound})
        placed = api.place_call(route.agent_id, "+15557650002")
        callee.start_talking("invited")
        api.wait_for_status(placed["id"], "in-progress")
        api.post(f"/calls/{placed['id']}/hangup")
        callee.sip.finish()
        api.wait_for_status(placed["id"], "ended")
        assert f"challenged INVITE with {challenge}" in carrier.log
        assert carrier.log.count("authenticated INVITE as alice") == 1
        assert carrier.log.count("loose ACK at") == 2
        assert carrier.log.count("loose BYE at") == 2
        invite = callee.sip.messages.partition("INVITE sip:")[2].partition("---")[0]
        assert invite.count("Via: ") == 3, "ours and one of each proxy"


def test_wrong_credentials_end_the_call_and_are_tried_once(
    gateway: Gateway, api: ApiClient, parties: Parties, tmp_path: Path
) -> None:
    with Kamailio(tmp_path / "carrier", gateway=gateway.sip, challenge=407) as carrier:
        outbound = {"address": carrier.address, "auth_username": USER, "auth_password": "wrong"}
        route = parties.outbound_route_to(None, carrier.address, trunk={"outbound": outbound})
        placed = api.place_call(route.agent_id, "+15557650002")
        failed = api.wait_for_call(lambda call: call["id"] == placed["id"] and call["status"] == "failed")
        assert failed["failure_reason"] == "trunk-auth-failed"
        assert carrier.log.count("challenged INVITE") == 2


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_reach_us_through_the_registrar_we_register_with(
    gateway: Gateway, api: ApiClient, parties: Parties, tmp_path: Path, transport: str
) -> None:
    nowhere = f"127.0.0.1:{free_udp_port()}"
    with Kamailio(tmp_path / "registrar", gateway=nowhere) as registrar:
        outbound = {
            "address": registrar.address,
            "transport": transport,
            "auth_username": USER,
            "auth_password": PASSWORD,
            "registration": {"username": RECEPTIONIST, "expires": 60},
        }
        trunk = api.post("/trunks", {"name": f"registrar {transport}", "outbound": outbound})
        try:
            registrar.wait_for(f"registered {RECEPTIONIST} expires 60")
            assert "challenged REGISTER" in registrar.log
            caller = parties.caller("caller_hangs_up", remote=registrar.address, hold_ms=200)
            caller.sip.finish()
            known = api.get(f"/trunks/{trunk['id']}")["registration"]
            assert known["state"] == "registered"
        finally:
            api.http.delete(f"/trunks/{trunk['id']}").raise_for_status()
        registrar.wait_for(f"registered {RECEPTIONIST} expires 0")
