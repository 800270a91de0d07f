"""`GET /calls/{id}/sip`, `GET /sip/traces` and `GET /sip/trace`."""

from __future__ import annotations

from xml.etree import ElementTree

from control_api.schemas_shared import Envelope
from control_api.schemas_signalling import SipLadderOut
from gateway.signalling.trace_ring import CallLeg
from tests.control_api.api import NOWHERE, World
from tests.gateway.signalling.messages import PEER, event, sip
from tests.support.capture_reader import read_capture


async def call_with_signalling(world: World) -> str:
    agent = await world.agent()
    made = await world.api.post("calls", {"agent_id": agent.id, "phone_number": "+15551234567"})
    call_id: str = made.json()["data"]["id"]
    traces = world.gateway.traces
    traces.observe(event(sip()))
    traces.leg(CallLeg(call_id, world.organization_id, "contact", "ours", "theirs", PEER), "c1")
    traces.observe(event(sip("SIP/2.0 486 Busy Here", to_tag="ours"), sent=True))
    return call_id


async def test_the_ladder_of_a_call(world: World) -> None:
    call_id = await call_with_signalling(world)
    answer = await world.api.get(f"calls/{call_id}/sip")
    ladder = Envelope[SipLadderOut].model_validate_json(answer.content).data
    assert str(ladder.call_id) == call_id
    assert (ladder.kept, ladder.dropped) == ("memory", 0)
    assert [(one.address, one.name) for one in ladder.participants] == [
        ("198.51.100.7:5070", "peer"),
        ("192.0.2.1:5060", "gateway"),
    ]
    first, second = ladder.messages
    assert (first.sequence, first.direction, first.method, first.status) == (1, "received", "INVITE", None)
    assert (second.direction, second.status, second.reason) == ("sent", 486, "Busy Here")
    assert first.text == sip().decode()
    assert first.size == len(sip())
    assert second.t_ms >= 0


async def test_the_formats(world: World) -> None:
    path = f"calls/{await call_with_signalling(world)}/sip"
    text = await world.api.get(path, params={"format": "text"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "gateway --> 198.51.100.7:5070 udp 486 Busy Here (INVITE)" in text.text
    picture = await world.api.get(path, params={"format": "svg"})
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in picture.headers["content-security-policy"]
    assert ElementTree.fromstring(picture.text).tag == "{http://www.w3.org/2000/svg}svg"
    capture = await world.api.get(path, params={"format": "pcap"})
    assert capture.headers["content-disposition"].startswith("attachment; ")
    assert next(iter(read_capture(capture.content))).data == sip()
    for accept, kind in (
        ("text/plain", "text/plain"),
        ("text/html, image/svg+xml;q=0.9", "image/svg+xml"),
        ("application/vnd.tcpdump.pcap", "application/vnd.tcpdump.pcap"),
        ("*/*", "application/json"),
    ):
        answer = await world.api.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"].startswith(kind)
    assert (await world.api.get(path, params={"format": "xml"})).status_code == 422


async def test_another_organisation_sees_nothing(world: World) -> None:
    call_id = await call_with_signalling(world)
    assert (await world.other.get(f"calls/{call_id}/sip")).status_code == 404
    assert (await world.other.get("sip/trace", params={"sip_call_id": "c1"})).status_code == 404
    assert (await world.other.get("sip/traces")).json()["data"] == []
    assert (await world.anonymous.get(f"calls/{call_id}/sip")).status_code == 401
    assert (await world.anonymous.get("sip/traces")).status_code == 401
    assert (await world.api.get(f"calls/{NOWHERE}/sip")).status_code == 404


async def test_a_call_of_which_nothing_is_kept(world: World) -> None:
    agent = await world.agent()
    made = await world.api.post("calls", {"agent_id": agent.id, "phone_number": "+15551234567"})
    answer = (await world.api.get(f"calls/{made.json()['data']['id']}/sip")).json()["data"]
    assert (answer["kept"], answer["messages"]) == ("none", [])


async def test_what_never_became_a_call_is_found(world: World) -> None:
    body = {"name": "carrier", "inbound": {"allowed_addresses": ["198.51.100.0/24"]}}
    assert (await world.api.post("trunks", body)).status_code == 201
    world.gateway.traces.observe(event(sip(call_id="lost")))
    await call_with_signalling(world)
    found = (await world.api.get("sip/traces")).json()
    assert [one["sip_call_id"] for one in found["data"]] == ["c1", "lost"]
    assert found["pagination"]["total"] == 2
    mine, lost = found["data"]
    assert mine["call_id"] is not None
    assert mine["status"] == 486
    assert lost["call_id"] is None
    assert lost["from"] == "<sip:+15557654321@198.51.100.7>;tag=theirs"
    assert (await world.api.get("sip/traces?source=198.51.100.9")).json()["data"] == []
    assert (await world.api.get("sip/traces?since=2199-01-01T00:00:00")).json()["data"] == []
    assert len((await world.api.get("sip/traces?since=2001-01-01T00:00:00Z")).json()["data"]) == 2
    assert (await world.api.get("sip/traces?since=yesterday")).status_code == 422
    ladder = await world.api.get("sip/trace", params={"sip_call_id": "lost"})
    assert Envelope[SipLadderOut].model_validate_json(ladder.content).data.call_id is None
