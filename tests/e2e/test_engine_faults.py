"""The voice engine fails in every way it can: refused, slow, lost in mid-call, badly behaved. Calls end
with a reason.
"""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.engine_view import EngineView
from tests.e2e.parties import Parties, Party
from tests.e2e.steady_tone import examine_tone, loud_part, seconds

CALLED = "+15557650100"
AGENT_HZ = 787


@pytest.mark.parametrize("status", [429, 503])
def test_busy_engine_refuses_an_inbound_call_with_503_and_retry_after(
    parties: Parties, api: ApiClient, engine: EngineView, status: int
) -> None:
    number = parties.inbound_number()
    engine.arm(status=status, retryAfter=30, count=1)
    caller = parties.caller("refused", number=number, seconds=20)
    caller.sip.finish()
    refused = caller.sip.wait_for("refused")
    assert refused["status"] == "503"
    assert int(refused["retry_after"]) >= 1
    call = _only_call(api, number)
    assert call["status"] == "failed"
    assert call["failure_reason"] == "agent-error"
    assert call["started_at"] is None


def test_busy_engine_that_recovers_within_the_time_only_delays_the_call(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number()
    engine.arm(status=503, retryAfter=1, count=1)
    caller = parties.caller(number=number, hold_ms=500, seconds=20)
    caller.start_talking()
    caller.sip.finish()
    assert api.wait_for_status(_only_call(api, number)["id"], "ended")["end_reason"] == "contact-hangup"


def test_engine_that_rejects_the_request_refuses_the_call_with_a_server_error(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number()
    engine.arm(status=402, count=1)
    caller = parties.caller("refused", number=number)
    caller.sip.finish()
    assert caller.sip.wait_for("refused")["status"] in ("500", "503")
    assert _only_call(api, number)["failure_reason"] == "agent-error"


def test_busy_engine_fails_an_outbound_call_before_a_telephone_rings(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    route = parties.outbound_route()
    engine.arm(status=429, retryAfter=60, count=1)
    placed = api.place_call(route.agent_id, CALLED)
    call = api.wait_for_status(placed["id"], "failed", seconds=15)
    assert call["failure_reason"] == "agent-error"
    assert not route.callee.sip.events, "somebody's telephone rang"


def test_socket_that_is_refused_ends_an_inbound_call_before_the_answer(
    parties: Parties, api: ApiClient
) -> None:
    number = parties.inbound_number(
        "[scenario:receptionist] [fault:refuse_upgrade=500] You cannot be reached."
    )
    caller = parties.caller("refused", number=number)
    caller.sip.finish()
    assert caller.sip.wait_for("refused")["status"] == "500"
    assert _only_call(api, number)["failure_reason"] == "agent-error"


@pytest.mark.parametrize("fault", ["close_1011_after_ms=1500", "reset_after_ms=1500"])
def test_engine_lost_in_mid_call_is_replaced_by_one_that_knows_the_history(
    parties: Parties, api: ApiClient, engine: EngineView, fault: str
) -> None:
    number = parties.inbound_number()
    engine.arm(call=fault, count=1)
    caller = parties.connected_caller(number=number, hold_ms=5000)
    caller.sip.finish()
    call = api.wait_for_status(_only_call(api, number)["id"], "ended")
    assert call["end_reason"] == "contact-hangup"
    timeline = api.timeline(call["id"])
    assert "engine-recovered" in [step["kind"] for step in timeline]
    lost_at = next(step["t_ms"] for step in timeline if step["kind"] == "engine-closed")
    back_at = next(step["t_ms"] for step in timeline if step["kind"] == "engine-recovered")
    assert back_at - lost_at < 2000
    lost, heir = engine.calls_of(call["id"])
    assert lost["history"], "nothing had been said before the loss"
    assert heir["history"][: len(lost["history"])] == lost["history"], (
        "the new agent does not know what was said"
    )


def test_engine_that_is_lost_again_and_again_ends_the_call_as_failed_with_bye(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number("[scenario:receptionist] [fault:reset_after_ms=700] You are frail.")
    caller = parties.connected_caller(scenario="far_end_hangs_up", number=number, seconds=25)
    engine.arm(status=500, count=10)
    began = time.monotonic()
    try:
        caller.sip.wait_for("bye", 20)
    finally:
        engine.disarm()
    assert time.monotonic() - began < 15, "the attempts must be bounded"
    caller.sip.finish()
    call = api.wait_for_status(_only_call(api, number)["id"], "failed")
    assert call["failure_reason"] == "agent-error"
    assert call["duration_seconds"] is not None, "it had been answered"


@pytest.mark.parametrize(
    "fault", ["burst", "odd_frames", "frame_bytes=3200", "unknown_message", "malformed_message"]
)
def test_strange_engine_does_not_spoil_the_audio(
    parties: Parties, api: ApiClient, engine: EngineView, fault: str
) -> None:
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 2000}, faults=fault))
    caller = parties.connected_caller(number=number, hold_ms=3200)
    caller.sip.finish()
    part = loud_part(caller.audio.heard())
    assert abs(seconds(part) - 2.0) <= 0.03
    report = examine_tone(part[160:-160], AGENT_HZ)
    assert (report.phase_jumps, report.dips) == (0, 0), report
    assert api.wait_for_status(_only_call(api, number)["id"], "ended")["end_reason"] == "contact-hangup"


def test_stalled_engine_leaves_silence_and_goes_on_without_lasting_delay(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    """The engine sends nothing for 600 ms and then all at once: the packets to the caller never stop."""
    prompt = "[scenario:echo] [fault:stall_after_ms=1500,stall_ms=600] You return what you hear."
    number = parties.inbound_number(prompt)
    caller = parties.connected_caller(number=number, hold_ms=4000)
    caller.sip.finish()
    packets = caller.audio.packets
    widest = max(after.arrival - before.arrival for before, after in pairwise(packets))
    assert widest < 0.2, f"no packet for {widest * 1000:.0f} ms"
    assert api.wait_for_status(_only_call(api, number)["id"], "ended")["end_reason"] == "contact-hangup"


def test_slow_creation_lets_the_caller_hear_it_ring(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number()
    engine.arm(delayMs=1500, count=1)
    caller: Party = parties.connected_caller(number=number, hold_ms=300)
    caller.sip.finish()
    messages = caller.sip.messages
    assert "SIP/2.0 180" in messages
    call = api.wait_for_status(_only_call(api, number)["id"], "ended")
    timeline = api.timeline(call["id"])
    answered = next(step["t_ms"] for step in timeline if step["kind"] == "answered")
    assert answered >= 1500


def _only_call(api: ApiClient, number: str) -> Json:
    """The one call that came to this number (numbers are used by one test each)."""
    call = api.wait_for_call(lambda call: call["from_number"] == number, direction="inbound")
    assert [other["from_number"] for other in api.calls(direction="inbound")].count(number) == 1
    return call
