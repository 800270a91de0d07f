"""DTLS-SRTP and ICE with baresip, which has its own implementation of both: it calls, and is called."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, Parties
from tests.e2e.softphones import AGENT_HZ, PHONE_HZ, assert_tone, recorded
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_peer import SipPeer

TONE_THEN_LISTEN: tuple[Json, ...] = ({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"})


def secured(api: ApiClient, call_id: str) -> Json:
    """The step that tells of a finished handshake."""
    steps: list[Json] = [step for step in api.timeline(call_id) if step["kind"] == "media-secured"]
    assert len(steps) == 1, api.timeline(call_id)
    detail: Json = steps[0]["detail"]
    return detail


def network_of(api: ApiClient, call_id: str) -> Json:
    network: Json = api.get(f"/calls/{call_id}/quality")["legs"][0]["network"]
    return network


@pytest.mark.parametrize(("ice", "mux"), [(False, True), (False, False), (True, True), (True, False)])
def test_baresip_hears_its_echo_over_dtls_srtp(
    gateway: Gateway, api: ApiClient, tmp_path: Path, speech: Path, ice: bool, mux: bool
) -> None:
    user = f"+1555765200{ice * 2 + mux}"
    modules = ("dtls_srtp", "ice") if ice else ("dtls_srtp",)
    account = ";mediaenc=dtls_srtp" + (";medianat=ice" if ice else "")
    with BaresipPhone(
        tmp_path / "baresip", speech, user=user, modules=modules, account=account, rtcp_mux=mux
    ) as phone:
        phone.dial(f"sip:{ECHO}@{gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        phone.hang_up()
        call: Any = api.wait_for_call(
            lambda call: call["phone_number"] == user and call["status"] == "ended", direction="inbound"
        )
        heard = recorded(phone.heard)
        assert ("a=ice-lite" in phone.log()) is ice
        assert ("a=rtcp-mux" in phone.log()) is mux
    assert_tone(heard, PHONE_HZ, 2.5)
    network = network_of(api, call["id"])
    assert secured(api, call["id"])["srtp"] == network["srtp"]
    assert network["packets_undecryptable"] == 0
    assert network["packets_received"] > 150


def test_baresip_is_called_over_dtls_srtp_and_both_hear_each_other(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    with BaresipPhone(
        tmp_path / "baresip",
        speech,
        auto_answer=True,
        modules=("dtls_srtp",),
        account=";mediaenc=dtls_srtp",
        rtcp_mux=True,
    ) as phone:
        route = parties.outbound_route_to(
            None,
            phone.address,
            prompt=engine.script(*TONE_THEN_LISTEN),
            trunk={"media_encryption": "require", "srtp_keying": "dtls"},
        )
        placed = api.place_call(route.agent_id, "+15557650002")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = recorded(phone.heard)
    api.wait_for_status(placed["id"], "ended")
    assert secured(api, placed["id"])["srtp"] is not None
    assert_tone(heard, AGENT_HZ, 1.0)  # until the phone speaks, which interrupts the agent
    assert_tone(engine.input_of(api.timeline(placed["id"])), PHONE_HZ, 2.5)


async def test_a_caller_that_never_does_the_handshake_is_hung_up_on_with_a_reason(
    gateway: Gateway, api: ApiClient
) -> None:
    user = "+15557652010"
    host, _, port = gateway.sip.rpartition(":")
    async with await SipPeer.open(user=user) as phone, RtpPeer.open() as peer:
        fingerprint = ":".join(["AB"] * 32)
        offer = peer.sdp().replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVP").rstrip()
        offer += f"\r\na=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:sha-256 {fingerprint}\r\n".encode()
        call = await phone.call(f"sip:{ECHO}@{host}", (host, int(port)), offer)
        answer = await call.until_final()
        assert answer.status == 200
        assert b"a=setup:passive" in answer.body
        record = await asyncio.to_thread(
            api.wait_for_call,
            lambda call: call["phone_number"] == user and call["status"] == "failed",
            direction="inbound",
            seconds=20,
        )
        assert peer.received == []
    assert record["failure_reason"] == "media-negotiation-failed"
    steps = await asyncio.to_thread(api.timeline, record["id"])
    (failed,) = [step["detail"] for step in steps if step["kind"] == "media-security-failed"]
    assert "nothing of a DTLS handshake has come" in failed["error"]
