"""PBXs and telephones without a fixed address: who they are is shown by digest. SIPp, baresip and PJSUA2
against a gateway of which no trunk is open to their network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import ECHO, RECEPTIONIST, Parties
from tests.e2e.softphones import PHONE_HZ, assert_tone, pjsua2, recorded, write_speech

PASSWORD = "correct-horse-battery"


def close_to_this_network(gateway: Gateway) -> None:
    """The demonstration's trunk allows nobody here any more, and a PBX with a password may call."""
    with closing(ApiClient(gateway.http, gateway.demo_key)) as api:
        (demo,) = api.get("/trunks")
        elsewhere = {"inbound": {"allowed_addresses": ["192.0.2.0/24"]}}
        api.http.patch(f"/trunks/{demo['id']}", json=elsewhere).raise_for_status()
        digest = {"auth_username": "+15557650001", "auth_password": PASSWORD}
        api.post("/trunks", {"name": "pbx", "inbound": digest})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that lets nobody here in without a password.
    MD5 alone, because these versions of SIPp and baresip give up when they see another challenge.
    """
    environment = UNLIMITED | {"TRUNKLINE_SIP_DIGEST_ALGORITHMS": "MD5"}
    with watched(Gateway(tmp_path_factory.mktemp("guarded"), environment=environment)) as running:
        close_to_this_network(running)
        yield running


@pytest.fixture
def desk(guarded: Gateway, tmp_path: Path) -> Iterator[Parties]:
    with (
        closing(ApiClient(guarded.http, guarded.demo_key)) as api,
        Parties(guarded, api, tmp_path) as parties,
    ):
        yield parties


def refusals(parties: Parties, rule: str) -> list[Json]:
    page: Any = parties.api.get("/rejections?limit=50")
    return [one for one in page if one["rule"] == rule]


def test_sipp_is_challenged_and_let_in(desk: Parties) -> None:
    caller = desk.caller(
        "caller_with_digest", RECEPTIONIST, hold_ms=300, options=("-au", "+15557650001", "-ap", PASSWORD)
    )
    caller.sip.finish()
    call = desk.api.wait_for_call(lambda call: call["end_reason"] == "contact-hangup")
    assert call["phone_number"] == "+15557654321"


def test_sipp_with_the_wrong_password_stays_outside(desk: Parties) -> None:
    before = len(desk.api.calls())
    caller = desk.caller(
        "caller_with_wrong_digest", RECEPTIONIST, options=("-au", "+15557650001", "-ap", "wrong password")
    )
    caller.sip.finish()
    assert refusals(desk, "digest_refused")[0]["sip_status"] == 401
    assert len(desk.api.calls()) == before


def test_baresip_shows_its_password_and_hears_its_echo(desk: Parties, tmp_path: Path) -> None:
    account = f";auth_user=+15557650001;auth_pass={PASSWORD}"
    speech = write_speech(tmp_path / "speech.wav")
    with BaresipPhone(tmp_path / "baresip", speech, account=account) as phone:
        phone.dial(f"sip:{ECHO}@{desk.gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(4)
        phone.hang_up()
        desk.api.wait_for_call(
            lambda call: call["phone_number"] == "+15557650002" and call["status"] == "ended"
        )
        heard = recorded(phone.heard)
    assert_tone(heard, PHONE_HZ, 2.0)


def test_pjsua2_shows_its_password_by_sha_256(start_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_SIP_DIGEST_ALGORITHMS": "SHA-256"})
    close_to_this_network(gateway)
    uri = f"sip:{ECHO}@{gateway.sip}"
    speech = write_speech(tmp_path / "speech.wav")
    with pjsua2(
        "call", speech, tmp_path / "heard.wav", "--uri", uri, "--seconds", "4", "--password", PASSWORD
    ) as phone:
        phone.wait_for("confirmed")
        phone.finish()
    assert_tone(recorded(phone.record), PHONE_HZ, 2.0)
