"""Gain and noise of the line through the gateway and its worker: set by configuration, heard by a phone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO
from tests.support.audio import level_dbfs, loud_spans, silence, tone
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer

SOUND = {"TRUNKLINE_MEDIA_AGENT_GAIN": "6", "TRUNKLINE_MEDIA_COMFORT_NOISE": "-60"}


async def test_the_agent_is_louder_and_its_silence_is_not_dead(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway(environment=SOUND)
    host, _, port = gateway.sip.rpartition(":")
    async with await SipPeer.open() as phone, RtpPeer.open() as peer:
        call = await phone.call(f"sip:{ECHO}@{host}", (host, int(port)), peer.sdp())
        answer = await call.until_final()
        assert answer.status == 200
        peer.connect(answer.body)
        peer.start()
        await peer.until(lambda: len(peer.received) > 25)
        await peer.play(tone(1300, 1000, level_dbfs=-24))
        await peer.play(silence(1500))
        await call.bye()
        heard = peer.audio()
    span = max(loud_spans(heard), key=lambda found: found.duration_ms)
    echo = heard[round(span.start_ms * 8) + 800 : round(span.end_ms * 8) - 800]
    assert abs(level_dbfs(echo) + 18) < 1, "the agent says back what it heard, 6 dB louder"
    pause = np.concatenate([heard[1600:3200], heard[round(span.end_ms * 8) + 1600 :][:1600]])
    assert abs(level_dbfs(pause) + 60) < 2
    with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        record = api.wait_for_call(lambda found: found["status"] == "ended", direction="inbound")
    assert record["end_reason"] == "contact-hangup"
