"""Session timers, reliable provisional answers and early media, over a whole gateway, against SIPp."""

from __future__ import annotations

import io
import time

import av
import numpy as np
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.parties import OutboundRoute, Parties
from tests.support.audio import RATE, Samples, tone, tone_level_dbfs

EARLY_HZ, ANSWERED_HZ = 700, 1100


def test_a_caller_who_insists_on_reliable_ringing_and_refreshes_is_served(
    parties: Parties, api: ApiClient
) -> None:
    caller = parties.caller("caller_with_100rel_and_timer", hold_ms=200)
    caller.start_talking()
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    caller.sip.wait_for("refreshed", 8)
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)
    assert api.wait_for_status(call["id"], "ended")["end_reason"] == "contact-hangup"


def route(parties: Parties, early_media: str) -> OutboundRoute:
    callee = parties.callee("callee_with_early_media", hold_ms=1500)
    return parties.outbound_route_to(
        callee,
        callee.sip.address,
        agent={"recording_enabled": True},
        trunk={"signalling": {"early_media": early_media}},
    )


@pytest.mark.parametrize("early_media", ["ignore", "connect"])
def test_an_answer_given_in_the_ringing_counts_and_early_media_is_heard_by_nobody(
    parties: Parties, api: ApiClient, early_media: str
) -> None:
    far = route(parties, early_media)
    call = api.place_call(far.agent_id, "+15550177")
    far.callee.start_talking("invited")
    far.callee.sip.wait_for("early")
    far.callee.audio.speak(tone(EARLY_HZ, 1200))
    far.callee.audio.wait_until_said()
    far.callee.sip.wait_for("acknowledged")
    api.wait_for_status(call["id"], "in-progress")
    far.callee.audio.speak(tone(ANSWERED_HZ, 800))
    far.callee.audio.wait_for_audio()
    far.callee.sip.wait_for("refreshed", 8)
    api.post(f"/calls/{call['id']}/hangup")
    far.callee.sip.finish()
    kinds = [step["kind"] for step in api.timeline(call["id"])]
    assert ("early-media" in kinds) is (early_media == "connect")
    recorded = recording(api, call["id"])
    assert loudest_dbfs(recorded, ANSWERED_HZ) > -20
    assert loudest_dbfs(recorded, EARLY_HZ) < -45


def loudest_dbfs(samples: Samples, hertz: int) -> float:
    """The tone's level where it is strongest."""
    pieces = [samples[at : at + RATE // 5] for at in range(0, len(samples) - RATE // 5, RATE // 10)]
    return max(tone_level_dbfs(piece, hertz) for piece in pieces)


def recording(api: ApiClient, call_id: str) -> Samples:
    """All that was recorded of the far end."""
    limit = time.monotonic() + 20
    while (call := ready(api, call_id)) is None:
        assert time.monotonic() < limit, api.timeline(call_id)
        time.sleep(0.05)
    content = api.http.get(call["recording_url"]).content
    with av.open(io.BytesIO(content)) as file:
        resampler = av.AudioResampler(format="s16p", layout="stereo", rate=RATE)
        frames = [f for frame in file.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def ready(api: ApiClient, call_id: str) -> Json | None:
    call = api.call(call_id)
    return call if call["recording_status"] == "ready" else None
