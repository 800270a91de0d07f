"""Wideband through the whole gateway: a phone offers a wideband codec, an agent returns what it hears, and a
sound that a narrowband line does not carry comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, ECHO_PROMPT, Parties, new_number
from tests.support.audio import Samples, dominant_tone, loud_spans, silence, tone
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer
from tests.support.wideband_peer import G722, L16, OPUS, RATE, WidebandCodec, WidebandPeer

HIGH_HZ = 5200
PHONE_HOST = "127.0.0.2"  # of a trunk of its own, beside that of the demonstration
FMTP = {"OPUS": "minptime=10;useinbandfec=1"}


@pytest.fixture
def wide_gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway()


@pytest.fixture
def wide_api(wide_gateway: Gateway) -> Iterator[ApiClient]:
    with contextlib.closing(ApiClient(wide_gateway.http, wide_gateway.demo_key)) as client:
        yield client


def offer(peer: WidebandPeer, codec: WidebandCodec) -> bytes:
    channels = "/2" if codec.name == "OPUS" else ""
    fmtp = [f"a=fmtp:{codec.payload_type} {FMTP[codec.name]}"] if codec.name in FMTP else []
    lines = [
        "v=0",
        f"o=phone 7 1 IN IP4 {peer.host}",
        "s=-",
        f"c=IN IP4 {peer.host}",
        "t=0 0",
        f"m=audio {peer.port} RTP/AVP 0 {codec.payload_type}",
        f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}",
        *fmtp,
        "a=ptime:20",
        "",
    ]
    return "\r\n".join(lines).encode()


def expect_tone(audio: Samples, frequency: float, rate: int) -> None:
    span = max(loud_spans(audio, rate=rate), key=lambda span: span.duration_ms)
    middle = audio[round(span.start_ms * rate / 1000) : round(span.end_ms * rate / 1000)]
    assert len(middle) > rate // 2
    assert dominant_tone(middle, rate)[0] == pytest.approx(frequency, abs=15)


@pytest.mark.parametrize("codec", [G722, OPUS, L16], ids=lambda codec: codec.name)
async def test_what_a_narrow_line_cannot_carry_comes_back_from_the_agent(
    wide_gateway: Gateway, wide_api: ApiClient, codec: WidebandCodec
) -> None:
    inbound = {"allowed_addresses": [PHONE_HOST]}
    wide_api.post("/trunks", {"name": "wide", "inbound": inbound, "codecs": ["OPUS", "G722", "L16", "PCMU"]})
    async with await SipPeer.open(host=PHONE_HOST) as phone, WidebandPeer.speaking(codec) as peer:
        host, _, port = wide_gateway.sip.rpartition(":")
        call = await phone.call(f"sip:{ECHO}@{host}", (host, int(port)), offer(peer, codec))
        answer = await call.until_final()
        assert answer.status == 200
        assert f"RTP/AVP {codec.payload_type}\r\n".encode() in answer.body
        peer.connect(answer.body)
        peer.start()
        await peer.until(lambda: len(peer.received) > 25)
        await peer.play(tone(HIGH_HZ, 1500, rate=RATE))
        await peer.play(silence(1500, RATE))
        await call.bye()
        expect_tone(peer.heard(), HIGH_HZ, RATE)
    record = await asyncio.to_thread(
        wide_api.wait_for_call, lambda record: record["status"] == "ended", direction="inbound"
    )
    assert record["end_reason"] == "contact-hangup"


async def test_a_narrow_answer_to_a_wide_offer_is_a_call_like_any_other(
    wide_gateway: Gateway, wide_api: ApiClient, tmp_path: Path
) -> None:
    async with await SipPeer.open() as phone, RtpPeer.open() as peer:
        parties = Parties(wide_gateway, wide_api, tmp_path)
        outbound = {"address": f"{phone.host}:{phone.port}", "transport": "udp"}
        trunk = wide_api.post("/trunks", {"name": "wide", "outbound": outbound, "codecs": ["G722", "PCMU"]})
        number = {"phone_number": new_number(), "trunk_id": trunk["id"]}
        imported = wide_api.post("/telephony/numbers/import", number)
        agent_id = parties.agent(ECHO_PROMPT)["id"]
        assignment = {"number_id": imported["id"], "agent_id": agent_id, "assignment_type": "outbound"}
        wide_api.post("/telephony/numbers/assign", assignment)
        placed = wide_api.place_call(agent_id, "+15557009")
        call = await phone.incoming(10)
        assert call.invite is not None
        assert b"RTP/AVP 9 0 101\r\n" in call.invite.body
        peer.connect(call.invite.body)
        call.answer(peer.sdp())
        peer.start()
        await peer.until(lambda: len(peer.received) > 25)
        await peer.play(tone(1300, 1500))
        await peer.play(silence(1500))
        await call.bye()
        expect_tone(peer.audio(), 1300, 8000)
    ended = await asyncio.to_thread(wide_api.wait_for_status, placed["id"], "ended")
    assert ended["end_reason"] == "contact-hangup"
