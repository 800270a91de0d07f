"""Calls that come in, dialled by SIPp: how they begin, what happens in mid-call, how they end."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import RECEPTIONIST, Parties
from tests.e2e.sipp_runner import SippRun
from tests.e2e.steady_tone import loud_part, seconds
from tests.support.audio import tone
from tests.support.g711 import Law


def test_caller_is_answered_talks_and_hangs_up(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=3000)
    caller.audio.wait_for_audio()
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    live = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
    assert live["status"] == "in-progress"
    assert live["transcript"] is None, "a transcript is shown once the call is over"
    caller.sip.finish()

    call = api.wait_for_status(live["id"], "ended")
    assert call["direction"] == "inbound"
    assert call["phone_number"] == "+15557654321"
    assert call["from_number"] == RECEPTIONIST
    assert call["end_reason"] == "contact-hangup"
    assert call["failure_reason"] is None
    assert call["duration_seconds"] in (2, 3)
    assert call["sip"]["status"] == 200
    assert call["started_at"] is not None
    assert call["ended_at"] is not None
    assert call["transcript"][0]["speaker"] == "agent"
    assert call["transcript"][0]["text"].strip()
    assert 0 <= call["transcript"][0]["timestamp"] < 3


def test_timeline_tells_every_step_in_order(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=1500)
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    api.wait_for_status(call_id, "ended")
    steps = api.timeline(call_id)
    kinds = [step["kind"] for step in steps]
    expected = ["invite-received", "routed", "engine-created", "engine-open", "answered", "ack-received"]
    assert [kind for kind in kinds if kind in expected] == expected
    assert kinds.index("first-rtp-received") < kinds.index("sip-terminated")
    assert "first-agent-audio" in kinds
    moves = [(step["detail"]["from"], step["detail"]["to"]) for step in steps if step["kind"] == "status"]
    assert moves == [("queued", "ringing"), ("ringing", "in-progress"), ("in-progress", "ended")]
    assert [step["sequence"] for step in steps] == sorted(step["sequence"] for step in steps)
    times = [step["t_ms"] for step in steps]
    assert times == sorted(times)
    assert times[0] < 100


def test_sipp_carries_the_audio_both_ways_by_itself(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    """No help from our own RTP: SIPp's stream reaches the engine."""
    number = parties.inbound_number(engine.script({"wait": "text"}))
    caller = parties.caller("caller_with_audio", number=number, hold_ms=2500)
    (caller.sip.directory / "caller.ulaw").write_bytes(Law.PCMU.encode(tone(700, 1000)))
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    call = api.wait_for_status(call_id, "ended")
    assert call["end_reason"] == "contact-hangup"
    heard = engine.input_of(api.timeline(call_id))
    assert seconds(loud_part(heard)) > 1.0, "SIPp's audio did not reach the engine"


def test_agent_hangs_up_when_the_caller_presses_hash(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(scenario="far_end_hangs_up", seconds=25)
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.audio.wait_for_audio()
    caller.audio.press("#")
    caller.sip.wait_for("bye", 20)
    caller.sip.finish()
    call = api.wait_for_status(call_id, "ended")
    assert call["end_reason"] == "agent-hangup"
    kinds = [step["kind"] for step in api.timeline(call_id)]
    assert "digit-received" in kinds
    drained = next(step for step in api.timeline(call_id) if step["kind"] == "playout-drained")
    assert drained["detail"]["complete"] is True


def test_api_hangs_up(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(scenario="far_end_hangs_up")
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    api.wait_for_status(call_id, "in-progress")
    api.post(f"/calls/{call_id}/hangup")
    caller.sip.wait_for("bye", 5)
    caller.sip.finish()
    assert api.wait_for_status(call_id, "ended")["end_reason"] == "api-hangup"
    again = api.http.post(f"/calls/{call_id}/hangup")
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "call_already_terminal"


def test_longest_duration_ends_the_call(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number(max_duration="2s", time_exceeded_message="Time is up.")
    caller = parties.connected_caller(scenario="far_end_hangs_up", number=number, seconds=25)
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.wait_for("bye", 20)
    caller.sip.finish()
    call = api.wait_for_status(call_id, "ended")
    assert call["end_reason"] == "max-duration"
    assert 1 <= call["duration_seconds"] <= 12


def test_caller_gives_up_while_it_rings(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number(EngineView.slow_to_open(4))
    caller = parties.caller("caller_cancels", number=number, hold_ms=300)
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["from_number"] == number, direction="inbound")
    call = api.wait_for_status(call["id"], "failed")
    assert call["failure_reason"] == "caller-hangup"
    assert call["duration_seconds"] is None
    assert call["started_at"] is None
    assert call["sip"]["status"] == 487


def test_unassigned_number_is_refused_with_404_and_no_call_object(parties: Parties, api: ApiClient) -> None:
    number = "+15550177"
    api.post("/telephony/numbers/import", {"phone_number": number, "provider_type": "custom_sip"})
    _refused_without_a_call(parties, api, number, 404)


def test_unknown_number_is_refused_with_404_and_no_call_object(parties: Parties, api: ApiClient) -> None:
    _refused_without_a_call(parties, api, "+15550178", 404)


def test_unassigned_and_unknown_number_are_told_apart(api: ApiClient) -> None:
    unassigned = api.get("/routing/explain", to="+15550177", source="127.0.0.1")
    unknown = api.get("/routing/explain", to="+15550178", source="127.0.0.1")
    assert str(unassigned) != str(unknown).replace("+15550178", "+15550177")


def test_retransmitted_invite_after_the_200_is_not_a_second_call(parties: Parties, api: ApiClient) -> None:
    before = _inbound_total(api)
    caller = parties.caller("repeated_invite", hold_ms=800)
    answered = caller.sip.wait_for("answered", 15)
    caller.audio.send_to(answered["remote_rtp_port"])
    caller.sip.finish()
    invites = caller.sip.messages.count("\nINVITE sip:")
    assert invites >= 2, f"the scenario sent {invites} INVITE: nothing was proved"
    call = api.wait_for_status(_call_of(api, answered["call_id"]), "ended")
    assert call["end_reason"] == "contact-hangup"
    assert _inbound_total(api) == before + 1


def test_caller_whose_ack_was_lost_can_hang_up(parties: Parties, api: ApiClient) -> None:
    caller = parties.caller("bye_without_ack", hold_ms=200)
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    assert api.wait_for_status(call_id, "ended", "failed")["end_reason"] in (
        "contact-hangup",
        "caller-hangup",
    )
    messages = len(caller.sip.messages)
    time.sleep(0.8)
    assert len(caller.sip.messages) == messages, "the 200 was repeated after the BYE"


def test_invite_without_an_offer_gets_ours_in_the_200(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(scenario="offerless", hold_ms=2000)
    caller.audio.wait_for_audio()
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    call = api.wait_for_status(call_id, "ended")
    assert call["end_reason"] == "contact-hangup"
    assert call["transcript"]


def test_hold_in_all_three_spellings_resume_and_refresh(parties: Parties, api: ApiClient) -> None:
    caller = parties.caller("hold_and_resume")
    caller.start_talking()
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()

    events = {line.split(" ", 1)[0] for line in caller.sip.events}
    assert {"held-sendonly", "held-inactive", "held-zero-address", "refreshed-2"} <= events
    direction = {name: (caller.sip.event(name) or {})["direction"] for name in events - {"answered"}}
    assert direction["held-sendonly"] == "recvonly"
    assert direction["held-inactive"] == "inactive"
    assert direction["held-zero-address"] in ("recvonly", "inactive")
    for resumed in ("resumed-1", "resumed-2", "resumed-3", "refreshed-1", "refreshed-2"):
        assert direction[resumed] in ("", "sendrecv"), resumed
    ports = {(caller.sip.event(name) or {}).get("port", "") for name in events - {"answered"}}
    assert len(ports) == 1, "the audio moved to another port"
    versions = {name: int((caller.sip.event(name) or {})["version"]) for name in events}
    assert versions["held-sendonly"] == versions["answered"] + 1
    assert versions["refreshed-1"] == versions["resumed-3"], "a session refresh must not grow the o= version"
    assert versions["refreshed-2"] == versions["resumed-3"]

    assert api.wait_for_status(call_id, "ended")["end_reason"] == "contact-hangup"
    kinds = [step["kind"] for step in api.timeline(call_id)]
    assert (kinds.count("hold"), kinds.count("resume")) == (3, 3)


def test_nothing_is_sent_to_a_caller_on_hold(parties: Parties) -> None:
    caller = parties.caller("hold_and_resume")
    caller.start_talking()
    caller.sip.wait_for("held-inactive")
    began = time.time()
    caller.sip.wait_for("resumed-2")
    ended = time.time()
    caller.sip.finish()
    during = [packet for packet in caller.audio.packets if began + 0.1 < packet.arrival < ended - 0.1]
    assert ended - began > 0.3
    assert not during, f"{len(during)} packets while inactive"
    assert [packet for packet in caller.audio.packets if packet.arrival > ended], (
        "nothing after the resumption"
    )


def test_every_request_within_the_call_gets_a_final_answer(parties: Parties, api: ApiClient) -> None:
    caller = parties.caller("in_dialog_requests", hold_ms=300)
    caller.start_talking()
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    answers = [re.fullmatch(r"in-dialog method=(\w+) status=(\d+)", line) for line in caller.sip.events]
    statuses = {answer[1]: int(answer[2]) for answer in answers if answer}
    assert statuses["OPTIONS"] == 200
    assert statuses["FOOBAR"] in (405, 501)
    assert statuses.keys() == {"OPTIONS", "INFO", "UPDATE", "MESSAGE", "NOTIFY", "FOOBAR"}
    assert api.wait_for_status(call_id, "ended")["end_reason"] == "contact-hangup"


def test_options_outside_a_call_tells_that_we_live(parties: Parties) -> None:
    prober = parties.caller("options")
    prober.sip.finish()
    (answered,) = [line for line in prober.sip.events if line.startswith("options")]
    assert {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"} <= set(re.findall(r"[A-Z]+", answered))


def test_call_over_tcp(parties: Parties, api: ApiClient) -> None:
    """The banner promises UDP and TCP at one address."""
    caller = parties.connected_caller(scenario="caller_hangs_up", hold_ms=1000, options=("-t", "t1"))
    caller.audio.wait_for_audio()
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    assert api.wait_for_status(call_id, "ended")["end_reason"] == "contact-hangup"


def test_call_in_a_law(parties: Parties, api: ApiClient) -> None:
    caller = parties.caller(hold_ms=1000, replace=("RTP/AVP 0 8 101", "RTP/AVP 8 101"))
    caller.start_talking()
    call_id = _call_of(api, caller.sip.wait_for("answered")["call_id"])
    caller.sip.finish()
    api.wait_for_status(call_id, "ended")
    negotiated = next(step for step in api.timeline(call_id) if step["kind"] == "media-negotiated")
    assert negotiated["detail"]["codec"] == "PCMA"
    assert {packet.payload_type for packet in caller.audio.packets} == {8}


def test_offer_without_a_codec_of_ours_is_refused_with_488(parties: Parties) -> None:
    caller = parties.caller("refused", replace=("RTP/AVP 0 8 101", "RTP/AVP 18"))
    caller.sip.finish()
    assert caller.sip.wait_for("refused")["status"] == "488"


def test_caller_beyond_the_limit_gets_503_and_retry_after(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = start_gateway(
        environment={"TRUNKLINE_CALLS_MAX_INBOUND": "1", "TRUNKLINE_CALLS_RETRY_AFTER": "7"}
    )
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        first = parties.connected_caller(hold_ms=2000)
        second = parties.caller("refused")
        second.sip.finish()
        assert second.sip.wait_for("refused") == {"status": "503", "retry_after": "7"}
        first.sip.finish()
        assert_calls_gone(gateway)
        third = parties.connected_caller(hold_ms=200)
        third.sip.finish()
        assert len(api.calls()) == 2, "the refused one is no call"


def test_caller_who_never_sends_audio_is_let_go(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_MEDIA_FIRST_PACKET_TIMEOUT": "2s"})
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        silent = parties.caller("far_end_hangs_up")
        silent.sip.wait_for("answered")
        silent.sip.wait_for("bye", 6)
        silent.sip.finish()
        call = api.wait_for_call(lambda call: call["status"] == "failed")
        assert call["failure_reason"] == "media-timeout"


def test_caller_whose_audio_stops_is_let_go_but_not_on_hold(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_MEDIA_SILENCE_TIMEOUT": "2s"})
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        gone = parties.connected_caller(scenario="far_end_hangs_up")
        held = parties.caller("long_hold", hold_ms=4000)
        held.start_talking()
        held.sip.wait_for("held")
        held.audio.mute()
        gone.audio.wait_for_audio()
        gone.audio.mute()
        gone.sip.wait_for("bye", 8)
        gone.sip.finish()
        held.sip.wait_for("resumed")
        held.audio.mute(False)
        held.sip.finish()
        reasons = {call["sip"]["call_id"]: call["end_reason"] for call in api.calls()}
        assert reasons[gone.sip.wait_for("answered")["call_id"]] == "media-timeout"
        held_call = api.wait_for_call(lambda call: call["status"] == "ended")
        assert held_call["sip"]["call_id"] == held.sip.wait_for("answered")["call_id"]
        assert held_call["end_reason"] == "contact-hangup"


def test_stranger_is_refused_with_403_and_makes_no_call(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    """A gateway without any trunk: nobody may call it, whatever he dials."""
    gateway = start_gateway(demo=False)
    with SippRun("refused", tmp_path, remote=gateway.sip) as stranger:
        stranger.finish()
        assert stranger.wait_for("refused")["status"] == "403"
    metrics = gateway.metrics()
    assert metrics["trunkline_calls_live"] == 0
    refusals = [value for name, value in metrics.items() if name.startswith("trunkline_rejections_total")]
    assert sum(refusals) == 1
    assert "invite_refused" in gateway.output


def test_source_that_no_trunk_names_is_explained(api: ApiClient) -> None:
    elsewhere = api.get("/routing/explain", to=RECEPTIONIST, source="198.51.100.7")
    here = api.get("/routing/explain", to=RECEPTIONIST, source="127.0.0.1")
    assert "198.51.100.7" in str(elsewhere)
    assert str(elsewhere) != str(here)


def _call_of(api: ApiClient, sip_call_id: str) -> str:
    """The id of the call that came with this SIP Call-ID."""
    call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)
    return str(call["id"])


def _inbound_total(api: ApiClient) -> int:
    page = api.http.get("/calls", params={"direction": "inbound", "limit": 1}).json()
    return int(page["pagination"]["total"])


def _refused_without_a_call(parties: Parties, api: ApiClient, number: str, status: int) -> None:
    before = _inbound_total(api)
    caller = parties.caller("refused", number=number)
    caller.sip.finish()
    assert caller.sip.wait_for("refused")["status"] == str(status)
    assert _inbound_total(api) == before
