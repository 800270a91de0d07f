from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.config import Config
from gateway.configuration.http import HttpSection
from gateway.errors import EngineError
from store import Store
from store.records import BrowserMode, CallDirection
from tests.control_api.api import NOWHERE, World, error_of

PAGE = "https://shop.example"
CORS = "access-control-allow-origin"


async def widget_of(world: World, **settings: Any) -> dict[str, Any]:
    agent = await world.agent(name="Receptionist")
    body = {"name": "Shop", "agent_id": agent.id, "allowed_origins": [PAGE]} | settings
    made = await world.api.post("widgets", body)
    assert made.status_code == 201
    data: dict[str, Any] = made.json()["data"]
    return data


def token_path(widget: dict[str, Any]) -> str:
    return f"webrtc/widgets/{widget['public_id']}/token"


async def visit(
    world: World, path: str, body: Any = None, *, origin: str | None = PAGE, address: str = "203.0.113.1"
) -> httpx.Response:
    """A page's request, from an address."""
    transport = httpx.ASGITransport(world.app, client=(address, 1))
    headers = {} if origin is None else {"Origin": origin}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway/api/public/v1") as client:
        return await client.post(f"/{path}", json=body, headers=headers)


async def preflight(world: World, path: str, origin: str) -> httpx.Response:
    return await world.anonymous(
        "OPTIONS",
        path,
        headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
    )


# --- with a key


async def test_a_call_for_a_browser_is_answered_in_the_products_shape(world: World) -> None:
    agent = await world.agent(name="Receptionist")
    response = await world.api.post("webrtc/call", {"agent_id": agent.id, "variables": {"plan": "gold"}})
    assert response.status_code == 201
    [made] = world.gateway.made_calls.made
    assert response.json() == {
        "joinUrl": f"http://gateway/join#{made.token}",
        "callId": made.record.id,
        "agentName": "Receptionist",
    }
    assert made.record.variables == {"plan": "gold"}
    assert made.origin is None


async def test_a_call_with_an_agent_in_direct_mode_is_joined_at_the_engine(world: World) -> None:
    agent = await world.agent(name="Receptionist", browser_mode=BrowserMode.DIRECT)
    response = await world.api.post("webrtc/call", {"agent_id": agent.id, "variables": {"plan": "gold"}})
    assert response.status_code == 201
    assert world.gateway.made_calls.made == [], "nothing is carried here"
    made = response.json()
    assert made == {
        "joinUrl": "ws://127.0.0.1:1/engine-1",
        "callId": made["callId"],
        "agentName": "Receptionist",
    }
    [request] = world.gateway.engine.requests
    assert request.web_rtc
    assert request.variables == {"plan": "gold"}
    call = await world.gateway.store.calls.get(world.organization_id, made["callId"])
    assert call is not None
    assert (call.direction, call.variables, call.metadata) == (CallDirection.WEBRTC, {"plan": "gold"}, {})


async def test_a_link_that_joins_is_kept_nowhere(world: World) -> None:
    agent = await world.agent()
    body = {"agent_id": agent.id}
    made = await world.api.post("webrtc/call", body, key="once")
    assert made.headers["cache-control"] == "no-store"
    again = await world.api.post("webrtc/call", body, key="once")
    assert (again.status_code, error_of(again)["code"]) == (409, "secret_not_kept")
    assert len(world.gateway.made_calls.made) == 1


async def test_a_call_for_a_browser_is_refused_as_the_product_does(world: World) -> None:
    agent = await world.agent()
    body = {"agent_id": agent.id}
    assert (await world.anonymous.post("webrtc/call", body)).status_code == 401
    assert (await world.other.post("webrtc/call", body)).status_code == 404
    assert (await world.api.post("webrtc/call", {"agent_id": NOWHERE})).status_code == 404
    assert (await world.api.post("webrtc/call", {})).status_code == 422
    world.gateway.made_calls.fails_with = EngineError("The voice engine did not answer.")
    assert (await world.api.post("webrtc/call", body)).status_code == 502


# --- without one


async def test_a_page_of_an_allowed_origin_gets_a_token_for_one_call(world: World) -> None:
    widget = await widget_of(world, variables={"shop": "north"}, visitor_variables=["visitor_name"])
    response = await visit(world, token_path(widget), {"variables": {"visitor_name": "Ann"}})
    assert response.status_code == 201
    [made] = world.gateway.made_calls.made
    data = response.json()["data"]
    assert (data["token"], data["call_id"], data["agent_name"]) == (
        made.token,
        made.record.id,
        "Receptionist",
    )
    assert made.expires_at - made.record.created_at == timedelta(seconds=30)
    assert data["ice_servers_url"] == "http://gateway/api/public/v1/webrtc/ice-servers"
    assert data["sessions_url"] == "http://gateway/api/public/v1/webrtc/sessions"
    assert made.origin == PAGE
    assert made.record.variables == {"shop": "north", "visitor_name": "Ann"}
    assert made.record.metadata == {"widget_id": widget["id"], "origin": PAGE}
    assert response.headers[CORS] == PAGE
    assert response.headers["cache-control"] == "no-store"
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://shop.example", "https://shop.example:8443", "https://www.shop.example", "*"],
)
async def test_a_page_of_another_origin_gets_nothing_and_may_read_nothing(
    world: World, origin: str | None
) -> None:
    widget = await widget_of(world)
    response = await visit(world, token_path(widget), origin=origin)
    assert (response.status_code, error_of(response)["code"]) == (403, "origin_not_allowed")
    assert CORS not in response.headers
    assert world.gateway.made_calls.made == []


async def test_a_preflight_is_answered_for_allowed_origins_alone(world: World) -> None:
    widget = await widget_of(world)
    allowed = await preflight(world, token_path(widget), PAGE)
    assert (allowed.status_code, allowed.headers[CORS]) == (204, PAGE)
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert allowed.headers["access-control-allow-headers"] == "Content-Type"
    assert "access-control-allow-credentials" not in allowed.headers
    refused = await preflight(world, token_path(widget), "https://evil.example")
    assert refused.status_code == 403
    assert CORS not in refused.headers
    assert (await preflight(world, "webrtc/widgets/wgt_none/token", PAGE)).status_code == 404


async def test_a_widget_without_origins_has_those_of_its_organisation(world: World) -> None:
    widget = await widget_of(world, allowed_origins=[])
    assert (await visit(world, token_path(widget))).status_code == 403
    await world.api("PUT", "webrtc/allowed-origins", json={"allowed_origins": ["https://*.shop.example"]})
    assert (await visit(world, token_path(widget))).status_code == 403
    assert (await visit(world, token_path(widget), origin="https://www.shop.example")).status_code == 201
    await world.other("PUT", "webrtc/allowed-origins", json={"allowed_origins": [PAGE]})
    assert (await visit(world, token_path(widget))).status_code == 403


async def test_an_open_agent_is_found_by_its_id_and_its_public_name(world: World) -> None:
    agent = await world.agent(name="Receptionist")
    await world.api("PUT", "webrtc/allowed-origins", json={"allowed_origins": [PAGE]})
    path = f"agents/{agent.id}/browser-access"
    for name in (agent.id, "receptionist"):
        assert (await visit(world, f"webrtc/agents/{name}/token")).status_code == 404
    await world.api("PUT", path, json={"enabled": True, "public_name": "receptionist"})
    for name in (agent.id, f"agent_{agent.id}", "receptionist", "Receptionist"):
        assert (await visit(world, f"webrtc/agents/{name}/token")).status_code == 201, name
    wrong = await visit(world, "webrtc/agents/receptionist/token", origin="https://evil.example")
    assert wrong.status_code == 403
    await world.api("PUT", path, json={"enabled": False, "public_name": "receptionist"})
    assert (await visit(world, "webrtc/agents/receptionist/token")).status_code == 404


async def test_a_page_sets_only_the_variables_that_the_owner_allows(world: World) -> None:
    widget = await widget_of(world, variables={"plan": "free"}, visitor_variables=["plan", "page"])
    refused = await visit(world, token_path(widget), {"variables": {"discount": "100"}})
    assert (refused.status_code, error_of(refused)["details"]["field"]) == (422, "variables.discount")
    assert refused.headers[CORS] == PAGE
    allowed = await visit(world, token_path(widget), {"variables": {"plan": "gold", "page": "/a"}})
    assert allowed.status_code == 201
    made = world.gateway.made_calls.made[0]
    assert made.record.variables == {"plan": "free", "page": "/a"}
    assert "page" in made.untrusted_variables, "a stranger has set it"
    assert "plan" not in made.untrusted_variables, "the owner has set it"
    for body in ({"variables": {"page": 1}}, {"variables": {"page": "a" * 501}}, {"agent_id": NOWHERE}):
        assert (await visit(world, token_path(widget), body)).status_code == 422


async def test_a_widget_that_is_switched_off_or_gone_starts_nothing(world: World) -> None:
    widget = await widget_of(world)
    path = f"widgets/{widget['id']}"
    await world.api("PATCH", path, json={"enabled": False})
    off = await visit(world, token_path(widget))
    assert (off.status_code, error_of(off)["code"]) == (403, "widget_disabled")
    await world.api("PATCH", path, json={"enabled": True})
    await world.api.delete(f"agents/{widget['agent_id']}")
    assert (await visit(world, token_path(widget))).status_code == 404
    assert (await visit(world, "webrtc/widgets/wgt_none/token")).status_code == 404


async def test_one_address_starts_so_many_calls_a_minute_and_others_theirs(world: World) -> None:
    widget = await widget_of(world, calls_per_minute=2, max_concurrent_calls=100)
    statuses = [(await visit(world, token_path(widget))).status_code for _ in range(3)]
    assert statuses == [201, 201, 429]
    refused = await visit(world, token_path(widget))
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers[CORS] == PAGE
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert (await visit(world, token_path(widget), address="203.0.113.2")).status_code == 201


async def test_addresses_of_one_ipv6_network_count_as_one(world: World) -> None:
    widget = await widget_of(world, calls_per_minute=1)
    near, far = "2001:db8:0:1::2", "2001:db8:0:2::1"
    assert (await visit(world, token_path(widget), address="2001:db8:0:1::1")).status_code == 201
    assert (await visit(world, token_path(widget), address=near)).status_code == 429
    assert (await visit(world, token_path(widget), address=far)).status_code == 201


async def test_a_widget_has_so_many_calls_at_once_until_one_ends(world: World) -> None:
    widget = await widget_of(world, max_concurrent_calls=3, calls_per_minute=100)
    path = token_path(widget)
    for number in range(3):
        assert (await visit(world, path, address=f"203.0.113.{number}")).status_code == 201
    full = await visit(world, path, address="203.0.113.9")
    assert (full.status_code, full.headers["retry-after"]) == (429, "5")
    world.gateway.made_calls.end(world.gateway.made_calls.made[0])
    assert (await visit(world, path, address="203.0.113.9")).status_code == 201


async def test_one_address_cannot_take_all_places(world: World) -> None:
    widget = await widget_of(world, max_concurrent_calls=6, calls_per_minute=100)
    statuses = [(await visit(world, token_path(widget))).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 429]
    assert (await visit(world, token_path(widget), address="203.0.113.2")).status_code == 201


async def test_all_widgets_of_an_agent_share_the_agents_places(world: World) -> None:
    first = await widget_of(world, calls_per_minute=100)
    second = await widget_of(world, calls_per_minute=100, agent_id=first["agent_id"])
    path = f"agents/{first['agent_id']}/browser-access"
    await world.api("PUT", path, json={"enabled": False, "max_concurrent_calls": 2})
    assert (await visit(world, token_path(first))).status_code == 201
    assert (await visit(world, token_path(second))).status_code == 201
    assert (await visit(world, token_path(second))).status_code == 429


async def test_guessing_is_limited_for_all_doors_together(world: World) -> None:
    statuses = {
        (await visit(world, f"webrtc/widgets/wgt_{number}/token")).status_code for number in range(130)
    }
    assert statuses == {404, 429}


async def test_links_begin_with_the_public_address(store: Store) -> None:
    http = HttpSection(rate_limit_per_minute=0, public_url="https://voice.example")
    world = await World.make(store, Config(http=http))
    widget = await widget_of(world)
    made = await world.api.post("webrtc/call", {"agent_id": widget["agent_id"]})
    assert made.json()["joinUrl"].startswith("https://voice.example/join#")
    data = (await visit(world, token_path(widget))).json()["data"]
    assert data["sessions_url"] == "https://voice.example/api/public/v1/webrtc/sessions"
