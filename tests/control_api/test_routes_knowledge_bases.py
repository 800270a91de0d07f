from __future__ import annotations

from typing import Any

import pytest

from media.ultravox.errors import EngineApiError, EngineRefusedError, EngineUnreachableError
from store.engine_removals import EngineObject, EngineRemoval
from tests.control_api.api import World, error_of

BODY: dict[str, Any] = {
    "name": "Opening hours",
    "description": "When we are open.",
    "sources": [
        {"name": "Hours", "text": "We open at nine."},
        {"url": "https://example.com/hours"},
    ],
}


async def made(world: World, body: dict[str, Any]) -> dict[str, Any]:
    response = await world.api.post("knowledge-bases", body)
    assert response.status_code == 201, response.text
    base: dict[str, Any] = response.json()["data"]
    return base


async def test_a_knowledge_base_is_made_at_the_engine_with_its_sources(world: World) -> None:
    base = await made(world, BODY)
    assert [(each["type"], each["name"], each["url"]) for each in base["sources"]] == [
        ("text", "Hours", None),
        ("url", "https://example.com/hours", "https://example.com/hours"),
    ]
    assert world.gateway.library.corpora == {
        "corpus-1": [
            ("Hours", "We open at nine."),
            ("https://example.com/hours", "https://example.com/hours"),
        ]
    }
    read = (await world.api.get(f"knowledge-bases/{base['id']}")).json()["data"]
    assert read == base | {"status": "ready"}
    assert (await world.api.get("knowledge-bases")).json()["data"] == [base]


async def test_one_without_sources_is_empty(world: World) -> None:
    base = await made(world, {"name": "Nothing yet"})
    read = (await world.api.get(f"knowledge-bases/{base['id']}")).json()["data"]
    assert (read["status"], read["sources"]) == ("empty", [])
    world.gateway.library.fault = EngineUnreachableError("no connection")
    assert (await world.api.get(f"knowledge-bases/{base['id']}")).json()["data"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(EngineUnreachableError("no connection"), 502), (EngineRefusedError(400, "bad URL"), 422)],
)
async def test_one_that_the_engine_does_not_take_leaves_nothing_behind(
    world: World, fault: EngineApiError, status: int
) -> None:
    world.gateway.library.fault_of_sources = fault
    response = await world.api.post("knowledge-bases", BODY)
    assert response.status_code == status
    assert (await world.api.get("knowledge-bases")).json()["data"] == []
    removals = await world.gateway.store.engine_removals.list()
    assert removals == [EngineRemoval(EngineObject.CORPUS, "corpus-1")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"sources": [{}]}, "sources.0"),
        ({"sources": [{"url": "https://example.com", "text": "x"}]}, "sources.0"),
        ({"sources": [{"url": "file:///etc/passwd"}]}, "sources.0.url"),
        ({"sources": [{"text": ""}]}, "sources.0.text"),
        ({"sources": [{"text": "x"}] * 21}, "sources"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("knowledge-bases", BODY | change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert world.gateway.library.corpora == {}


async def test_one_is_deleted_once_no_agent_has_it_and_the_engine_deletes_its_own(world: World) -> None:
    base = await made(world, BODY)
    agent = await world.agent(knowledge_bases=(base["id"],))
    response = await world.api("DELETE", f"knowledge-bases/{base['id']}")
    assert (response.status_code, error_of(response)["code"]) == (409, "knowledge_base_in_use")
    await world.api("DELETE", f"agents/{agent.id}")
    assert (await world.api("DELETE", f"knowledge-bases/{base['id']}")).status_code == 204
    assert (await world.api.get(f"knowledge-bases/{base['id']}")).status_code == 404
    removals = await world.gateway.store.engine_removals.list()
    assert removals == [EngineRemoval(EngineObject.CORPUS, "corpus-1")]


async def test_another_organisations_is_not_there(world: World) -> None:
    base = await made(world, BODY)
    assert (await world.other.get(f"knowledge-bases/{base['id']}")).status_code == 404
    assert (await world.other("DELETE", f"knowledge-bases/{base['id']}")).status_code == 404
    assert (await world.other.get("knowledge-bases")).json()["data"] == []
