"""`/api/agents` over HTTP, and templates."""

from __future__ import annotations

import pytest

from local_engine.errors import InvalidRequest
from local_engine.rest_agents import check_context, expand, fill_template
from tests.local_engine.engine_client import EngineClient

SOCKET = {"serverWebSocket": {"inputSampleRate": 8000, "outputSampleRate": 8000, "clientBufferSizeMs": 30000}}
TEMPLATE = {
    "systemPrompt": "[scenario:receptionist] Welcome {{guest.name}} in room {{ room }}.",
    "voice": "Nora",
    "maxDuration": "600s",
    "selectedTools": [{"toolName": "hangUp"}],
}


def test_variables_are_expanded_and_missing_ones_vanish() -> None:
    assert expand("Hi {{a}}, {{ b.c }}{{d}}!", {"a": 1, "b": {"c": "x"}}) == "Hi 1, x!"


def test_templates_expand_where_the_service_expands_them() -> None:
    body = fill_template(
        {
            "systemPrompt": "{{x}}",
            "voice": "{{x}}",
            "inactivityMessages": [{"duration": "1s", "message": "{{x}}?"}],
            "selectedTools": [
                {
                    "temporaryTool": {
                        "description": "{{x}}",
                        "staticParameters": [{"name": "n", "value": "{{x}}"}],
                    }
                }
            ],
            "contextSchema": {},
        },
        {"x": "y"},
    )
    assert body["systemPrompt"] == "y"
    assert body["voice"] == "{{x}}"
    assert body["inactivityMessages"][0]["message"] == "y?"
    tool = body["selectedTools"][0]["temporaryTool"]
    assert (tool["description"], tool["staticParameters"][0]["value"]) == ("y", "y")
    assert "contextSchema" not in body


def test_a_required_variable_must_be_given() -> None:
    template = {"contextSchema": {"required": ["room"]}}
    check_context(template, {"room": 1})
    with pytest.raises(InvalidRequest, match="room"):
        check_context(template, {})


async def agent(client: EngineClient, name: str = "desk") -> str:
    status, made = await client.request("POST", "/api/agents", {"name": name, "callTemplate": TEMPLATE})
    assert status == 201
    return str(made["agentId"])


async def test_an_agent_is_made_read_changed_and_deleted(client: EngineClient) -> None:
    agent_id = await agent(client)
    path = f"/api/agents/{agent_id}"
    status, read = await client.request("GET", path)
    assert (status, read["name"], read["callTemplate"], read["statistics"]) == (
        200,
        "desk",
        TEMPLATE,
        {"calls": 0},
    )
    changed = {"name": "front", "callTemplate": {"systemPrompt": "Be brief."}}
    status, patched = await client.request("PATCH", path, changed)
    assert (patched["name"], patched["callTemplate"]) == ("front", {"systemPrompt": "Be brief."})
    assert patched["publishedRevisionId"] != read["publishedRevisionId"]
    assert (await client.request("GET", "/api/agents"))[1]["total"] == 1
    assert (await client.request("DELETE", path))[0] == 204
    assert (await client.request("GET", path))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x" * 65},
        {"name": ""},
        {"name": "a", "callTemplate": {"maxDuration": 5}},
        {"name": "taken"},
    ],
)
async def test_broken_agents_are_refused(client: EngineClient, body: dict[str, object]) -> None:
    await agent(client, "taken")
    assert (await client.request("POST", "/api/agents", body))[0] == 400


async def test_a_call_of_an_agent_is_made_from_its_template(client: EngineClient) -> None:
    agent_id = await agent(client)
    start = {
        "templateContext": {"guest": {"name": "Ada"}, "room": 7},
        "medium": SOCKET,
        "metadata": {"k": "v"},
    }
    status, call = await client.request("POST", f"/api/agents/{agent_id}/calls", start)
    assert status == 201
    assert call["systemPrompt"] == "[scenario:receptionist] Welcome Ada in room 7."
    assert (call["voice"], call["maxDuration"], call["metadata"]) == ("Nora", "600s", {"k": "v"})
    assert call["agent"] == {"agentId": agent_id, "name": "desk"}
    assert (await client.request("GET", f"/api/agents/{agent_id}/calls"))[1]["total"] == 1
    assert (await client.request("GET", f"/api/agents/{agent_id}"))[1]["statistics"] == {"calls": 1}


async def test_tools_are_removed_and_added_for_one_call(client: EngineClient) -> None:
    agent_id = await agent(client)
    added = {"temporaryTool": {"modelToolName": "transferCall", "client": {}}}
    start = {"medium": SOCKET, "toolOverrides": {"remove": ["hangUp"], "add": [added]}}
    _, call = await client.request("POST", f"/api/agents/{agent_id}/calls", start)
    _, tools = await client.request("GET", f"/api/calls/{call['callId']}/tools")
    assert [tool["name"] for tool in tools] == ["transferCall"]


@pytest.mark.parametrize("field", ["systemPrompt", "model", "temperature", "vadSettings"])
async def test_what_belongs_to_the_agent_cannot_be_set_for_a_call(client: EngineClient, field: str) -> None:
    agent_id = await agent(client)
    status, body = await client.request(
        "POST", f"/api/agents/{agent_id}/calls", {"medium": SOCKET, field: "x"}
    )
    assert status == 400
    assert field in body["detail"]


async def test_an_agents_call_takes_no_prior_call(client: EngineClient) -> None:
    agent_id = await agent(client)
    path = f"/api/agents/{agent_id}/calls"
    assert (await client.request("POST", path, {"medium": SOCKET}, priorCallId="x"))[0] == 400
    assert (await client.request("POST", "/api/agents/nobody/calls", {"medium": SOCKET}))[0] == 404
