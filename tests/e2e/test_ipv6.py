"""Calls over IPv6: signalling over UDP, TCP and TLS and the audio, both ways, and who may call."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.e2e.sipp_runner import SippRun, free_udp_port
from tests.e2e.softphones import PHONE_HZ, assert_tone, recorded, write_speech
from tests.support.certificates import Authority

HERE = "::1"


class Site:
    """A gateway that lives in IPv6 alone."""

    def __init__(self, gateway: Gateway, api: ApiClient, tls_port: int, ca: Path) -> None:
        self.gateway = gateway
        self.api = api
        self.tls_port = tls_port
        self.ca = ca


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("ipv6")
    authority = Authority()
    certificate, key = authority.sign("localhost", HERE).write(directory)
    ca = directory / "ca.pem"
    ca.write_text(authority.pem)
    port = free_udp_port(host=HERE)
    environment = {
        "TRUNKLINE_SIP_TLS_CERTIFICATE": str(certificate),
        "TRUNKLINE_SIP_TLS_PRIVATE_KEY": str(key),
    }
    arguments = ("--sip", f"[{HERE}]:0", "--sip-tls", f"[{HERE}]:{port}")
    with (
        watched(Gateway(directory / "data", *arguments, environment=UNLIMITED | environment)) as gateway,
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
    ):
        assert gateway.sip.startswith("[::1]:")
        yield Site(gateway, api, port, ca)
        assert_calls_gone(gateway)


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_calls_over_ipv6_and_finds_brackets_where_they_belong(
    site: Site, tmp_path: Path, transport: str
) -> None:
    with SippRun(
        "caller_hangs_up",
        tmp_path,
        remote=site.gateway.sip,
        number=RECEPTIONIST,
        hold_ms=200,
        options=("-t", transport),
        host=HERE,
    ) as caller:
        caller.finish()
        answer = caller.messages.partition("SIP/2.0 200 OK")[2].partition("----")[0]
    name = "TCP" if transport == "t1" else "UDP"
    assert f"Via: SIP/2.0/{name} [::1]:" in answer
    assert f"Contact: <sip:{RECEPTIONIST}@[::1]:" in answer
    assert "c=IN IP6 ::1" in answer
    assert " IN IP6 ::1\r\ns=" in answer.replace("\n", "\r\n").replace("\r\r", "\r"), "the o= line"


def test_a_softphone_hears_its_echo_over_tls_and_ipv6(site: Site, tmp_path: Path) -> None:
    user = "+15557661001"
    trust = f"sip_cafile {site.ca}\nsip_verify_server yes\n"
    speech = write_speech(tmp_path / "speech.wav")
    with BaresipPhone(tmp_path / "phone", speech, user=user, address=HERE, settings=trust) as phone:
        phone.dial(f"sip:{ECHO}@[::1]:{site.tls_port};transport=tls")
        phone.wait_for("CALL_ESTABLISHED")
        call = site.api.wait_for_call(lambda call: call["phone_number"] == user)
        time.sleep(4)  # the phone says what it has to say
        phone.hang_up()
        site.api.wait_for_status(call["id"], "ended")
        heard = recorded(phone.heard)
    assert_tone(heard, PHONE_HZ, 2.0)
    network = site.api.get(f"/calls/{call['id']}/quality")["legs"][0]["network"]
    assert network["remote_address"].startswith("[::1]:")


def test_a_softphone_is_called_over_ipv6(site: Site, tmp_path: Path) -> None:
    speech = write_speech(tmp_path / "speech.wav")
    with (
        Parties(site.gateway, site.api, tmp_path) as parties,
        BaresipPhone(tmp_path / "phone", speech, auto_answer=True, address=HERE) as phone,
    ):
        route = parties.outbound_route_to(phone, phone.address, prompt="[scenario:echo] You return it.")
        placed = site.api.place_call(route.agent_id, "+15557650002")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(4)  # the phone says what it has to say
        site.api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = recorded(phone.heard)
    site.api.wait_for_status(placed["id"], "ended")
    assert_tone(heard, PHONE_HZ, 2.0)


def test_networks_of_ipv6_decide_who_may_call(site: Site, tmp_path: Path) -> None:
    trunks = site.api.get("/trunks")
    (demo,) = [trunk for trunk in trunks if trunk["inbound"]]
    path = f"/trunks/{demo['id']}"
    try:
        for network, status in (("2001:db8::/32", "403 Forbidden"), ("::/64", "200 OK")):
            site.api.http.patch(path, json={"inbound": {"allowed_addresses": [network]}}).raise_for_status()
            with SippRun(
                "refused" if status.startswith("403") else "caller_hangs_up",
                tmp_path,
                remote=site.gateway.sip,
                number=RECEPTIONIST,
                host=HERE,
                hold_ms=100,
            ) as caller:
                caller.finish()
                assert f"SIP/2.0 {status}" in caller.messages
        rejection = site.api.get("/rejections")[0]
        assert rejection["source"].startswith("[::1]:")
    finally:
        allowed = {"inbound": {"allowed_addresses": ["::1/128"]}}
        site.api.http.patch(path, json=allowed).raise_for_status()
