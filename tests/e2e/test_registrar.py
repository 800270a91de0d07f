"""Telephones of others register with the gateway, and are called through what they registered."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.jssip_phone import JsSipPhone, chromium, web_pages
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import ECHO_PROMPT, OutboundRoute, Parties
from tests.e2e.softphones import AGENT_HZ, PHONE_HZ, assert_tone, pjsua2, recorded
from tests.support.audio import tone, write_wav

PASSWORD = "secret-of-the-office"
CALLED = "+15557650002"


@dataclass(frozen=True)
class Office:
    """A gateway that telephones register with, each as the user of a trunk of its own."""

    gateway: Gateway
    api: ApiClient
    engine: EngineView
    parties: Parties
    count: Iterator[int] = field(default_factory=itertools.count)

    def user(self, name: str) -> str:
        """A user that no other trunk has."""
        return f"{name}{next(self.count)}"

    def trunk(self, user: str, to: str = "contact", **more: object) -> Json:
        """The fields of a trunk that `user` registers at."""
        inbound = {"auth_username": user, "auth_password": PASSWORD, "registrar": {"max_contacts": 2}}
        return {"name": user, "inbound": inbound, "outbound": {"to_registered": to}, **more}

    def route(
        self, user: str, to: str = "contact", prompt: str | None = None, **more: object
    ) -> OutboundRoute:
        """An agent that calls whoever registers as `user`, and speaks in a tone unless it is told else."""
        prompt = prompt or self.engine.script({"tone": AGENT_HZ, "ms": 3000}, {"wait": "text"})
        return self.parties.outbound_route_to(None, user, prompt=prompt, trunk=self.trunk(user, to, **more))

    def registered(self, trunk_id: str, count: int = 1) -> list[Json]:
        """Who is registered, once so many are."""
        limit = time.monotonic() + 10
        while True:
            contacts: list[Json] = self.api.get(f"/trunks/{trunk_id}")["registered_contacts"]
            if len(contacts) == count:
                return contacts
            assert time.monotonic() < limit, contacts
            time.sleep(0.05)


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    with web_pages() as origin:
        yield origin


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[Office]:
    directory = tmp_path_factory.mktemp("office")
    environment = UNLIMITED | {
        "TRUNKLINE_SIP_WEBSOCKET": "true",
        "TRUNKLINE_SIP_WEBSOCKET_ORIGINS": pages,
        # baresip 1.0 gives up at the sight of an algorithm that it does not know.
        "TRUNKLINE_SIP_DIGEST_ALGORITHMS": "MD5",
    }
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(watched(Gateway(directory, environment=environment)))
        api = stack.enter_context(contextlib.closing(ApiClient(gateway.http, gateway.demo_key)))
        engine = stack.enter_context(contextlib.closing(EngineView.of_child(gateway)))
        yield Office(gateway, api, engine, stack.enter_context(Parties(gateway, api, directory)))
        assert_calls_gone(gateway)


def test_baresip_registers_and_is_called(office: Office, tmp_path: Path, speech: Path) -> None:
    user = office.user("desk")
    route = office.route(user)
    account = f";auth_user={user};auth_pass={PASSWORD}"
    with BaresipPhone(
        tmp_path / "baresip",
        speech,
        user=user,
        auto_answer=True,
        account=account,
        registrar=office.gateway.sip,
    ) as phone:
        (contact,) = office.registered(route.trunk_id)
        assert contact["address"] == phone.address
        assert contact["user_agent"].startswith("baresip")
        tested = office.api.post(f"/trunks/{route.trunk_id}/test")
        assert tested["outcome"] == "reachable"
        placed = office.api.place_call(route.agent_id, CALLED)
        phone.wait_for("CALL_ESTABLISHED")
        time.sleep(5)
        office.api.post(f"/calls/{placed['id']}/hangup")
        phone.wait_for("CALL_CLOSED")
        heard = recorded(phone.heard)
    office.registered(route.trunk_id, 0)  # it says goodbye
    assert_tone(heard, AGENT_HZ, 1.0)
    assert_tone(office.engine.input_of(office.api.timeline(placed["id"])), PHONE_HZ, 2.5)
    nobody = office.api.place_call(route.agent_id, CALLED)
    failed = office.api.wait_for_status(nobody["id"], "failed")
    assert failed["failure_reason"] == "trunk-unavailable"
    assert "nobody is registered" in str(office.api.timeline(nobody["id"]))


def test_pjsua2_registers_as_a_pbx_and_is_called_by_number(
    office: Office, tmp_path: Path, speech: Path
) -> None:
    user = office.user("pbx")
    route = office.route(user, "number")
    arguments = ("--registrar", office.gateway.sip, "--user", user, "--password", PASSWORD)
    with pjsua2("answer", speech, tmp_path / "heard.wav", "--seconds", "4", *arguments) as phone:
        assert phone.wait_for("registered").endswith("200")
        placed = office.api.place_call(route.agent_id, CALLED)
        phone.wait_for("confirmed")
        phone.finish()
    assert office.api.wait_for_status(placed["id"], "ended")["end_reason"] == "contact-hangup"
    assert_tone(recorded(phone.record), AGENT_HZ, 1.0)
    ladder = office.api.http.get(f"/calls/{placed['id']}/sip", params={"format": "text"}).text
    assert f"INVITE sip:{CALLED}@127.0.0.1" in ladder


def test_a_page_registers_over_a_websocket_and_is_called(office: Office, pages: str, tmp_path: Path) -> None:
    microphone = tmp_path / "microphone.wav"
    write_wav(microphone, tone(PHONE_HZ, 4000, rate=48_000), rate=48_000)
    keying = {"codecs": ["OPUS", "PCMU"], "media_encryption": "require", "srtp_keying": "dtls"}
    user = office.user("page")
    # Its microphone never rests: an agent that speaks would be interrupted at once.
    route = office.route(user, prompt=ECHO_PROMPT, **keying)
    server = f"{office.gateway.http.replace('http', 'ws', 1)}/sip"
    with chromium(microphone) as browser:
        phone = JsSipPhone(browser, pages, server, f"sip:{user}@phones.invalid", PASSWORD, register=True)
        assert phone.wait_for("registered")["status"] == 200
        (contact,) = office.registered(route.trunk_id)
        assert contact["transport"] == "ws"
        assert ".invalid" in contact["contact"]
        placed = office.api.place_call(route.agent_id, CALLED)
        assert phone.wait_for("incoming")["from"] == route.number
        phone.wait_for("confirmed")
        phone.wait_until_heard(4)
        heard = phone.heard()
        office.api.post(f"/calls/{placed['id']}/hangup")
        assert phone.wait_for("ended")["by"] == "remote"
        phone.close()
        office.registered(route.trunk_id, 0)  # gone with its socket
    assert_tone(heard, PHONE_HZ, 1.5)


def test_the_edges_of_registering(office: Office) -> None:
    user = office.user("office")
    route = office.route(user)
    phone = office.parties.caller(
        "registers",
        remote=office.gateway.sip,
        keys={"user": user},
        options=("-au", user, "-ap", PASSWORD),
        seconds=15,
    ).sip
    phone.wait_for("refreshed")
    (contact,) = office.registered(route.trunk_id)
    assert contact["address"] == phone.address
    phone.finish()
    office.registered(route.trunk_id, 0)
    rules = [each["rule"] for each in office.api.get("/rejections")]
    assert "digest_refused" in rules
    assert "registration_malformed" in rules
