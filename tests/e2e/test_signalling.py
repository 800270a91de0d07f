"""What can be seen of the SIP of calls, on a running gateway with real peers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties
from tests.support.capture_reader import read_capture
from tests.support.hep_decoder import read_hep


def test_an_answered_call_has_its_ladder_as_it_goes_on_and_after_it(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=1500)
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    live = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
    before = api.get(f"/calls/{live['id']}/sip")
    assert [one["label"].split()[0] for one in before["messages"]][:2] == ["INVITE", "180"]
    caller.sip.finish()
    api.wait_for_status(live["id"], "ended")
    ladder = api.get(f"/calls/{live['id']}/sip")
    told = [one["method"] if one["status"] is None else one["status"] for one in ladder["messages"]]
    assert told == ["INVITE", 180, 200, "ACK", "BYE", 200]
    assert {one["sip_call_id"] for one in ladder["messages"]} == {sip_call_id}
    assert {one["name"] for one in ladder["participants"]} == {"gateway", "peer"}
    path = f"/calls/{live['id']}/sip"
    picture = api.http.get(path, params={"format": "svg"})
    assert len(list(ElementTree.fromstring(picture.text).iter("{http://www.w3.org/2000/svg}path"))) == 6
    packets = read_capture(api.http.get(path, params={"format": "pcap"}).content)
    host, port = next(packet.target for packet in packets if packet.data.startswith(b"INVITE"))
    assert f"{host}:{port}" == parties.gateway.sip
    assert [packet.data.decode() for packet in packets] == [one["text"] for one in ladder["messages"]]


def test_credentials_are_nowhere_in_it(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_challenges_407", credentials=("trunk-user", "trunk-secret"))
    call = api.place_call(route.agent_id, "+15551239876")
    header = next(line for line in _credentials(route.callee) if line.startswith("credentials"))
    response = header.split('response="')[1].split('"')[0]
    api.wait_for_status(call["id"], "in-progress")
    ladder = api.get(f"/calls/{call['id']}/sip")
    api.post(f"/calls/{call['id']}/hangup")
    texts = "".join(one["text"] for one in ladder["messages"])
    assert 'username="trunk-user"' in texts
    assert "response=redacted" in texts
    assert response not in texts
    assert [one["method"] for one in ladder["messages"] if one["status"] is None][:3] == [
        "INVITE",
        "ACK",
        "INVITE",
    ]


def test_a_call_that_never_became_one_is_found(parties: Parties, api: ApiClient) -> None:
    caller = parties.caller("refused", number="+15550179")
    caller.sip.finish()
    (found,) = api.get("/sip/traces", number="+15550179")
    assert (found["method"], found["status"], found["call_id"]) == ("INVITE", 404, None)
    ladder = api.get("/sip/trace", sip_call_id=found["sip_call_id"])
    told = [one["method"] if one["status"] is None else one["status"] for one in ladder["messages"]]
    assert told == ["INVITE", 404, "ACK"]
    text = api.http.get("/sip/trace", params={"sip_call_id": found["sip_call_id"], "format": "text"})
    assert "404 Not Found (INVITE)" in text.text


def test_a_failed_calls_signalling_outlives_the_gateway_and_a_collector_is_told(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        host, port = collector.getsockname()
        environment = {"TRUNKLINE_TRACE_HEP_COLLECTOR": f"udp:{host}:{port}"}
        first = start_gateway(data=tmp_path / "data", environment=environment)
        api = ApiClient(first.http, first.demo_key)
        with Parties(first, api, tmp_path) as parties:
            route = parties.outbound_route("callee_refuses")
            call = api.place_call(route.agent_id, "+15551239876")
            api.wait_for_status(call["id"], "failed")
            before = api.get(f"/calls/{call['id']}/sip")
        told = [one["method"] if one["status"] is None else one["status"] for one in before["messages"]]
        assert told[0] == "INVITE"
        assert told[-1] == "ACK"
        assert before["kept"] == "memory"
        packets = [read_hep(collector.recv(65_536))[0] for _ in told]
    assert [packet.payload.decode() for packet in packets] == [one["text"] for one in before["messages"]]
    assert {packet.correlation for packet in packets} == {before["messages"][0]["sip_call_id"]}
    key = first.demo_key
    api.close()
    first.stop()
    second = start_gateway(data=tmp_path / "data")
    again = ApiClient(second.http, key)
    after = again.get(f"/calls/{call['id']}/sip")
    again.close()
    assert after["kept"] == "saved"
    assert json.dumps(after["messages"]) == json.dumps(before["messages"])


def _credentials(callee: Any, seconds: float = 10) -> list[str]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lines: list[str] = callee.sip.events
        if any(line.startswith("credentials") for line in lines):
            return lines
        time.sleep(0.05)
    raise AssertionError("nobody was asked for credentials")
