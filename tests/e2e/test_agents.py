"""An agent's life as its owner and the callers see it: made, changed, deleted, and known to the engine."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.api_client import ApiClient
from tests.e2e.engine_view import EngineView
from tests.e2e.parties import RECEPTIONIST_PROMPT, VOICE, Parties


def engine_agent(engine: EngineView, agent_id: str) -> dict[str, Any] | None:
    """The engine's counterpart of an agent."""
    answer = engine.http.get("/api/agents", params={"pageSize": 100})
    agents = [each for each in answer.json()["results"] if each["name"] == f"agent_{agent_id}"]
    assert len(agents) <= 1
    return agents[0] if agents else None


def wait_until(condition: Any, seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.05)


def test_the_engine_follows_an_agent_from_its_making_to_its_end(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    agent = parties.agent(greeting_settings={"text": "First words."})
    made = engine_agent(engine, agent["id"])
    assert made is not None
    changed = api.http.patch(f"/agents/{agent['id']}", json={"greeting_settings": {"text": "Other words."}})
    assert changed.json()["data"]["status"] == "active", "it serves calls meanwhile"

    def told() -> bool:
        now = engine_agent(engine, agent["id"])
        assert now is not None
        assert now["agentId"] == made["agentId"]
        first: str = now["callTemplate"]["firstSpeakerSettings"]["agent"]["text"]
        return first == "Other words."

    wait_until(told)
    assert api.http.delete(f"/agents/{agent['id']}").status_code == 204
    wait_until(lambda: engine_agent(engine, agent["id"]) is None)


def test_a_deleted_agents_number_is_refused_at_once_and_its_live_call_goes_on(
    parties: Parties, api: ApiClient
) -> None:
    number = parties.inbound_number()
    caller = parties.connected_caller(number=number, hold_ms=2500)
    live = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "in-progress")
    assert api.http.delete(f"/agents/{live['agent_id']}").status_code == 204
    refused = parties.caller("refused", number=number)
    refused.sip.finish()
    assert refused.sip.wait_for("refused")["status"] == "404"
    assert api.call(live["id"])["status"] == "in-progress"
    caller.sip.finish()
    ended = api.wait_for_status(live["id"], "ended")
    assert (ended["end_reason"], ended["duration_seconds"]) == ("contact-hangup", 2)
    entry = next(item for item in api.get("/telephony/numbers", limit=100) if item["phone_number"] == number)
    assert (entry["inbound_agent_id"], entry["outbound_agent_id"]) == (None, None)


def test_a_changed_greeting_is_spoken_in_the_next_call(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number(greeting_settings={"text": "Old greeting."})
    entry = next(item for item in api.get("/telephony/numbers", limit=100) if item["phone_number"] == number)
    body = {
        "name": "Replaced",
        "voice_id": VOICE,
        "system_prompt": RECEPTIONIST_PROMPT,
        "greeting_settings": {"text": "New greeting."},
    }
    assert api.http.put(f"/agents/{entry['inbound_agent_id']}", json=body).status_code == 200
    caller = parties.connected_caller(number=number, hold_ms=2000)
    caller.audio.wait_for_audio()
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "ended")
    assert call["transcript"][0]["text"].startswith("New greeting")
