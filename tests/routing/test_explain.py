from __future__ import annotations

import json

import pytest

from routing.explain import explain_data, explain_log, explain_text
from routing.inbound import InboundDecision, InboundQuery, decide_inbound
from routing.outbound import OutboundDecision, OutboundQuery, Strategy, decide_outbound
from tests.routing.samples import ACME, RECEPTION, TABLE

ROUTED_IN = decide_inbound(TABLE, InboundQuery("198.51.100.9", "14155550100", "anonymous"))
REFUSED_IN = decide_inbound(TABLE, InboundQuery("198.51.100.9", "+14155550101"))
ROUTED_OUT = decide_outbound(TABLE, OutboundQuery(ACME, RECEPTION.id, "+14155550123"), Strategy.SEQUENTIAL)
REFUSED_OUT = decide_outbound(TABLE, OutboundQuery(ACME, RECEPTION.id, "911"))
ALL = [ROUTED_IN, REFUSED_IN, ROUTED_OUT, REFUSED_OUT]


@pytest.mark.parametrize("decision", ALL)
def test_every_check_is_in_the_text_and_in_the_data(decision: InboundDecision | OutboundDecision) -> None:
    text, data = explain_text(decision), explain_data(decision)
    for step, rendered in zip(decision.steps, data["steps"], strict=True):
        assert f"{step.rule}: {step.looked_up} -> {step.found}" in text
        assert rendered["found"] == step.found


@pytest.mark.parametrize("decision", ALL)
def test_nothing_secret_is_explained(decision: InboundDecision | OutboundDecision) -> None:
    told = explain_text(decision) + json.dumps(explain_data(decision)) + json.dumps(explain_log(decision))
    assert "geheim" not in told


def test_a_route_names_trunk_number_and_agent() -> None:
    data = explain_data(ROUTED_IN)
    assert data["routed"] is True
    assert data["trunk"] == {"id": "trunk-carrier", "name": "carrier"}
    assert data["number"] == {"id": "n-main", "phone_number": "+14155550100"}
    assert data["agent"] == {"id": "agent-reception", "name": "Reception"}
    assert data["caller"] == {"raw": "anonymous", "e164": None, "anonymous": True}
    assert "routed: +14155550100 -> agent 'Reception'" in explain_text(ROUTED_IN)
    assert explain_log(ROUTED_IN)["agent_id"] == "agent-reception"


def test_a_refusal_says_status_reason_and_remedy() -> None:
    data = explain_data(REFUSED_IN)
    assert data["routed"] is False
    assert data["refusal"]["kind"] == "unassigned-number"
    assert data["refusal"]["sip_status"] == 404
    text = explain_text(REFUSED_IN)
    assert "refused: unassigned-number -> SIP 404 Not Found" in text
    assert "to fix it: Assign +14155550101" in text
    assert explain_log(REFUSED_IN)["refusal"] == "unassigned-number"


def test_an_outbound_route_says_what_is_dialled_where() -> None:
    data = explain_data(ROUTED_OUT)
    assert data["target"] == {"address": "sip.carrier.example", "transport": "udp"}
    assert (data["to_user"], data["from_user"]) == ("+14155550123", "+14155550100")
    assert "calls +14155550123 on trunk 'carrier' (udp:sip.carrier.example)" in explain_text(ROUTED_OUT)
    assert explain_data(REFUSED_OUT)["refusal"]["code"] == "emergency_number"
