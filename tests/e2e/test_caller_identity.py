"""Who calls and who is shown as the caller, seen on the wire by SIPp."""

from __future__ import annotations

from tests.e2e.api_client import ApiClient
from tests.e2e.parties import Parties


def test_a_withheld_caller_goes_out_as_the_trunk_and_the_call_say(parties: Parties, api: ApiClient) -> None:
    callee = parties.callee("callee_of_a_private_call")
    far = parties.outbound_route_to(
        callee,
        callee.sip.address,
        trunk={
            "outbound": {
                "address": callee.sip.address,
                "caller_identity": {"p_asserted_identity": True, "display_name": "agent"},
            },
            "number_writing": {"leading_plus": "strip", "tech_prefix": "8899#"},
            "headers": {"outbound": {"X-Tier": "gold"}},
        },
    )
    placed = api.place_call(far.agent_id, "+14155550177", private=True, sip_headers={"X-Order": "77"})
    assert callee.sip.wait_for("invited")["to"] == "8899%2314155550177"
    callee.sip.finish()
    call = api.wait_for_status(placed["id"], "failed")
    assert (call["failure_reason"], call["sip"]["status"]) == ("busy", 503)
    assert call["sip"]["q850_cause"] == 17


def test_an_anonymous_caller_stays_so_and_its_headers_are_variables(parties: Parties, api: ApiClient) -> None:
    trunks = [each for each in api.get("/trunks", limit=100) if each["inbound"] is not None]
    for trunk in trunks:
        api.http.patch(f"/trunks/{trunk['id']}", json={"headers": {"inbound": ["X-*"]}}).raise_for_status()
    try:
        caller = parties.caller("anonymous_caller_diverted")
        caller.start_talking()
        sip_call_id = caller.sip.wait_for("answered")["call_id"]
        call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)
        api.wait_for_status(call["id"], "in-progress")
        api.post(f"/calls/{call['id']}/hangup")
        caller.sip.finish()
    finally:
        for trunk in trunks:
            api.http.patch(f"/trunks/{trunk['id']}", json={"headers": {}}).raise_for_status()
    call = api.wait_for_status(call["id"], "ended")
    assert (call["phone_number"], call["sip"]["anonymous"]) == (None, True)
    assert call["sip"]["diversion"] == {
        "number": "+14155550188",
        "reason": "user-busy",
        "header": "Diversion",
    }
    assert call["sip"]["headers"] == {"X-Customer-Id": "4711"}
    assert call["variables"]["sip_header_x_customer_id"] == "4711"
