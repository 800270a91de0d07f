"""What happens within a dialog, as SIPp sees it: keys by INFO, another codec in mid-call, forked answers,
late offers, offers that cross, session intervals that one side will not have.
"""

from __future__ import annotations

import time

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.parties import ECHO, Parties, Party
from tests.e2e.party_audio import PartyAudio
from tests.support.audio import Samples, loud_spans, tone, tone_level_dbfs
from tests.support.g711 import Law

CALLED = "+15557650100"
HZ = 1013


def test_keys_by_info_reach_the_agent_once_each(parties: Parties, api: ApiClient, engine: EngineView) -> None:
    number = parties.inbound_number(engine.script({"wait": "text"}))
    caller = parties.connected_caller(number, scenario="caller_sends_keys_by_info", hold_ms=1200)
    caller.sip.finish()
    timeline = api.timeline(call_of(api, caller)["id"])
    assert "".join(engine.texts(engine_call_ids(timeline)[-1])) == "4#7"
    assert [step["kind"] for step in timeline].count("sip-info") == 4


@pytest.mark.parametrize(
    ("scenario", "event"), [("caller_changes_codec", "changed"), ("caller_asks_for_an_offer", "offered")]
)
def test_the_call_goes_on_in_the_codec_that_a_re_invite_agrees(
    parties: Parties, api: ApiClient, scenario: str, event: str
) -> None:
    """The echo agent proves both directions: what was said in PCMA comes back in PCMA."""
    caller = parties.connected_caller(ECHO, scenario=scenario, hold_ms=2500)
    first_port = caller.sip.wait_for("answered")["remote_rtp_port"]
    assert caller.sip.wait_for(event)["remote_rtp_port"] == first_port
    caller.audio.change_law(Law.PCMA)
    time.sleep(0.1)  # for the ACK that carries the answer
    changed = time.time()
    caller.audio.speak(tone(HZ, 800))
    caller.sip.finish()
    assert tone_level_dbfs(longest(caller.audio.heard()), HZ) == pytest.approx(-12, abs=1.5)
    late = [p for p in caller.audio.packets if p.arrival > changed + 0.1 and p.payload_type < 96]
    assert {packet.payload_type for packet in late} == {Law.PCMA.value}
    assert call_of(api, caller)["end_reason"] == "contact-hangup"


def test_the_first_of_forked_answers_is_the_call_and_the_second_is_ended(
    parties: Parties, api: ApiClient
) -> None:
    with PartyAudio() as desk:
        route = parties.outbound_route("callee_forks", keys={"desk_rtp_port": desk.port})
        call = api.place_call(route.agent_id, CALLED)
        route.callee.start_talking("invited")
        mobile = route.callee.sip
        mobile.wait_for("acknowledged-mobile")
        mobile.wait_for("acknowledged-desk")
        mobile.wait_for("bye-desk")
        route.callee.audio.wait_for_audio()
        assert api.call(call["id"])["status"] == "in-progress"
        assert not desk.packets, "the telephone that was too late hears the agent"
        api.post(f"/calls/{call['id']}/hangup")
        mobile.finish()
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "api-hangup"


def test_a_hold_that_crosses_the_far_side_s_own_offer_is_offered_again(
    parties: Parties, api: ApiClient
) -> None:
    caller = parties.connected_caller(scenario="re_invites_cross", hold_ms=200)
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, status="in-progress")
    api.post(f"/calls/{call['id']}/hold")
    caller.sip.wait_for("ours-refused")
    caller.sip.wait_for("theirs-refused")
    refused = time.monotonic()
    caller.sip.wait_for("offered-again")
    # The caller made the Call-ID, so that ours may come back at once and within two seconds.
    assert time.monotonic() - refused < 2.5
    caller.sip.finish()
    kinds = [step["kind"] for step in api.timeline(call["id"])]
    assert "hold-refused" not in kinds


def test_a_longer_session_is_asked_for_when_the_far_side_wants_one(parties: Parties, api: ApiClient) -> None:
    callee = parties.callee("callee_wants_longer_session")
    route = parties.outbound_route_to(
        callee, callee.sip.address, trunk={"signalling": {"session_timer": "always"}}
    )
    call = api.place_call(route.agent_id, CALLED)
    callee.start_talking("invited")
    callee.sip.wait_for("acknowledged")
    api.wait_for_status(call["id"], "in-progress")
    api.post(f"/calls/{call['id']}/hangup")
    callee.sip.finish()
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "api-hangup"


def test_a_session_of_a_minute_is_refused_with_the_least_there_is(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(scenario="caller_wants_short_session", hold_ms=200)
    caller.sip.finish()
    assert caller.sip.wait_for("refused")["least"] == "90"
    assert caller.sip.wait_for("answered")["interval"] == "90"
    assert call_of(api, caller)["end_reason"] == "contact-hangup"


def test_an_offer_before_the_answer_has_to_wait_and_harms_nothing(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.slow_to_open(0.8))
    caller = parties.connected_caller(number, scenario="caller_updates_before_the_answer", hold_ms=1500)
    assert caller.sip.event("update-refused") is not None
    caller.audio.wait_for_audio()
    caller.sip.finish()
    assert call_of(api, caller)["end_reason"] == "contact-hangup"


def call_of(api: ApiClient, caller: Party) -> Json:
    """The call of this caller, which is over."""
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    found = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)
    return api.wait_for_status(found["id"], "ended")


def longest(samples: Samples) -> Samples:
    """The middle of the longest sound in it."""
    span = max(loud_spans(samples), key=lambda span: span.duration_ms)
    start, end = round(span.start_ms * 8), round(span.end_ms * 8)
    assert end - start > 4000, "no half second of sound"
    return samples[start + 400 : end - 400]
