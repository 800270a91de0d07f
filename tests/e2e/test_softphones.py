"""Independent softphones (PJSUA2 and baresip) place calls to the gateway and take calls from it; audio both
ways.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, Parties
from tests.e2e.softphones import AGENT_HZ, PHONE_HZ, assert_tone, pjsua2, recorded
from tests.e2e.steady_tone import loud_part
from tests.support.audio import RATE


def test_pjsua2_places_a_call_and_hears_its_echo(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path
) -> None:
    uri = f"sip:{ECHO}@{gateway.sip}"
    with pjsua2("call", speech, tmp_path / "heard.wav", "--uri", uri, "--seconds", "5") as phone:
        phone.wait_for("confirmed")
        phone.finish()
    assert_tone(recorded(phone.record), PHONE_HZ, 2.5)
    call = api.wait_for_call(
        lambda call: call["phone_number"] == "+15557650001" and call["status"] == "ended"
    )
    assert call["end_reason"] == "contact-hangup"
    assert call["duration_seconds"] in (4, 5)


def test_pjsua2_takes_a_call_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with pjsua2("answer", speech, tmp_path / "heard.wav", "--seconds", "5") as phone:
        route = parties.outbound_route_to(
            None,
            phone.wait_for("listening"),
            prompt=engine.script({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"}),
        )
        placed = api.place_call(route.agent_id, "+15557650001")
        assert route.number in phone.wait_for("incoming")
        phone.wait_for("confirmed")
        phone.finish()
    assert api.wait_for_status(placed["id"], "ended")["end_reason"] == "contact-hangup"
    assert_tone(recorded(phone.record), AGENT_HZ, 1.0)
    assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)


def test_pjsua2_presses_keys(parties: Parties, api: ApiClient, tmp_path: Path, speech: Path) -> None:
    """`#` makes the receptionist say goodbye and hang up."""
    uri = f"sip:+15550100@{parties.gateway.sip}"
    with pjsua2(
        "call", speech, tmp_path / "heard.wav", "--uri", uri, "--seconds", "15", "--digits", "#"
    ) as phone:
        phone.wait_for("confirmed")
        phone.finish()
    call = api.wait_for_call(
        lambda call: call["phone_number"] == "+15557650001" and call["from_number"] == "+15550100"
    )
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "agent-hangup"
    assert len(loud_part(recorded(phone.record))) > RATE / 2, "the agent was not heard"


def test_baresip_places_a_call_and_hears_its_echo(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path
) -> None:
    with BaresipPhone(tmp_path / "baresip", speech) as phone:
        phone.dial(f"sip:{ECHO}@{gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        phone.hang_up()
        call = api.wait_for_call(
            lambda call: call["phone_number"] == "+15557650002" and call["status"] == "ended"
        )
        heard = recorded(phone.heard)
    assert_tone(heard, PHONE_HZ, 2.5)
    assert call["end_reason"] == "contact-hangup"


def test_baresip_takes_a_call_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with BaresipPhone(tmp_path / "baresip", speech, auto_answer=True) as phone:
        prompt = engine.script({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"})
        route = parties.outbound_route_to(None, phone.address, prompt=prompt)
        placed = api.place_call(route.agent_id, "+15557650002")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = recorded(phone.heard)
    assert api.wait_for_status(placed["id"], "ended")["end_reason"] == "api-hangup"
    assert_tone(heard, AGENT_HZ, 1.0)
    assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)
