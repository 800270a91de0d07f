"""Calls that go out over the API, answered (or not) by SIPp at the far end of a trunk."""

from __future__ import annotations

import hashlib
import re
import uuid

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.parties import Parties, new_number
from tests.e2e.sipp_runner import free_udp_port

CALLED = "+15557650100"


def test_callee_answers_hears_the_agent_and_the_api_hangs_up(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route(hold_ms=200)
    placed = api.place_call(route.agent_id, CALLED, variables={"name": "Ada"}, metadata={"order": "42"})
    assert placed["status"] in ("queued", "ringing")
    assert placed["direction"] == "outbound"
    invited = route.callee.sip.wait_for("invited")
    assert invited["from"] == route.number
    assert invited["to"] == CALLED
    assert api.wait_for_status(placed["id"], "ringing", "in-progress")["sip"]["call_id"] == invited["call_id"]
    route.callee.audio.send_to(invited["remote_rtp_port"])
    api.wait_for_status(placed["id"], "in-progress")
    route.callee.audio.wait_for_audio()
    api.post(f"/calls/{placed['id']}/hangup")
    route.callee.sip.wait_for("bye")
    route.callee.sip.finish()

    call = api.wait_for_status(placed["id"], "ended")
    assert call["end_reason"] == "api-hangup"
    assert call["phone_number"] == CALLED
    assert call["from_number"] == route.number
    assert call["variables"] == {"name": "Ada"}
    assert call["metadata"]["order"] == "42"
    assert call["duration_seconds"] is not None
    kinds = [step["kind"] for step in api.timeline(placed["id"])]
    order = ["engine-created", "invite-sent", "progress", "answered", "sip-terminated"]
    assert [kind for kind in kinds if kind in order[:-1]] == order[:-1]


def test_callee_hangs_up(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_hangs_up", hold_ms=1500)
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.start_talking("invited")
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "ended")
    assert call["end_reason"] == "contact-hangup"
    assert call["duration_seconds"] in (1, 2)


@pytest.mark.parametrize(
    ("status_line", "failure"),
    [
        ("486 Busy Here", "busy"),
        ("404 Not Found", "invalid-number"),
        ("503 Service Unavailable", "trunk-unavailable"),
        ("480 Temporarily Unavailable", "no-answer"),
        ("603 Decline", "rejected"),
        ("403 Forbidden", "trunk-forbidden"),
    ],
)
def test_refusal_becomes_a_failure_reason(
    parties: Parties, api: ApiClient, status_line: str, failure: str
) -> None:
    route = parties.outbound_route("callee_refuses", replace=("486 Busy Here", status_line))
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "failed")
    assert call["failure_reason"] == failure
    assert call["sip"]["status"] == int(status_line[:3])
    assert call["duration_seconds"] is None


def test_nobody_answers_within_the_join_timeout(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_never_answers")
    placed = api.place_call(route.agent_id, CALLED, call_settings={"join_timeout": "2s"})
    route.callee.sip.wait_for("cancelled")
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "failed")
    assert call["failure_reason"] == "no-answer"
    assert call["started_at"] is None
    rang = [
        step["t_ms"] for step in api.timeline(placed["id"]) if step["kind"] in ("invite-sent", "ring-timeout")
    ]
    assert 1900 < rang[1] - rang[0] < 2600


def test_api_cancels_while_it_rings(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_never_answers")
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.sip.wait_for("invited")
    api.wait_for_status(placed["id"], "ringing")
    api.post(f"/calls/{placed['id']}/cancel")
    route.callee.sip.wait_for("cancelled")
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "cancelled")
    assert call["cancelled_from"] == "ringing"
    assert call["failure_reason"] is None
    assert call["duration_seconds"] is None
    again = api.http.post(f"/calls/{placed['id']}/cancel")
    assert again.status_code == 409


def test_answer_that_crosses_the_cancel_is_acknowledged_and_ended(parties: Parties, api: ApiClient) -> None:
    """The far end never sees the 487 path: it answers 200 to the INVITE just as our CANCEL arrives."""
    route = parties.outbound_route("callee_answers_into_cancel")
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.sip.wait_for("invited")
    api.wait_for_status(placed["id"], "ringing")
    api.post(f"/calls/{placed['id']}/cancel")
    route.callee.sip.wait_for("acknowledged")
    route.callee.sip.wait_for("bye")
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "cancelled")
    assert call["duration_seconds"] is None
    assert call["started_at"] is None


def test_answered_call_cannot_be_cancelled(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route()
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.start_talking("invited")
    api.wait_for_status(placed["id"], "in-progress")
    assert api.http.post(f"/calls/{placed['id']}/cancel").status_code == 409
    api.post(f"/calls/{placed['id']}/hangup")
    route.callee.sip.finish()


def test_trunk_asks_for_credentials_with_401(parties: Parties, api: ApiClient) -> None:
    """SIPp itself computes the digest and refuses a wrong one."""
    route = parties.outbound_route("callee_challenges_401", credentials=("trunk-user", "trunk-secret"))
    _answered_and_hung_up(parties, api, route)


def test_trunk_asks_for_credentials_with_407(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_challenges_407", credentials=("trunk-user", "trunk-secret"))
    _answered_and_hung_up(parties, api, route)
    header = next(line for line in route.callee.sip.events if line.startswith("credentials"))
    fields = {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', header)}
    assert fields["username"] == "trunk-user"
    assert fields["realm"] == "trunk, east"
    assert fields["qop"] == "auth"
    assert "trunk-secret" not in header

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    a1 = md5("trunk-user:trunk, east:trunk-secret")
    a2 = md5(f"INVITE:{fields['uri']}")
    expected = md5(f"{a1}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth:{a2}")
    assert fields["response"] == expected


def test_trunk_that_refuses_the_credentials_is_asked_once_only(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_rejects_credentials", credentials=("trunk-user", "wrong"))
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.sip.finish()
    call = api.wait_for_status(placed["id"], "failed")
    assert call["failure_reason"] == "trunk-auth-failed"
    assert call["sip"]["status"] == 407


def test_trunk_without_credentials_that_is_challenged_fails(parties: Parties, api: ApiClient) -> None:
    refusal = ("486 Busy Here", "407 Proxy Authentication Required")
    route = parties.outbound_route("callee_refuses", replace=refusal)
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.sip.finish()
    assert api.wait_for_status(placed["id"], "failed")["failure_reason"] == "trunk-auth-failed"


def test_retry_with_the_same_idempotency_key_does_not_dial_twice(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route("callee_hangs_up", hold_ms=800)
    key = str(uuid.uuid4())
    first = api.place_call(route.agent_id, CALLED, key=key)
    route.callee.start_talking("invited")
    retried = [api.place_call(route.agent_id, CALLED, key=key) for _ in range(3)]
    assert {call["id"] for call in retried} == {first["id"]}
    other = api.http.post(
        "/calls",
        json={"agent_id": route.agent_id, "phone_number": "+15557650101"},
        headers={"X-Idempotency-Key": key},
    )
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    route.callee.sip.finish()  # SIPp fails if a second INVITE comes: it takes one call only
    api.wait_for_status(first["id"], "ended")
    assert len(api.calls(agent_id=route.agent_id)) == 1
    assert route.callee.sip.messages.count("\nINVITE sip:") == 1


def test_callee_who_is_not_there_fails_the_call(parties: Parties, api: ApiClient) -> None:
    """Nothing listens at the trunk's address: ICMP says so, or timer B does."""
    route = parties.outbound_route_to(None, f"127.0.0.1:{free_udp_port()}")
    placed = api.place_call(route.agent_id, CALLED, call_settings={"join_timeout": "40s"})
    call = api.wait_for_status(placed["id"], "failed", seconds=45)
    assert call["failure_reason"] == "trunk-unavailable"


def test_agent_without_a_number_cannot_call(parties: Parties, api: ApiClient) -> None:
    agent = parties.agent()
    refused = api.http.post("/calls", json={"agent_id": agent["id"], "phone_number": CALLED})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "no_phone_number_configured"
    assert api.calls(agent_id=agent["id"]) == []


def test_number_of_another_agent_cannot_be_called_from(parties: Parties, api: ApiClient) -> None:
    route = parties.outbound_route_to(None, "127.0.0.1:9")
    body = {"agent_id": route.agent_id, "phone_number": CALLED, "from_number": new_number()}
    refused = api.http.post("/calls", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "from_number_not_assigned"


@pytest.mark.parametrize("number", ["15557650100", "+0155576501", "hello", "+1555765010012345"])
def test_number_that_is_no_number_is_refused_naming_the_field(
    parties: Parties, api: ApiClient, number: str
) -> None:
    agent = parties.agent()
    refused = api.http.post("/calls", json={"agent_id": agent["id"], "phone_number": number})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["field"] == "phone_number"


def _answered_and_hung_up(parties: Parties, api: ApiClient, route) -> None:  # type: ignore[no-untyped-def]
    placed = api.place_call(route.agent_id, CALLED)
    route.callee.start_talking("invited")
    api.wait_for_status(placed["id"], "in-progress")
    api.post(f"/calls/{placed['id']}/hangup")
    route.callee.sip.wait_for("bye")
    route.callee.sip.finish()
    assert api.wait_for_status(placed["id"], "ended")["end_reason"] == "api-hangup"
