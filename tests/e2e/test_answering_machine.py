"""Outbound calls that a machine or a person picks up: who answered, and the message after the beep."""

from __future__ import annotations

import numpy as np

from tests.e2e.api_client import ApiClient
from tests.e2e.parties import OutboundRoute, Parties
from tests.media.amd.corpus import beep, over_the_line, silence, speak

CALLED = "+15557650200"
MESSAGE = "Hello, this is the test. Please call me back."
LEAVES_VOICEMAIL = {"built_in_config": {"leave_voicemail": True}}


def pick_up(route: OutboundRoute, pcm: bytes) -> None:
    """The far end answers the phone and says this."""
    invited = route.callee.sip.wait_for("invited")
    route.callee.audio.send_to(invited["remote_rtp_port"])
    route.callee.audio.speak(np.frombuffer(pcm, dtype="<i2").astype(np.int16))


def test_a_machine_is_recognised_and_left_a_message_after_its_beep(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route(agent=LEAVES_VOICEMAIL, hold_ms=200)
    greeting = speak(
        "en-gb", "The person you are calling is not available. Please speak after the tone.", "m3"
    )
    pcm = over_the_line(
        np.concatenate([silence(300), greeting, silence(700), beep(1000, 400), silence(500)]),
        30.0,
        False,
        np.random.default_rng(1),
    )
    placed = api.place_call(route.agent_id, CALLED, call_settings={"voicemail_message": MESSAGE})
    pick_up(route, pcm)
    api.wait_for_status(placed["id"], "in-progress")
    route.callee.sip.wait_for("bye", 30)
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "ended")

    assert call["answered_by"] == "machine"
    assert call["end_reason"] == "voicemail"
    assert call["outcome"] == "voicemail"
    steps = {step["kind"]: step for step in api.timeline(placed["id"])}
    assert steps["beep-detected"]["detail"]["frequency_hz"] in range(990, 1011)
    assert steps["voicemail-message"]["detail"] == {"after": "beep"}
    assert steps["voicemail-over"]["detail"] == {"how": "left"}
    assert any(MESSAGE in entry["text"] for entry in call["transcript"] if entry["speaker"] == "agent")
    # Between the decision and the beep the machine hears nothing of the agent, after it the message.
    spoken_ms = steps["voicemail-over"]["t_ms"] - steps["voicemail-message"]["t_ms"]
    assert spoken_ms > 1_500


def test_a_person_is_not_mistaken_and_the_quality_is_told_live_and_afterwards(
    parties: Parties, api: ApiClient
) -> None:
    route = parties.outbound_route(agent=LEAVES_VOICEMAIL, hold_ms=200)
    pcm = over_the_line(
        np.concatenate([silence(600), speak("en-us", "Hello?", "f1"), silence(500)]),
        30.0,
        False,
        np.random.default_rng(1),
    )
    placed = api.place_call(route.agent_id, CALLED)
    pick_up(route, pcm)
    api.wait_for_call(lambda call: call["answered_by"] is not None, agent_id=route.agent_id)
    live = api.get(f"/calls/{placed['id']}/quality")
    assert live["live"] is True
    assert live["answered_by"] == "human"
    assert live["legs"][0]["network"]["packets_received"] > 50
    api.post(f"/calls/{placed['id']}/hangup")
    route.callee.sip.wait_for("bye")
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "ended")
    assert call["answered_by"] == "human"
    last = api.get(f"/calls/{placed['id']}/quality")
    assert last["live"] is False
    (leg,) = last["legs"]
    assert leg["sound"]["mos_average"] > 4.3
    assert leg["conversation"]["first_audio_ms"] is not None
    metrics = parties.gateway.metrics()
    assert metrics['trunkline_answered_by_total{answered_by="human"}'] >= 1
    assert metrics['trunkline_call_mos_count{codec="PCMU"}'] >= 1
