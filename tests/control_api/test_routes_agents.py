from __future__ import annotations

from typing import Any

import pytest

from gateway.directory import AssignmentType
from gateway.new_number import NewNumber
from gateway.new_tool import NewTool
from media.ultravox.errors import EngineUnreachableError
from store.agent_part_records import Tool, ToolKind
from store.records import AgentStatus, BrowserMode
from tests.control_api.api import NOWHERE, OTHER_VOICE_ID, VOICE_ID, World, error_of

pytestmark = pytest.mark.both_databases

MINIMAL = {"name": "Support", "voice_id": VOICE_ID, "system_prompt": "You are helpful."}

DOCUMENTED_EXAMPLE: dict[str, Any] = {
    "name": "Customer Support Agent",
    "description": "Handles customer support calls",
    "voice_id": VOICE_ID,
    "system_prompt": "You are a helpful customer support agent. The customer's name is {{first_name}}.",
    "model": "ultravox-v0.7",
    "tools": ["4ee4db9b-d099-4dba-b4a8-8272a55fe25a"],
    "knowledge_bases": ["6f4af8be-0a96-49b0-ac2a-a359f46cc966"],
    "temperature": 0.3,
    "recording_enabled": True,
    "language_hint": "en-US",
    "max_duration": "900s",
    "greeting_settings": {
        "first_speaker": "FIRST_SPEAKER_AGENT",
        "text": "Hello! How can I help you today?",
    },
}

EVERYTHING = DOCUMENTED_EXAMPLE | {
    "join_timeout": "30s",
    "time_exceeded_message": "Time is up.",
    "greeting_settings": {
        "first_speaker": "FIRST_SPEAKER_USER",
        "text": "Are you there?",
        "delay": 1.5,
        "uninterruptible": True,
    },
    "inactivity_messages": [
        {"duration": "10s", "message": "Still there?"},
        {"duration": "8.5s", "message": "Goodbye.", "endBehavior": "END_BEHAVIOR_HANG_UP"},
    ],
    "vad_settings": {
        "turn_endpoint_delay": "0.384s",
        "minimum_turn_duration": "0s",
        "minimum_interruption_duration": "0.09s",
        "frame_activation_threshold": 0.1,
    },
    "built_in_config": {
        "transfer": {"cold": True, "warm": False},
        "hang_up": True,
        "leave_voicemail": False,
    },
    "success_criteria": "An appointment was made.",
    "extraction_schema": {"type": "object", "properties": {"date": {"type": "string"}}},
    "crm_webhook_url": "https://crm.example.com/hook",
}


@pytest.fixture(autouse=True)
async def documented_parts(world: World) -> None:
    """The tool and the knowledge base that the example names."""
    await a_tool(world, tool_id=DOCUMENTED_EXAMPLE["tools"][0])
    await world.gateway.knowledge.create(
        world.organization_id, name="FAQ", base_id=DOCUMENTED_EXAMPLE["knowledge_bases"][0]
    )


async def a_tool(world: World, name: str = "look_up", **options: Any) -> Tool:
    new = NewTool(
        name=name,
        model_tool_name=name,
        kind=ToolKind.HTTP,
        description="d",
        url="https://tools.example.com",
        method="POST",
    )
    return await world.gateway.directory.create_tool(world.organization_id, new, **options)


async def test_the_documented_example_is_accepted(world: World) -> None:
    response = await world.api.post("agents", DOCUMENTED_EXAMPLE)
    assert response.status_code == 201
    assert set(response.json()) == {"data", "meta"}
    agent = response.json()["data"]
    assert {key: agent[key] for key in DOCUMENTED_EXAMPLE} == DOCUMENTED_EXAMPLE
    assert agent["status"] == "draft"


async def test_only_three_fields_are_required_and_the_others_have_their_defaults(world: World) -> None:
    agent = (await world.api.post("agents", MINIMAL)).json()["data"]
    assert {key: agent[key] for key in agent if key not in ("id", "created_at", "updated_at")} == {
        "name": "Support",
        "description": None,
        "voice_id": VOICE_ID,
        "system_prompt": "You are helpful.",
        "model": "ultravox-v0.7",
        "status": "draft",
        "sync_error": None,
        "tools": [],
        "knowledge_bases": [],
        "temperature": 0.3,
        "recording_enabled": False,
        "language_hint": None,
        "join_timeout": None,
        "max_duration": None,
        "time_exceeded_message": None,
        "greeting_settings": None,
        "inactivity_messages": [],
        "vad_settings": None,
        "built_in_config": None,
        "success_criteria": None,
        "extraction_schema": None,
        "crm_webhook_url": None,
        "browser_mode": "bridged",
        "inbound_phone_numbers": [],
        "outbound_phone_numbers": [],
    }


async def test_every_field_comes_back_as_it_went_in(world: World) -> None:
    created = (await world.api.post("agents", EVERYTHING)).json()["data"]
    read = (await world.api.get(f"agents/agent_{created['id']}")).json()["data"]
    assert {key: read[key] for key in EVERYTHING} == EVERYTHING
    assert read == created


async def test_settings_are_kept_in_milliseconds(world: World) -> None:
    created = (await world.api.post("agents", EVERYTHING)).json()["data"]
    agent = await world.gateway.directory.get_agent(world.organization_id, created["id"])
    assert agent.join_timeout_ms == 30_000
    assert agent.max_duration_ms == 900_000
    assert agent.greeting_settings == {
        "first_speaker": "FIRST_SPEAKER_USER",
        "text": "Are you there?",
        "delay_ms": 1_500,
        "uninterruptible": True,
    }
    assert agent.inactivity_messages == (
        {"duration_ms": 10_000, "message": "Still there?"},
        {"duration_ms": 8_500, "message": "Goodbye.", "end_behavior": "END_BEHAVIOR_HANG_UP"},
    )
    assert agent.vad_settings == {
        "turn_endpoint_delay_ms": 384,
        "minimum_turn_duration_ms": 0,
        "minimum_interruption_duration_ms": 90,
        "frame_activation_threshold": 0.1,
    }


@pytest.mark.parametrize(("delay", "shown"), [(2, 2), (0, 0), (0.25, 0.25), ("2s", 2), ("0.25s", 0.25)])
async def test_a_greetings_delay_may_be_a_number_or_text(world: World, delay: Any, shown: float) -> None:
    body = MINIMAL | {"greeting_settings": {"delay": delay}}
    agent = (await world.api.post("agents", body)).json()["data"]
    assert agent["greeting_settings"] == {"delay": shown}


@pytest.mark.parametrize("spelling", ["endBehavior", "end_behavior"])
async def test_both_spellings_of_end_behavior_are_read_and_one_is_written(
    world: World, spelling: str
) -> None:
    message = {"duration": "10s", "message": "Hello?", spelling: "END_BEHAVIOR_HANG_UP_STRICT"}
    agent = (await world.api.post("agents", MINIMAL | {"inactivity_messages": [message]})).json()["data"]
    assert agent["inactivity_messages"][0]["endBehavior"] == "END_BEHAVIOR_HANG_UP_STRICT"
    assert "end_behavior" not in agent["inactivity_messages"][0]


async def test_the_webhook_secret_is_kept_and_never_shown(world: World) -> None:
    body = MINIMAL | {"crm_webhook_url": "https://x.example", "crm_webhook_secret": "whsec_hidden"}
    response = await world.api.post("agents", body)
    agent_id = response.json()["data"]["id"]
    shown = [response, await world.api.get(f"agents/{agent_id}"), await world.api.get("agents")]
    assert not any("whsec_hidden" in each.text or "crm_webhook_secret" in each.text for each in shown)
    agent = await world.gateway.directory.get_agent(world.organization_id, agent_id)
    assert agent.crm_webhook_secret == "whsec_hidden"


async def test_a_refused_secret_is_not_repeated_in_the_error(world: World) -> None:
    response = await world.api.post("agents", MINIMAL | {"crm_webhook_secret": ["whsec_hidden"]})
    assert response.status_code == 422
    assert "whsec_hidden" not in response.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"voice_id": "Mark"}, "voice_id"),
        ({"voice_id": None}, "voice_id"),
        ({"system_prompt": ""}, "system_prompt"),
        ({"tools": ["not-a-uuid"]}, "tools.0"),
        ({"tools": "all"}, "tools"),
        ({"knowledge_bases": [NOWHERE, VOICE_ID]}, "knowledge_bases"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"recording_enabled": 1}, "recording_enabled"),
        ({"language_hint": "English please"}, "language_hint"),
        ({"language_hint": "en-US-x-much-too-long"}, "language_hint"),
        ({"join_timeout": "30"}, "join_timeout"),
        ({"join_timeout": 30}, "join_timeout"),
        ({"max_duration": "2d"}, "max_duration"),
        ({"max_duration": "86401s"}, "max_duration"),
        ({"greeting_settings": {"first_speaker": "ME"}}, "greeting_settings.first_speaker"),
        ({"greeting_settings": {"delay": -1}}, "greeting_settings.delay"),
        ({"greeting_settings": {"delay": "soon"}}, "greeting_settings.delay"),
        ({"greeting_settings": {"delay": True}}, "greeting_settings.delay"),
        ({"inactivity_messages": [{"message": "Hi"}]}, "inactivity_messages.0.duration"),
        (
            {"inactivity_messages": [{"duration": "1s", "message": "x", "endBehavior": "END"}]},
            "inactivity_messages.0.endBehavior",
        ),
        ({"vad_settings": {"frame_activation_threshold": 0.05}}, "vad_settings.frame_activation_threshold"),
        ({"vad_settings": {"turn_endpoint_delay": "fast"}}, "vad_settings.turn_endpoint_delay"),
        ({"built_in_config": {"transfer": {"cold": "yes"}}}, "built_in_config.transfer.cold"),
        ({"built_in_config": {"fly": True}}, "built_in_config.fly"),
        ({"extraction_schema": []}, "extraction_schema"),
        ({"extraction_schema": {"type": "date"}}, "extraction_schema"),
        ({"extraction_schema": {"properties": ["date"]}}, "extraction_schema"),
        ({"extraction_schema": {"$schema": []}}, "extraction_schema"),
        ({"extraction_schema": {"$schema": 5}}, "extraction_schema"),
        ({"crm_webhook_url": "ftp://example.com"}, "crm_webhook_url"),
        ({"crm_webhook_url": "https://user:pass@example.com"}, "crm_webhook_url"),
        ({"crm_webhook_url": "https://[::1"}, "crm_webhook_url"),
        ({"browser_mode": "relayed"}, "browser_mode"),
        ({"browser_mode": None}, "browser_mode"),
        ({"status": "active"}, "status"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("agents", MINIMAL | change)
    assert response.status_code == 422
    assert error_of(response)["details"]["field"] == field
    assert (await world.api.get("agents")).json()["data"] == []


async def test_a_schema_too_deep_to_be_read_is_named(world: World) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        schema = {"items": schema}
    response = await world.api.post("agents", MINIMAL | {"extraction_schema": schema})
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "extraction_schema")


async def test_not_a_number_is_no_temperature(world: World) -> None:
    body = f'{{"name": "a", "voice_id": "{VOICE_ID}", "system_prompt": "p", "temperature": NaN}}'
    response = await world.api.post("agents", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)


async def test_a_retried_creation_makes_one_agent(world: World) -> None:
    first = await world.api.post("agents", MINIMAL, key="k")
    again = await world.api.post("agents", MINIMAL, key="k")
    assert first.content == again.content
    assert (await world.api.get("agents")).json()["pagination"]["total"] == 1


async def test_an_agent_shows_the_numbers_of_both_slots(world: World) -> None:
    agent = await world.agent()
    directory = world.gateway.directory
    one = await directory.import_number(world.organization_id, NewNumber(phone_number="+14155550123"))
    two = await directory.import_number(world.organization_id, NewNumber(phone_number="+14155550124"))
    await directory.assign(world.organization_id, one.id, agent.id, AssignmentType.INBOUND)
    await directory.assign(world.organization_id, two.id, agent.id, AssignmentType.OUTBOUND)
    read = (await world.api.get(f"agents/{agent.id}")).json()["data"]
    listed = (await world.api.get("agents")).json()["data"][0]
    for shown in (read, listed):
        assert shown["inbound_phone_numbers"] == [{"id": one.id, "phone_number": "+14155550123"}]
        assert shown["outbound_phone_numbers"] == [{"id": two.id, "phone_number": "+14155550124"}]


async def test_agents_are_listed_by_status_and_part_of_the_name(world: World) -> None:
    active = await world.agent(name="Customer Support")
    draft = (await world.api.post("agents", MINIMAL | {"name": "Sales"})).json()["data"]

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await world.api.get(f"agents?{query}")).json()["data"]]

    assert await ids("") == [draft["id"], active.id]
    assert await ids(f"status={AgentStatus.ACTIVE}") == [active.id]
    assert await ids("name=supp") == [active.id]
    assert await ids("limit=1&offset=1") == [active.id]


@pytest.mark.parametrize(
    ("query", "field"), [("status=asleep", "status"), ("limit=0", "limit"), ("name=" + "x" * 101, "name")]
)
async def test_a_wrong_parameter_is_named(world: World, query: str, field: str) -> None:
    response = await world.api.get(f"agents?{query}")
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)


async def test_another_organisations_agent_is_not_found(world: World) -> None:
    agent = await world.agent()
    assert (await world.other.get(f"agents/{agent.id}")).status_code == 404
    assert (await world.other.get("agents")).json()["data"] == []
    assert (await world.api.get("agents/nobody")).status_code == 404


async def created(world: World, **fields: Any) -> dict[str, Any]:
    response = await world.api.post("agents", EVERYTHING | fields)
    assert response.status_code == 201
    agent: dict[str, Any] = response.json()["data"]
    return agent


async def test_a_replacement_puts_what_it_does_not_name_back_to_the_defaults(world: World) -> None:
    plain = (await world.api.post("agents", MINIMAL)).json()["data"]
    agent = await created(world)
    response = await world.api("PUT", f"agents/{agent['id']}", json=MINIMAL)
    assert response.status_code == 200
    replaced = response.json()["data"]
    own = ("id", "created_at", "updated_at")
    assert {key: replaced[key] for key in replaced if key not in own} == {
        key: plain[key] for key in plain if key not in own
    }
    assert (replaced["id"], replaced["created_at"]) == (agent["id"], agent["created_at"])
    assert (await world.api.get(f"agents/{agent['id']}")).json()["data"] == replaced


async def test_a_replacement_forgets_the_webhooks_secret(world: World) -> None:
    agent = await created(world, crm_webhook_secret="whsec_hidden")
    await world.api("PUT", f"agents/{agent['id']}", json=MINIMAL)
    kept = await world.gateway.directory.get_agent(world.organization_id, agent["id"])
    assert kept.crm_webhook_secret is None


@pytest.mark.parametrize("body", [{"voice_id": None}, {"voice_id": "Mark"}, {}])
async def test_a_replacement_needs_a_voice(world: World, body: dict[str, Any]) -> None:
    agent = await created(world)
    whole = {"name": "Support", "system_prompt": "You are helpful."} | body
    response = await world.api("PUT", f"agents/{agent['id']}", json=whole)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "voice_id")
    assert (await world.api.get(f"agents/{agent['id']}")).json()["data"] == agent


CHANGES = {
    "name": "Other",
    "description": None,
    "system_prompt": "Be brief.",
    "voice_id": OTHER_VOICE_ID,
    "model": "ultravox-v0.6",
    "tools": [],
    "knowledge_bases": [],
    "temperature": 0.2,
    "recording_enabled": False,
    "language_hint": "es-MX",
    "join_timeout": "20s",
    "max_duration": "600s",
    "time_exceeded_message": None,
    "greeting_settings": {"text": "Hi."},
    "inactivity_messages": [{"duration": "5s", "message": "Hm?"}],
    "vad_settings": {"minimum_turn_duration": "0.1s"},
    "built_in_config": {"hang_up": False},
    "success_criteria": None,
    "extraction_schema": {"type": "object"},
    "crm_webhook_url": None,
    "browser_mode": "direct",
}


@pytest.mark.parametrize("field", CHANGES)
async def test_a_change_touches_the_sent_field_only(world: World, field: str) -> None:
    agent = await created(world)
    response = await world.api("PATCH", f"agents/{agent['id']}", json={field: CHANGES[field]})
    assert response.status_code == 200
    changed = response.json()["data"]
    assert changed[field] == CHANGES[field] != agent[field]
    same = [key for key in agent if key not in (field, "updated_at")]
    assert {key: changed[key] for key in same} == {key: agent[key] for key in same}
    assert (await world.api.get(f"agents/{agent['id']}")).json()["data"] == changed


async def test_a_change_may_rotate_the_webhooks_secret_and_leaves_it_alone_otherwise(world: World) -> None:
    agent = await created(world, crm_webhook_secret="whsec_one")

    async def secret_after(**change: Any) -> str | None:
        response = await world.api("PATCH", f"agents/{agent['id']}", json=change)
        assert "whsec" not in response.text
        kept = await world.gateway.directory.get_agent(world.organization_id, agent["id"])
        return kept.crm_webhook_secret

    assert await secret_after(name="New") == "whsec_one"
    assert await secret_after(crm_webhook_secret="whsec_two") == "whsec_two"
    assert await secret_after(crm_webhook_secret=None) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"voice_id": None}, "voice_id"),
        ({"system_prompt": " "}, "system_prompt"),
        ({"tools": None}, "tools"),
        ({"temperature": 2}, "temperature"),
        ({"knowledge_bases": [NOWHERE, VOICE_ID]}, "knowledge_bases"),
        ({"max_duraton": "60s"}, "max_duraton"),
        ({"status": "active"}, "status"),
    ],
)
async def test_a_wrong_change_is_named_and_not_made(world: World, change: dict[str, Any], field: str) -> None:
    agent = await created(world)
    response = await world.api("PATCH", f"agents/{agent['id']}", json=change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert (await world.api.get(f"agents/{agent['id']}")).json()["data"] == agent


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"voice_id": NOWHERE}, "voice_id"),
        ({"tools": [NOWHERE]}, "tools.0"),
        ({"knowledge_bases": [NOWHERE]}, "knowledge_bases.0"),
    ],
)
async def test_what_an_agent_refers_to_must_exist(
    world: World, method: str, change: dict[str, Any], field: str
) -> None:
    agent = await created(world)
    path = "agents" if method == "POST" else f"agents/{agent['id']}"
    body = change if method == "PATCH" else MINIMAL | change
    response = await world.api(method, path, json=body)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert (await world.api.get("agents")).json()["data"] == [agent]


async def test_what_another_organisation_has_does_not_exist_for_an_agent(world: World) -> None:
    theirs = await world.gateway.voices.import_voice(
        world.other_organization_id, name="V", provider="elevenlabs", provider_voice_id="x"
    )
    for change, field in (({"voice_id": theirs.id}, "voice_id"),):
        response = await world.api.post("agents", MINIMAL | change)
        assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    own_tool = DOCUMENTED_EXAMPLE["tools"]
    response = await world.other.post("agents", MINIMAL | {"tools": own_tool})
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "tools.0")


async def test_an_agents_tools_must_have_different_names(world: World) -> None:
    tools = [(await a_tool(world, "same")).id, (await a_tool(world, "same")).id]
    response = await world.api.post("agents", MINIMAL | {"tools": tools})
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "tools.1")


async def test_an_agent_is_taken_with_an_unknown_voice_while_the_engine_is_away(world: World) -> None:
    world.gateway.library.fault = EngineUnreachableError("no connection")
    assert (await world.api.post("agents", MINIMAL | {"voice_id": NOWHERE})).status_code == 201


async def test_a_deleted_agent_is_gone_and_its_numbers_are_free(world: World) -> None:
    agent = await world.agent()
    directory = world.gateway.directory
    number = await directory.import_number(world.organization_id, NewNumber(phone_number="+14155550123"))
    await directory.assign(world.organization_id, number.id, agent.id)
    response = await world.api("DELETE", f"agents/agent_{agent.id}")
    assert (response.status_code, response.content) == (204, b"")
    assert (await world.api.get(f"agents/{agent.id}")).status_code == 404
    assert (await world.api("DELETE", f"agents/{agent.id}")).status_code == 404
    freed = await directory.get_number(world.organization_id, number.id)
    assert (freed.inbound_agent_id, freed.outbound_agent_id) == (None, None)


async def test_another_organisations_agent_cannot_be_changed(world: World) -> None:
    agent = await world.agent()
    path = f"agents/{agent.id}"
    assert (await world.other("PUT", path, json=MINIMAL)).status_code == 404
    assert (await world.other("PATCH", path, json={"name": "Mine"})).status_code == 404
    assert (await world.other("DELETE", path)).status_code == 404
    assert (await world.api.get(path)).json()["data"]["name"] == "Aria"


async def test_a_test_call_is_started_with_a_link_to_our_page(world: World) -> None:
    agent = await world.agent()
    response = await world.api.post(f"agents/{agent.id}/test-call", key="once")
    assert response.status_code == 201
    started = response.json()["data"]
    assert set(started) == {"call_id", "join_url", "agent_id", "created_at"}
    call = await world.gateway.store.calls.get(world.organization_id, started["call_id"])
    assert call is not None
    assert (call.agent_id, call.metadata) == (agent.id, {"test": True})
    assert started["agent_id"] == agent.id
    assert started["join_url"].startswith(f"http://gateway/join#{call.id}.")
    again = await world.api.post(f"agents/{agent.id}/test-call", key="once")
    assert (again.status_code, error_of(again)["code"]) == (409, "secret_not_kept")
    assert len(world.gateway.browser_calls) == 1
    assert world.gateway.engine.requests == [], "the engine is asked when somebody joins"


async def test_a_test_call_in_direct_mode_is_joined_at_the_engine(world: World) -> None:
    agent = await world.agent()
    await world.api("PATCH", f"agents/{agent.id}", json={"browser_mode": "direct"})
    response = await world.api.post(f"agents/{agent.id}/test-call", key="once")
    assert response.status_code == 201
    started = response.json()["data"]
    assert set(started) == {"call_id", "join_url", "agent_id", "created_at"}
    assert (started["agent_id"], started["join_url"]) == (agent.id, "ws://127.0.0.1:1/engine-1")
    call = await world.gateway.store.calls.get(world.organization_id, started["call_id"])
    assert call is not None
    again = await world.api.post(f"agents/{agent.id}/test-call", key="once")
    assert (again.status_code, error_of(again)["code"]) == (409, "secret_not_kept")
    assert len(world.gateway.engine.requests) == 1


async def test_no_test_call_with_an_agent_that_is_not_active(world: World) -> None:
    direct = MINIMAL | {"browser_mode": "direct"}
    draft = (await world.api.post("agents", direct)).json()["data"]
    response = await world.api.post(f"agents/{draft['id']}/test-call")
    assert (response.status_code, error_of(response)["code"]) == (422, "agent_not_active")
    agent = await world.agent()
    assert (await world.other.post(f"agents/{agent.id}/test-call")).status_code == 404


async def test_an_engine_that_does_not_make_the_call_is_a_502(world: World) -> None:
    world.gateway.engine.answers = [EngineUnreachableError("no connection")]
    agent = await world.agent(browser_mode=BrowserMode.DIRECT)
    response = await world.api.post(f"agents/{agent.id}/test-call")
    assert (response.status_code, error_of(response)["code"]) == (502, "upstream_error")
