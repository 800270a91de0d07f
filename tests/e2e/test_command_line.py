"""The command line as an operator types it: serve, check, route-test, call; start-up messages, draining,
signals.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import ROOT, Gateway
from tests.e2e.parties import ECHO, RECEPTIONIST, VOICE, Parties

StartGateway = Callable[..., Gateway]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m gateway ...` to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_demo_says_where_it_is_and_what_to_try(gateway: Gateway, api: ApiClient) -> None:
    output = gateway.output
    banner = output[: output.index("\nready ")]
    assert gateway.sip in banner
    assert gateway.http in banner
    assert RECEPTIONIST in banner
    assert ECHO in banner
    assert "api key" in banner.lower()
    assert gateway.demo_key in banner
    assert len(gateway.demo_key) >= 32
    assert httpx.get(f"{gateway.http}/readyz").status_code == 200
    assert httpx.get(f"{gateway.http}/healthz").status_code == 200


def test_demo_listens_on_loopback_only(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.sip.startswith("127.0.0.1:")
    assert gateway.http.startswith("http://127.0.0.1:")
    refused = run("serve", "--demo", "--sip", "0.0.0.0:0", "--http", "127.0.0.1:0", "--data", str(tmp_path))
    assert refused.returncode == 1
    assert "loopback" in refused.stderr


def test_demo_keeps_its_data_and_can_be_started_again(start_gateway: StartGateway, tmp_path: Path) -> None:
    first = start_gateway(data=tmp_path / "kept")
    client = ApiClient(first.http, first.demo_key)
    agent = client.post("/agents", {"name": "Kept", "voice_id": VOICE, "system_prompt": "Stay."})
    client.close()
    first.stop()
    again = start_gateway(data=tmp_path / "kept")
    client = ApiClient(again.http, again.demo_key)
    assert client.get(f"/agents/{agent['id']}")["name"] == "Kept"
    assert len(client.get("/telephony/numbers")) == 2, "the demo numbers must not be made twice"
    client.close()


def test_check_accepts_the_defaults_and_names_every_mistake(tmp_path: Path) -> None:
    assert run("check").returncode == 0
    bad = tmp_path / "bad.toml"
    bad.write_text(
        '[sip]\nlisten = ["sctp:127.0.0.1:5060"]\n[media]\nrtp_ports = "9-1"\n[calls]\nmaximum = 5\n'
    )
    checked = run("check", "--config", str(bad), TRUNKLINE_CALLS_RING_TIMEOUT="soon")
    assert checked.returncode == 1
    for word in ("sip.listen", "media.rtp_ports", "calls.maximum", "calls.ring_timeout", "bad.toml"):
        assert word in checked.stderr, f"{word} is not named in:\n{checked.stderr}"
    assert "TRUNKLINE_CALLS_RING_TIMEOUT" in checked.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [("[sip", "bad.toml"), ("", None)],
)
def test_check_reads_the_file(tmp_path: Path, content: str, told: str | None) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content)
    checked = run("check", "--config", str(file))
    assert (checked.returncode, told is None or told in checked.stderr) == (0 if told is None else 1, True)
    assert run("check", "--config", str(tmp_path / "absent.toml")).returncode == 1


def test_serve_with_a_bad_configuration_says_so_and_ends(tmp_path: Path) -> None:
    served = run("serve", "--data", str(tmp_path), "--http", "127.0.0.1:0", TRUNKLINE_MEDIA_RTP_PORTS="1-2")
    assert served.returncode == 1
    assert "media.rtp_ports" in served.stderr
    assert "Traceback" not in served.stderr


def test_serve_on_a_taken_address_says_so_and_ends(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        served = run("serve", "--demo", "--sip", "127.0.0.1:0", "--http", address, "--data", str(tmp_path))
    assert served.returncode == 1
    assert "cannot listen" in served.stderr
    assert "Traceback" not in served.stderr


def test_unknown_command_is_answered_with_usage() -> None:
    answered = run("sing")
    assert answered.returncode == 2
    assert "usage" in answered.stderr.lower()


def test_route_test_tells_who_would_answer_and_why(start_gateway: StartGateway, tmp_path: Path) -> None:
    seeded = start_gateway(data=tmp_path / "routes")
    seeded.stop()
    data = str(tmp_path / "routes")
    found = run(
        "route-test", "--data", data, "--to", RECEPTIONIST, "--from", "+15557654321", "--source", "127.0.0.1"
    )
    assert found.returncode == 0, found.stderr
    assert "Receptionist" in found.stdout
    assert RECEPTIONIST in found.stdout
    stranger = run("route-test", "--data", data, "--to", RECEPTIONIST, "--source", "198.51.100.7")
    unknown = run("route-test", "--data", data, "--to", "+15550111", "--source", "127.0.0.1")
    assert stranger.returncode == 1
    assert unknown.returncode == 1
    assert "198.51.100.7" in stranger.stdout
    assert "+15550111" in unknown.stdout


def test_call_places_a_call_and_follows_it_to_its_end(parties: Parties) -> None:
    gateway = parties.gateway
    route = parties.outbound_route("callee_hangs_up", hold_ms=1000)
    arguments = ("--agent", route.agent_id, "--to", "+15557650100", "--api", gateway.http)
    followed = run("call", *arguments, "--key", gateway.demo_key)
    assert followed.returncode == 0, followed.stderr
    assert "answered" in followed.stdout
    assert "contact-hangup" in followed.stdout
    route.callee.sip.finish()

    busy = parties.outbound_route("callee_refuses")
    arguments = ("--agent", busy.agent_id, "--to", "+15557650100", "--api", gateway.http)
    failed = run("call", *arguments, TRUNKLINE_KEY=gateway.demo_key)
    assert failed.returncode == 1
    assert "busy" in failed.stdout

    unauthorised = run("call", *arguments, "--key", "wrong")
    assert unauthorised.returncode == 1
    assert "unauthorized" in unauthorised.stderr


def test_sigterm_drains_new_calls_are_refused_and_the_live_one_ends_with_bye_at_the_limit(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(environment={"TRUNKLINE_CALLS_DRAIN_TIMEOUT": "4s"})
    api = ApiClient(gateway.http, gateway.demo_key)
    with Parties(gateway, api, tmp_path) as parties:
        live = parties.connected_caller(scenario="far_end_hangs_up", number=ECHO)
        gateway.signal(signal.SIGTERM)
        began = time.monotonic()
        time.sleep(0.5)
        late = parties.caller("refused")
        late.sip.finish()
        refused = late.sip.wait_for("refused")
        assert refused["status"] == "503"
        assert int(refused["retry_after"]) >= 1
        ready = api.http.get(f"{gateway.http}/readyz")
        assert ready.status_code == 503
        placed = api.http.post("/calls", json={"agent_id": "0" * 8, "phone_number": "+15557650100"})
        assert placed.status_code in (422, 503)
        assert live.sip.event("bye") is None, "the live call was ended early"
        before = len(live.audio.packets)
        time.sleep(0.5)
        assert len(live.audio.packets) > before + 15, "the live call's audio stopped"
        live.sip.wait_for("bye", 8)
        assert 3.5 < time.monotonic() - began < 6
        live.sip.finish()
    api.close()
    assert gateway.wait(10) == 0
    assert not gateway.surviving_children()


def test_drain_ends_as_soon_as_the_last_call_does(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway()
    api = ApiClient(gateway.http, gateway.demo_key)
    with Parties(gateway, api, tmp_path) as parties:
        live = parties.connected_caller(hold_ms=2000)
        gateway.signal(signal.SIGTERM)
        live.sip.finish()
    api.close()
    assert gateway.wait(5) == 0


def test_second_signal_ends_at_once_with_bye(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway()
    api = ApiClient(gateway.http, gateway.demo_key)
    with Parties(gateway, api, tmp_path) as parties:
        live = parties.connected_caller(scenario="far_end_hangs_up")
        gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        gateway.signal(signal.SIGTERM)
        began = time.monotonic()
        live.sip.wait_for("bye", 5)
        gateway.wait(10)
        assert time.monotonic() - began < 6
        live.sip.finish()
    api.close()
    assert gateway.process.returncode == 0


def test_idle_gateway_stops_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    view = EngineView.of_child(gateway)
    view.close()
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait(5) == 0
    assert time.monotonic() - began < 4
    assert not gateway.surviving_children(), "the local engine outlived the gateway"


def test_killed_gateway_takes_its_engine_along_and_its_calls_are_settled_at_the_next_start(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(data=tmp_path / "killed")
    api = ApiClient(gateway.http, gateway.demo_key)
    with Parties(gateway, api, tmp_path) as parties:
        parties.connected_caller(hold_ms=20_000)
        live = api.wait_for_call(lambda call: call["status"] == "in-progress")
        time.sleep(0.5)
        gateway.signal(signal.SIGKILL)
        gateway.wait(5)
    api.close()
    limit = time.monotonic() + 5
    while gateway.surviving_children():
        assert time.monotonic() < limit, "the local engine outlived the gateway"
        time.sleep(0.1)
    again = start_gateway(data=tmp_path / "killed")
    api = ApiClient(again.http, again.demo_key)
    call = api.call(live["id"])
    assert (call["status"], call["failure_reason"]) == ("failed", "gateway-error")
    api.close()
