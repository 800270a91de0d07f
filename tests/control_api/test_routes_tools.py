from __future__ import annotations

from typing import Any

import pytest

from store.user_records import Role
from tests.control_api.api import Api, World, error_of

HTTP_TOOL: dict[str, Any] = {
    "name": "Look an order up",
    "modelToolName": "look_up_order",
    "type": "http",
    "description": "Finds an order by its number.",
    "http": {"url": "https://tools.example.com/orders/{order}", "method": "GET"},
    "dynamicParameters": [
        {"name": "order", "location": "path", "schema": {"type": "string"}, "required": True},
        {"name": "verbose", "location": "query", "schema": {"type": "boolean"}, "required": False},
    ],
    "staticParameters": [{"name": "X-Api-Key", "location": "header", "value": "k"}],
    "timeout": "5s",
}
CLIENT_TOOL: dict[str, Any] = {
    "modelToolName": "book",
    "type": "client",
    "description": "Books a table.",
    "client": {"url": "https://tools.example.com/book"},
    "dynamicParameters": [{"name": "guests", "schema": {"type": "integer"}}],
}


async def made(world: World, body: dict[str, Any]) -> dict[str, Any]:
    response = await world.api.post("tools", body)
    assert response.status_code == 201, response.text
    tool: dict[str, Any] = response.json()["data"]
    return tool


async def test_a_tool_comes_back_as_it_went_in(world: World) -> None:
    tool = await made(world, HTTP_TOOL)
    assert {key: tool[key] for key in HTTP_TOOL} == HTTP_TOOL
    assert tool["client"] is None
    assert (await world.api.get(f"tools/tool_{tool['id']}")).json()["data"] == tool
    assert (await world.api.get("tools")).json()["data"] == [tool]


async def test_who_may_only_read_does_not_see_keys_of_other_services(world: World) -> None:
    tool = await made(world, HTTP_TOOL)
    _, secret = await world.gateway.directory.create_key(world.organization_id, "auditor", role=Role.READ)
    auditor = Api(world.app, secret)
    hidden = tool | {"staticParameters": [{"name": "X-Api-Key", "location": "header", "value": None}]}
    assert (await auditor.get(f"tools/{tool['id']}")).json()["data"] == hidden
    assert (await auditor.get("tools")).json()["data"] == [hidden]


async def test_a_client_tool_has_defaults(world: World) -> None:
    tool = await made(world, CLIENT_TOOL)
    assert (tool["name"], tool["http"], tool["timeout"]) == ("book", None, None)
    assert tool["client"] == {"url": "https://tools.example.com/book", "method": "POST"}
    parameter = {"name": "guests", "location": "body", "schema": {"type": "integer"}, "required": False}
    assert tool["dynamicParameters"] == [parameter]


async def test_a_definition_in_the_engines_words_is_read_too(world: World) -> None:
    definition = {
        "modelToolName": "look_up_order",
        "description": "Finds an order by its number.",
        "dynamicParameters": [
            {
                "name": "order",
                "location": "PARAMETER_LOCATION_PATH",
                "schema": {"type": "string"},
                "required": True,
            }
        ],
        "http": {"baseUrlPattern": "https://tools.example.com/{order}", "httpMethod": "GET"},
    }
    tool = await made(world, {"name": "Order", "definition": definition})
    assert tool["http"] == {"url": "https://tools.example.com/{order}", "method": "GET"}
    assert tool["dynamicParameters"][0]["location"] == "path"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"modelToolName": "look up"}, "modelToolName"),
        ({"modelToolName": "x" * 65}, "modelToolName"),
        ({"modelToolName": "hangUp"}, "modelToolName"),
        ({"modelToolName": None}, "modelToolName"),
        ({"description": ""}, "description"),
        ({"type": "socket"}, "type"),
        ({"http": {"url": "ftp://example.com"}}, "http.url"),
        ({"http": {"url": "https://example.com", "method": "HEAD"}}, "http.method"),
        ({"dynamicParameters": [{"name": "a", "schema": {"type": "text"}}]}, "dynamicParameters.0.schema"),
        ({"dynamicParameters": [{"name": "a"}]}, "dynamicParameters.0.schema"),
        (
            {"dynamicParameters": [{"name": "a", "location": "cookie", "schema": {}}]},
            "dynamicParameters.0.location",
        ),
        ({"timeout": "41s"}, "timeout"),
        ({"timeout": 5}, "timeout"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("tools", HTTP_TOOL | change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert (await world.api.get("tools")).json()["data"] == []


async def test_a_parameter_whose_schema_is_too_deep_to_be_read_is_named(world: World) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        schema = {"items": schema}
    change = {"dynamicParameters": [{"name": "order", "location": "path", "schema": schema}]}
    response = await world.api.post("tools", HTTP_TOOL | change)
    assert response.status_code == 422
    assert error_of(response)["details"]["field"] == "dynamicParameters.0.schema"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"http": None}, "needs `http`"),
        ({"client": {"url": "https://example.com"}}, "only that"),
        ({"http": {"url": "https://example.com/", "method": "GET"}}, "{order}"),
        ({"staticParameters": [{"name": "order", "location": "query", "value": 1}]}, "twice"),
        ({"staticParameters": [{"name": "a b", "location": "header", "value": "x"}]}, "name of a header"),
        ({"staticParameters": [{"name": "a", "location": "body", "value": "x"}]}, "no body"),
    ],
)
async def test_a_definition_that_cannot_be_meant_says_what_is_wrong(
    world: World, change: dict[str, Any], words: str
) -> None:
    response = await world.api.post("tools", HTTP_TOOL | change)
    assert response.status_code == 422
    assert words in error_of(response)["message"]


async def test_a_tool_is_replaced_whole_and_its_agents_are_offered_to_the_engine_again(world: World) -> None:
    tool = await made(world, HTTP_TOOL)
    agent = await world.agent(tools=(tool["id"],))
    assert world.gateway.directory.agents_to_sync() == []
    response = await world.api("PUT", f"tools/{tool['id']}", json=CLIENT_TOOL)
    assert response.status_code == 200
    replaced = response.json()["data"]
    assert (replaced["id"], replaced["type"]) == (tool["id"], "client")
    assert replaced["staticParameters"] == []
    assert [each.id for each in world.gateway.directory.agents_to_sync()] == [agent.id]


async def test_a_tool_may_not_take_the_name_of_another_one_of_its_agent(world: World) -> None:
    one, two = await made(world, HTTP_TOOL), await made(world, CLIENT_TOOL)
    await world.agent(tools=(one["id"], two["id"]))
    body = CLIENT_TOOL | {"modelToolName": "look_up_order"}
    response = await world.api("PUT", f"tools/{two['id']}", json=body)
    assert (response.status_code, error_of(response)["code"]) == (409, "tool_name_taken")


async def test_a_tool_is_deleted_once_no_agent_has_it(world: World) -> None:
    tool = await made(world, HTTP_TOOL)
    agent = await world.agent(tools=(tool["id"],))
    response = await world.api("DELETE", f"tools/{tool['id']}")
    assert (response.status_code, error_of(response)["code"]) == (409, "tool_in_use")
    await world.api("PATCH", f"agents/{agent.id}", json={"tools": []})
    assert (await world.api("DELETE", f"tools/{tool['id']}")).status_code == 204
    assert (await world.api.get(f"tools/{tool['id']}")).status_code == 404


async def test_another_organisations_tool_is_not_there(world: World) -> None:
    tool = await made(world, HTTP_TOOL)
    path = f"tools/{tool['id']}"
    assert (await world.other.get(path)).status_code == 404
    assert (await world.other("PUT", path, json=HTTP_TOOL)).status_code == 404
    assert (await world.other("DELETE", path)).status_code == 404
    assert (await world.other.get("tools")).json()["data"] == []
