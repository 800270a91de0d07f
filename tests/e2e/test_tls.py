"""Calls over TLS with a real softphone, both ways, and a certificate that is renewed while calls stand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.e2e.sipp_runner import free_udp_port
from tests.e2e.softphones import PHONE_HZ, assert_tone, pjsua2, recorded
from tests.support.audio import RATE, tone, write_wav
from tests.support.certificates import Authority

StartGateway = Callable[..., Gateway]
NAME = "localhost"


def start(start_gateway: StartGateway, directory: Path, authority: Authority) -> tuple[Gateway, int]:
    """A gateway with a TLS listener, and that one's port."""
    certificate, key = authority.sign(NAME, "127.0.0.1").write(directory)
    port = free_udp_port()
    environment = {
        "TRUNKLINE_SIP_TLS_CERTIFICATE": str(certificate),
        "TRUNKLINE_SIP_TLS_PRIVATE_KEY": str(key),
    }
    return start_gateway("--sip-tls", f"127.0.0.1:{port}", environment=environment), port


def test_a_softphone_calls_over_tls_and_a_renewed_certificate_is_shown(
    start_gateway: StartGateway, tmp_path: Path, speech: Path
) -> None:
    authority = Authority()
    gateway, port = start(start_gateway, tmp_path, authority)
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    trust = f"sip_cafile {ca}\nsip_verify_server yes\n"
    uri = f"sip:{RECEPTIONIST}@127.0.0.1:{port};transport=tls"
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        with BaresipPhone(tmp_path / "one", speech, settings=trust) as phone:
            phone.dial(uri)
            phone.wait_for("CALL_ESTABLISHED")
            call = api.wait_for_call(lambda call: call["status"] == "in-progress")
            renewed = Authority("Renewed")
            for path in renewed.sign(NAME, "127.0.0.1").write(tmp_path):
                later = time.time() + 5
                os.utime(path, (later, later))
            ca.write_text(renewed.pem)
            limit = time.monotonic() + 15
            while "certificate_reloaded" not in gateway.output:
                assert time.monotonic() < limit, gateway.output[-2000:]
                time.sleep(0.1)
            with BaresipPhone(tmp_path / "two", speech, settings=trust) as other:
                other.dial(uri)
                other.wait_for("CALL_ESTABLISHED")
                other.hang_up()
            assert api.call(call["id"])["status"] == "in-progress"
            api.post(f"/calls/{call['id']}/hangup")
            phone.wait_for("CALL_CLOSED")
        assert api.wait_for_status(call["id"], "ended")["end_reason"] == "api-hangup"


def test_pjsua2_speaks_over_tls_and_srtp_and_is_heard_again_after_a_hold(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    authority = Authority()
    gateway, port = start(start_gateway, tmp_path, authority)
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    write_wav(tmp_path / "said.wav", tone(PHONE_HZ, 12_000))
    uri = f"sip:{ECHO}@127.0.0.1:{port};transport=tls"
    options = ("--uri", uri, "--seconds", "5.5", "--tls-ca", str(ca), "--srtp", "mandatory", "--hold")
    with (
        closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        pjsua2("call", tmp_path / "said.wav", tmp_path / "heard.wav", *options) as phone,
    ):
        phone.wait_for("resumed")
        phone.finish()
        call = api.wait_for_call(lambda call: call["status"] == "ended")
        steps = [step["kind"] for step in api.timeline(call["id"])]
        ladder = api.get(f"/calls/{call['id']}/sip")
        network = api.get(f"/calls/{call['id']}/quality")["legs"][0]["network"]
    assert {message["transport"] for message in ladder["messages"]} == {"tls"}
    assert (network["srtp"] is not None, network["packets_undecryptable"]) == (True, 0)
    assert [step for step in steps if step in ("hold", "resume")] == ["hold", "resume"]
    # The recorder stands still while the call is on hold.
    heard = recorded(phone.record)
    for part in (heard[: 2 * RATE], heard[2 * RATE :]):
        assert_tone(part, PHONE_HZ, 1.2)


def test_calls_of_ours_go_over_tls_to_whom_the_trunk_trusts(
    start_gateway: StartGateway, tmp_path: Path, speech: Path
) -> None:
    authority = Authority()
    gateway, _ = start(start_gateway, tmp_path, authority)
    theirs = authority.sign(NAME)
    both = tmp_path / "phone.pem"
    both.write_text(theirs.certificate + theirs.private_key)
    with (
        closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
        BaresipPhone(
            tmp_path / "phone", speech, auto_answer=True, settings=f"sip_certificate {both}\n"
        ) as phone,
    ):
        # It listens for TLS beside UDP, one port above.
        address = f"localhost:{phone.port + 1}"
        for ca, status in ((authority.pem, "in-progress"), (Authority("Another").pem, "failed")):
            trunk = {"outbound": {"address": address, "transport": "tls", "tls": {"ca": ca}}}
            route = parties.outbound_route_to(phone, address, trunk=trunk)
            call = api.place_call(route.agent_id, "+15557650002")
            if status == "failed":
                failed = api.wait_for_call(
                    lambda made, placed=call: made["id"] == placed["id"] and made["status"] == "failed"
                )
                assert failed["failure_reason"] == "trunk-unavailable"
                assert "CERTIFICATE_VERIFY_FAILED" in gateway.output
            else:
                api.wait_for_status(call["id"], status)
                api.post(f"/calls/{call['id']}/hangup")
