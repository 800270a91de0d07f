"""SRTP with softphones that we did not write: who is heard, by whom, and who is refused."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.e2e.softphones import AGENT_HZ, PHONE_HZ, assert_tone, pjsua2, recorded
from tests.support.audio import tone, tone_level_dbfs
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer

SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
STRICT_HOST = "127.0.0.3"  # of a trunk of its own, beside that of the demonstration
TONE_THEN_LISTEN: tuple[Json, ...] = ({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"})


def network_of(api: ApiClient, call_id: str) -> Json:
    quality: Json = api.get(f"/calls/{call_id}/quality")
    network: Json = quality["legs"][0]["network"]
    return network


def ended_call(api: ApiClient, phone_number: str) -> Json:
    """The last call of a phone."""
    return api.wait_for_call(
        lambda call: call["phone_number"] == phone_number and call["status"] == "ended", direction="inbound"
    )


@pytest.mark.parametrize("mode", ["optional", "mandatory"])
def test_pjsua2_hears_its_echo_over_srtp(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path, mode: str
) -> None:
    user = {"optional": "+15557651001", "mandatory": "+15557651002"}[mode]
    uri = f"sip:{ECHO}@{gateway.sip}"
    options = ("--uri", uri, "--seconds", "5", "--user", user, "--srtp", mode)
    with pjsua2("call", speech, tmp_path / "heard.wav", *options) as phone:
        phone.wait_for("confirmed")
        phone.finish()
    assert_tone(recorded(phone.record), PHONE_HZ, 2.5)
    network = network_of(api, ended_call(api, user)["id"])
    assert network["srtp"] is not None
    assert network["packets_undecryptable"] == 0
    assert network["packets_received"] > 200


def test_pjsua2_is_called_over_srtp_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with pjsua2("answer", speech, tmp_path / "heard.wav", "--seconds", "5", "--srtp", "mandatory") as phone:
        route = parties.outbound_route_to(
            None,
            phone.wait_for("listening"),
            prompt=engine.script(*TONE_THEN_LISTEN),
            trunk={"media_encryption": "require"},
        )
        placed = api.place_call(route.agent_id, "+15557651003")
        phone.wait_for("confirmed")
        phone.finish()
    api.wait_for_status(placed["id"], "ended")
    assert_tone(recorded(phone.record), AGENT_HZ, 1.0)
    assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)
    assert network_of(api, placed["id"])["srtp"] is not None


@pytest.mark.parametrize("mode", ["srtp", "srtp-mand"])
def test_baresip_hears_its_echo_over_srtp(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path, mode: str
) -> None:
    user = {"srtp": "+15557651004", "srtp-mand": "+15557651005"}[mode]
    with BaresipPhone(
        tmp_path / "baresip", speech, user=user, modules=("srtp",), account=f";mediaenc={mode}"
    ) as phone:
        phone.dial(f"sip:{ECHO}@{gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        phone.hang_up()
        call = ended_call(api, user)
        heard = recorded(phone.heard)
    assert_tone(heard, PHONE_HZ, 2.5)
    network = network_of(api, call["id"])
    assert network["srtp"] is not None
    # The phone sends a packet or two in the clear before it has the answer.
    assert network["packets_undecryptable"] <= 3


@pytest.mark.parametrize(("policy", "mode"), [("require", "srtp-mand"), ("allow", "srtp")])
def test_baresip_is_called_over_srtp_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path, policy: str, mode: str
) -> None:
    with BaresipPhone(
        tmp_path / "baresip", speech, auto_answer=True, modules=("srtp",), account=f";mediaenc={mode}"
    ) as phone:
        route = parties.outbound_route_to(
            None,
            phone.address,
            prompt=engine.script(*TONE_THEN_LISTEN),
            trunk={"media_encryption": policy},
        )
        placed = api.place_call(route.agent_id, "+15557650002")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        live = network_of(api, placed["id"])
        api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = recorded(phone.heard)
    assert_tone(heard, AGENT_HZ, 1.0)
    assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)
    assert live["srtp"] is not None


async def test_a_call_in_the_clear_is_refused_where_encryption_is_required(
    gateway: Gateway, api: ApiClient
) -> None:
    trunk = {
        "name": "strict",
        "inbound": {"allowed_addresses": [STRICT_HOST]},
        "media_encryption": "require",
    }
    await asyncio.to_thread(api.post, "/trunks", trunk)
    host, _, port = gateway.sip.rpartition(":")
    async with await SipPeer.open(host=STRICT_HOST, user="+15557651006") as phone, RtpPeer.open() as peer:
        call = await phone.call(f"sip:{ECHO}@{host}", (host, int(port)), peer.sdp())
        answer = await call.until_final()
    assert answer.status == 488
    record = await asyncio.to_thread(
        api.wait_for_call,
        lambda call: call["phone_number"] == "+15557651006" and call["status"] == "failed",
        direction="inbound",
    )
    assert record["failure_reason"] == "media-negotiation-failed"
    assert "has to be encrypted" in record["sip"]["reason"]


async def test_a_caller_who_agrees_to_srtp_and_speaks_in_the_clear_is_not_heard(
    gateway: Gateway, api: ApiClient, engine: EngineView
) -> None:
    user = "+15557651008"
    key = base64.b64encode(os.urandom(30)).decode()
    host, _, port = gateway.sip.rpartition(":")
    async with await SipPeer.open(user=user) as phone, RtpPeer.open() as peer:
        crypto = f"a=crypto:1 {SHA1_80} inline:{key}\r\n"
        offer = peer.sdp().replace(b"RTP/AVP", b"RTP/SAVP") + crypto.encode()
        call = await phone.call(f"sip:{RECEPTIONIST}@{host}", (host, int(port)), offer)
        answer = await call.until_final()
        assert answer.status == 200
        assert b"RTP/SAVP " in answer.body
        assert f"a=crypto:1 {SHA1_80} inline:".encode() in answer.body
        peer.connect(answer.body)
        peer.start()
        await peer.play(tone(PHONE_HZ, 2000))
        await call.bye()
    record = await asyncio.to_thread(ended_call, api, user)
    network = await asyncio.to_thread(network_of, api, record["id"])
    assert network["srtp"] == SHA1_80
    assert network["packets_undecryptable"] >= 95
    assert network["packets_received"] == 0
    timeline = await asyncio.to_thread(api.timeline, record["id"])
    heard = await asyncio.to_thread(engine.input_of, timeline)
    assert tone_level_dbfs(heard, PHONE_HZ) < -60


def test_a_callee_that_cannot_encrypt_is_not_talked_to_where_encryption_is_required(
    parties: Parties, api: ApiClient
) -> None:
    callee = parties.callee()
    route: Any = parties.outbound_route_to(callee, callee.sip.address, trunk={"media_encryption": "require"})
    placed = api.place_call(route.agent_id, "+15557651007")
    failed = api.wait_for_status(placed["id"], "failed")
    assert failed["failure_reason"] == "media-negotiation-failed"
    assert callee.audio.packets == []
