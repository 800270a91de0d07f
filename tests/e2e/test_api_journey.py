"""A newcomer's way over the API, from nothing to an answered call, and what the API says to those who go
astray.
"""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import RECEPTIONIST_PROMPT, VOICE, Parties, new_number


def test_newcomer_makes_an_agent_a_number_and_a_trunk_and_takes_a_call(
    parties: Parties, api: ApiClient
) -> None:
    agent = api.post(
        "/agents",
        {
            "name": "Front desk",
            "voice_id": VOICE,
            "system_prompt": RECEPTIONIST_PROMPT,
            "greeting_settings": {"first_speaker": "FIRST_SPEAKER_AGENT", "text": "Front desk, good day."},
        },
    )
    assert agent["status"] in ("draft", "creating", "active")
    api.wait_until_active(agent["id"])

    trunk = api.post("/trunks", {"name": "My PBX", "inbound": {"allowed_addresses": ["127.0.0.0/8"]}})
    assert trunk["inbound"]["allowed_addresses"] == ["127.0.0.0/8"]
    assert trunk["id"] in [listed["id"] for listed in api.get("/trunks", limit=100)]

    number = new_number()
    imported = api.post("/telephony/numbers/import", {"phone_number": number, "friendly_name": "Main line"})
    assert imported["inbound_agent_id"] is None
    unassigned = api.get("/routing/explain", to=number, source="127.0.0.1")
    assigned = api.post(
        "/telephony/numbers/assign",
        {"number_id": imported["id"], "agent_id": agent["id"], "assignment_type": "inbound"},
    )
    assert assigned["inbound_agent_id"] == agent["id"]
    explained = api.get("/routing/explain", to=number, source="127.0.0.1")
    assert agent["id"] in str(explained)
    assert agent["id"] not in str(unassigned)
    shown = api.get(f"/agents/{agent['id']}")
    assert [slot["phone_number"] for slot in shown["inbound_phone_numbers"]] == [number]

    caller = parties.connected_caller(number=number, hold_ms=3500)
    caller.audio.wait_for_audio()
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["agent_id"] == agent["id"] and call["status"] == "ended")
    assert call["from_number"] == number
    assert call["transcript"][0]["text"].startswith("Front desk")
    assert api.timeline(call["id"])[0]["kind"] in ("created", "invite-received")

    metrics = parties.gateway.metrics()
    ended = [
        value
        for name, value in metrics.items()
        if name.startswith("trunkline_calls_total")
        and 'status="ended"' in name
        and 'direction="inbound"' in name
    ]
    assert sum(ended) >= 1

    freed = api.post("/telephony/numbers/unassign", {"number_id": imported["id"]})
    assert freed["inbound_agent_id"] is None
    refused = parties.caller("refused", number=number)
    refused.sip.finish()
    assert refused.sip.wait_for("refused")["status"] == "404"


def test_reassigned_number_is_answered_by_the_new_agent_from_the_next_call_on(
    parties: Parties, api: ApiClient
) -> None:
    number = parties.inbound_number()
    first = parties.connected_caller(number=number, hold_ms=2500)
    before = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "in-progress")
    successor = parties.agent()
    entry = next(item for item in api.get("/telephony/numbers", limit=100) if item["phone_number"] == number)
    body = {"number_id": entry["id"], "agent_id": successor["id"], "assignment_type": "inbound"}
    api.post("/telephony/numbers/assign", body)
    second = parties.connected_caller(number=number, hold_ms=300)
    second.sip.finish()
    first.sip.finish()
    after = api.wait_for_call(lambda call: call["agent_id"] == successor["id"])
    assert after["from_number"] == number
    old = api.wait_for_status(before["id"], "ended")
    assert old["agent_id"] != successor["id"], "the live call keeps its agent"
    assert old["duration_seconds"] == 2


def test_call_read_has_its_fields_at_the_top_and_under_data(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=300)
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["status"] == "ended")
    body = api.http.get(f"/calls/{call['id']}").json()
    assert body["status"] == body["data"]["status"] == "ended"
    assert body["id"] == call["id"]
    assert set(body["data"]) <= set(body)


def test_calls_are_listed_by_filters_and_pages(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number()
    for _ in range(3):
        caller = parties.connected_caller(number=number, hold_ms=100)
        caller.sip.finish()
    newest = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "ended")
    page = api.http.get("/calls", params={"agent_id": newest["agent_id"], "limit": 2}).json()
    assert page["pagination"] == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    rest = api.http.get("/calls", params={"agent_id": newest["agent_id"], "limit": 2, "offset": 2}).json()
    assert rest["pagination"]["has_more"] is False
    ids = [call["id"] for call in page["data"] + rest["data"]]
    assert len(set(ids)) == 3
    assert ids == sorted(ids, reverse=True), "newest first"
    assert api.calls(agent_id=newest["agent_id"], status="failed") == []
    assert api.http.get("/calls", params={"limit": 101}).status_code == 422


@pytest.mark.parametrize("key", ["", "wrong", "trk_00000000000000000000000000000000"])
def test_without_a_valid_key_there_is_401(gateway: Gateway, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{gateway.http}/api/public/v1/calls", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_unknown_call_is_404(api: ApiClient) -> None:
    for call_id in ("018f0000-0000-7000-8000-000000000000", "nonsense"):
        answer = api.http.get(f"/calls/{call_id}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


def test_bad_bodies_name_the_field(api: ApiClient) -> None:
    missing = api.http.post("/agents", json={"name": "No voice", "system_prompt": "Hm."})
    assert missing.status_code == 422
    assert missing.json()["error"]["details"]["field"] == "voice_id"
    open_to_all = api.http.post("/trunks", json={"name": "Open", "inbound": {"allowed_addresses": []}})
    assert open_to_all.status_code == 422
    broken = api.http.post("/agents", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


def test_agent_created_twice_with_one_key_is_one_agent(api: ApiClient) -> None:
    body = {"name": "Once", "voice_id": VOICE, "system_prompt": "Once only."}
    first = api.post("/agents", body, key="journey-once")
    second = api.post("/agents", body, key="journey-once")
    assert first["id"] == second["id"]


def test_requests_beyond_the_limit_get_429_and_retry_after(start_gateway) -> None:  # type: ignore[no-untyped-def]
    gateway: Gateway = start_gateway(environment={"TRUNKLINE_HTTP_RATE_LIMIT_PER_MINUTE": "60"})
    api = ApiClient(gateway.http, gateway.demo_key)
    answers = [api.http.get("/calls") for _ in range(130)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert refused, "130 requests in a second passed a limit of 60 a minute"
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].json()["error"]["code"] == "rate_limited"
    api.close()


def test_operations_pages_need_no_key(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.http}/healthz").status_code == 200
    ready = httpx.get(f"{gateway.http}/readyz")
    assert ready.status_code == 200
    described = httpx.get(f"{gateway.http}/openapi.json").json()
    for path in (
        "/calls",
        "/calls/{call_id}",
        "/agents",
        "/trunks",
        "/telephony/numbers/import",
        "/routing/explain",
    ):
        assert f"/api/public/v1{path}" in described["paths"], path
    assert "trunkline_calls_live" in httpx.get(f"{gateway.http}/metrics").text
