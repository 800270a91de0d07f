"""A caller hears a ringing tone of ours while the agent is fetched; the agent comes after it."""

from __future__ import annotations

import asyncio

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties
from tests.support.audio import dominant_tone, tone_level_dbfs
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer

RINGING_HZ = 425


async def test_the_caller_hears_it_ring_until_the_answer(
    gateway: Gateway, api: ApiClient, parties: Parties
) -> None:
    number = parties.inbound_number(EngineView.slow_to_open(2))
    trunks = [trunk for trunk in api.get("/trunks") if trunk["inbound"]]
    for trunk in trunks:
        api.patch(f"/trunks/{trunk['id']}", {"dialog": {"ringback": "tone"}})
    audio, phone = RtpPeer.open(), await SipPeer.open()
    try:
        host, _, port = gateway.sip.rpartition(":")
        call = await phone.call(f"sip:{number}@{gateway.sip}", (host, int(port)), audio.sdp())
        async with asyncio.timeout(10):
            while not any(response.status == 183 for response in call.provisional):
                await phone.until_changed()
        early = next(response for response in call.provisional if response.status == 183)
        assert not early.all("Require"), "the caller cannot do 100rel"
        audio.connect(early.body)
        await audio.until_received(60)
        assert call.final is None
        heard = audio.audio()
        assert abs(dominant_tone(heard)[0] - RINGING_HZ) < 3
        assert tone_level_dbfs(heard, RINGING_HZ) > -30
        final = await call.until_final(10)
        assert (final.status, final.body) == (200, early.body)
        audio.start()
        first = len(audio.received)
        await audio.until_received(first + 150)
        after = audio.audio()[-8000:]
        assert tone_level_dbfs(after, RINGING_HZ) < -35, "it rings no more"
        await call.bye()
    finally:
        audio.close()
        await phone.close()
        for trunk in trunks:
            api.patch(f"/trunks/{trunk['id']}", {"dialog": {}})
