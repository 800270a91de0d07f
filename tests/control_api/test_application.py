from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from control_api.application import API_PREFIX
from gateway.config import Config
from gateway.configuration.http import HttpSection
from store import Store
from tests.control_api.api import NOWHERE, Api, World, error_of

OPERATIONS = {
    ("POST", "/calls"),
    ("GET", "/calls"),
    ("GET", "/calls/export"),
    ("GET", "/calls/{call_id}"),
    ("GET", "/calls/{call_id}/timeline"),
    ("GET", "/calls/{call_id}/quality"),
    ("GET", "/calls/{call_id}/recording"),
    ("DELETE", "/calls/{call_id}/recording"),
    ("POST", "/calls/{call_id}/hangup"),
    ("POST", "/calls/{call_id}/cancel"),
    ("POST", "/calls/{call_id}/say"),
    ("POST", "/calls/{call_id}/message"),
    ("POST", "/calls/{call_id}/play"),
    ("POST", "/calls/{call_id}/stop-play"),
    ("POST", "/calls/{call_id}/mute"),
    ("POST", "/calls/{call_id}/unmute"),
    ("POST", "/calls/{call_id}/hold"),
    ("POST", "/calls/{call_id}/unhold"),
    ("POST", "/calls/{call_id}/dtmf"),
    ("POST", "/calls/{call_id}/recording/{verb}"),
    ("POST", "/calls/{call_id}/transfer"),
    ("POST", "/calls/{call_id}/transfer/complete"),
    ("POST", "/calls/{call_id}/transfer/cancel"),
    ("POST", "/calls/{call_id}/listen"),
    ("GET", "/calls/{call_id}/events"),
    ("GET", "/events"),
    ("POST", "/webrtc/sessions"),
    ("PATCH", "/webrtc/sessions/{session}"),
    ("DELETE", "/webrtc/sessions/{session}"),
    ("GET", "/webrtc/ice-servers"),
    ("GET", "/live"),
    ("POST", "/agents"),
    ("GET", "/agents"),
    ("GET", "/agents/{agent_id}"),
    ("PUT", "/agents/{agent_id}"),
    ("PATCH", "/agents/{agent_id}"),
    ("DELETE", "/agents/{agent_id}"),
    ("POST", "/agents/{agent_id}/test-call"),
    ("POST", "/voices"),
    ("GET", "/voices"),
    ("GET", "/voices/{voice_id}"),
    ("GET", "/voices/{voice_id}/preview"),
    ("DELETE", "/voices/{voice_id}"),
    ("POST", "/tools"),
    ("GET", "/tools"),
    ("GET", "/tools/{tool_id}"),
    ("PUT", "/tools/{tool_id}"),
    ("DELETE", "/tools/{tool_id}"),
    ("POST", "/knowledge-bases"),
    ("GET", "/knowledge-bases"),
    ("GET", "/knowledge-bases/{knowledge_base_id}"),
    ("DELETE", "/knowledge-bases/{knowledge_base_id}"),
    ("GET", "/telephony/numbers"),
    ("GET", "/telephony/numbers/{number_id}"),
    ("PATCH", "/telephony/numbers/{number_id}"),
    ("DELETE", "/telephony/numbers/{number_id}"),
    ("POST", "/telephony/numbers/search"),
    ("POST", "/telephony/numbers/purchase"),
    ("POST", "/telephony/numbers/import"),
    ("POST", "/telephony/numbers/assign"),
    ("POST", "/telephony/numbers/unassign"),
    ("POST", "/batch-calls"),
    ("GET", "/batch-calls"),
    ("GET", "/batch-calls/{batch_id}"),
    ("PATCH", "/batch-calls/{batch_id}"),
    ("DELETE", "/batch-calls/{batch_id}"),
    ("GET", "/batch-calls/{batch_id}/contacts"),
    ("POST", "/batch-calls/{batch_id}/start"),
    ("POST", "/batch-calls/{batch_id}/pause"),
    ("POST", "/batch-calls/{batch_id}/resume"),
    ("POST", "/batch-calls/{batch_id}/cancel"),
    ("POST", "/api-keys"),
    ("GET", "/api-keys"),
    ("DELETE", "/api-keys/{key_id}"),
    ("POST", "/session"),
    ("GET", "/session"),
    ("PUT", "/session/password"),
    ("DELETE", "/session"),
    ("POST", "/users"),
    ("GET", "/users"),
    ("PATCH", "/users/{user_id}"),
    ("DELETE", "/users/{user_id}"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions/{session_id}"),
    ("POST", "/contacts"),
    ("GET", "/contacts"),
    ("POST", "/contacts/import"),
    ("GET", "/contacts/{contact_id}"),
    ("PATCH", "/contacts/{contact_id}"),
    ("DELETE", "/contacts/{contact_id}"),
    ("POST", "/folders"),
    ("GET", "/folders"),
    ("GET", "/folders/{folder_id}"),
    ("PATCH", "/folders/{folder_id}"),
    ("DELETE", "/folders/{folder_id}"),
    ("POST", "/trunks"),
    ("PATCH", "/trunks/{trunk_id}"),
    ("DELETE", "/trunks/{trunk_id}"),
    ("POST", "/trunks/{trunk_id}/test"),
    ("GET", "/trunks"),
    ("GET", "/trunks/{trunk_id}"),
    ("GET", "/rejections"),
    ("GET", "/bans"),
    ("GET", "/outbound-policy"),
    ("PUT", "/outbound-policy"),
    ("DELETE", "/bans/{source}"),
    ("GET", "/calls/{call_id}/sip"),
    ("GET", "/sip/trace"),
    ("GET", "/sip/traces"),
    ("GET", "/trunk-presets"),
    ("GET", "/routing/explain"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks"),
    ("GET", "/webhooks/{webhook_id}"),
    ("PATCH", "/webhooks/{webhook_id}"),
    ("DELETE", "/webhooks/{webhook_id}"),
    ("POST", "/webhooks/{webhook_id}/rotate-secret"),
    ("POST", "/webhooks/{webhook_id}/test"),
    ("GET", "/webhooks/{webhook_id}/deliveries"),
    ("GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}"),
    ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"),
    ("POST", "/webhooks/{webhook_id}/replay-dead"),
    ("POST", "/widgets"),
    ("GET", "/widgets"),
    ("GET", "/widgets/{widget_id}"),
    ("PATCH", "/widgets/{widget_id}"),
    ("DELETE", "/widgets/{widget_id}"),
    ("GET", "/agents/{agent_id}/browser-access"),
    ("PUT", "/agents/{agent_id}/browser-access"),
    ("GET", "/webrtc/allowed-origins"),
    ("PUT", "/webrtc/allowed-origins"),
    ("POST", "/webrtc/call"),
    ("POST", "/webrtc/widgets/{door}/token"),
    ("POST", "/webrtc/agents/{door}/token"),
    ("POST", "/webrtc/sessions"),
    ("PATCH", "/webrtc/sessions/{session}"),
    ("DELETE", "/webrtc/sessions/{session}"),
    ("GET", "/webrtc/ice-servers"),
}

WITHOUT_KEY = {
    ("POST", "/session"),
    ("POST", "/webrtc/widgets/{door}/token"),
    ("POST", "/webrtc/agents/{door}/token"),
    ("POST", "/webrtc/sessions"),
    ("PATCH", "/webrtc/sessions/{session}"),
    ("DELETE", "/webrtc/sessions/{session}"),
    ("GET", "/webrtc/ice-servers"),
}
"""Ways in, and what needs none: there a page's origin or a call's own token counts."""


def url(path: str) -> str:
    return "http://gateway" + path.replace("{call_id}", NOWHERE).replace("{agent_id}", NOWHERE).replace(
        "{trunk_id}", NOWHERE
    )


# --- keys


@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS - WITHOUT_KEY))
async def test_nothing_works_without_a_key(world: World, method: str, path: str) -> None:
    for api in (world.anonymous, Api(world.app, "truedy_wrong"), Api(world.app, world.secret + "x")):
        response = await api(method, url(API_PREFIX + path), content=b"{" if method == "POST" else None)
        assert (response.status_code, error_of(response)["code"]) == (401, "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_refused_at_once(world: World) -> None:
    key = await world.gateway.directory.verify_key(world.secret)
    assert key is not None
    assert (await world.api.get("calls")).status_code == 200
    await world.gateway.directory.revoke_key(world.organization_id, key.id)
    assert (await world.api.get("calls")).status_code == 401


# --- rate limit


async def limited(store: Store, per_minute: int) -> World:
    return await World.make(store, Config(http=HttpSection(rate_limit_per_minute=per_minute)))


async def test_every_answer_tells_the_limit_and_what_exceeds_it_is_refused(store: Store) -> None:
    world = await limited(store, 2)
    answers = [await world.api.get("calls") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"2"}
    refused = answers[2]
    assert error_of(refused)["code"] == "rate_limited"
    assert int(refused.headers["retry-after"]) == error_of(refused)["details"]["retry_after"] > 0
    assert (await world.other.get("calls")).status_code == 200


async def test_a_stranger_cannot_use_up_a_keys_requests(store: Store) -> None:
    world = await limited(store, 1)
    for _ in range(5):
        assert (await world.anonymous.get("calls")).status_code == 401
    assert (await world.api.get("calls")).status_code == 200


async def test_many_keys_of_one_organisation_share_a_limit(store: Store) -> None:
    world = await limited(store, 1)
    statuses = []
    for number in range(6):
        _, secret = await world.gateway.directory.create_key(world.organization_id, f"key {number}")
        statuses.append((await Api(world.app, secret).get("calls")).status_code)
    assert statuses == [200] * 5 + [429]
    assert (await world.other.get("calls")).status_code == 200


async def test_a_refused_retry_keeps_its_idempotency_key(store: Store) -> None:
    world = await limited(store, 1)
    body = {"agent_id": NOWHERE, "phone_number": "+14155551234"}
    assert (await world.api.post("calls", body, key="k")).status_code == 201
    assert (await world.api.post("calls", body, key="k")).status_code == 429
    assert len(world.gateway.calls.requests) == 1


async def test_a_limit_of_zero_is_no_limit(world: World) -> None:
    answers = [await world.api.get("calls") for _ in range(150)]
    assert {answer.status_code for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[0].headers


# --- paths and methods


@pytest.mark.parametrize(
    "path",
    ["/nowhere", f"{API_PREFIX}/nowhere", f"{API_PREFIX}/calls/", "/docs", "/redoc", "/api/public/v2/calls"],
)
async def test_an_unknown_path_is_a_404_in_the_envelope(world: World, path: str) -> None:
    response = await world.api.get(url(path))
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


async def test_a_wrong_method_is_a_405_that_names_all_the_right_ones(world: World) -> None:
    response = await world.api("DELETE", "calls")
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"


async def test_a_given_request_id_is_kept_in_header_and_body(world: World) -> None:
    request_id = "f98eb11f-9f34-4d13-9075-0e29f106f37d"
    for path in ("calls", "nowhere"):
        response = await world.api.get(path, headers={"X-Request-Id": request_id})
        assert response.headers["x-request-id"] == response.json()["meta"]["request_id"] == request_id


# --- documentation


async def test_the_document_describes_every_operation(world: World) -> None:
    document = (await world.anonymous.get("http://gateway/openapi.json")).json()
    assert (await world.anonymous.get(url(f"{API_PREFIX}/openapi.json"))).json() == document
    described = {
        (method.upper(), path.removeprefix(API_PREFIX))
        for path, operations in document["paths"].items()
        if path.startswith(API_PREFIX)
        for method in operations
    }
    assert described == OPERATIONS
    assert {path for path in document["paths"] if not path.startswith(API_PREFIX)} == {
        "/",
        "/healthz",
        "/readyz",
        "/recordings/{name}",
        "/metrics",
    }


def operations(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in world.app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


async def test_operation_ids_are_unique_and_plain(world: World) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(world)]
    assert len(ids) == len(set(ids)) == len(OPERATIONS) + 5
    assert all(each.replace("_", "").isalpha() for each in ids)


async def test_what_needs_a_key_says_so_and_documents_the_refusals(world: World) -> None:
    for path, method, operation in operations(world):
        if not path.startswith(API_PREFIX):
            assert "security" not in operation
            continue
        if (method.upper(), path.removeprefix(API_PREFIX)) in WITHOUT_KEY:
            assert operation["security"] == []
            continue
        assert operation["security"] == [{"bearer": []}, {"session": []}]
        assert {"401", "429", "500", "503"} <= set(operation["responses"])
        schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}
        assert "Retry-After" in operation["responses"]["429"]["headers"]
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("X-Idempotency-Key" in names) == (method == "post")
    assert world.app.openapi()["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_every_operation_has_a_real_response_model(world: World) -> None:
    for route in world.app.routes:
        if isinstance(route, APIRoute) and route.path.startswith(API_PREFIX) and route.include_in_schema:
            streams = ("/events", "/export", "/live", "/preview", "/sip", "/trace")
            without_json = route.status_code == 204 or route.path.endswith(streams)
            without_json |= "/webrtc/sessions" in route.path  # session descriptions
            assert (route.response_model is None) == without_json


async def test_no_reference_in_the_document_is_dangling(world: World) -> None:
    document = world.app.openapi()
    schemas = document["components"]["schemas"]

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return here + [each for value in node.values() for each in references(value)]
        if isinstance(node, list):
            return [each for value in node for each in references(value)]
        return []

    found = references(document)
    assert found
    assert all(each.removeprefix("#/components/schemas/") in schemas for each in found)


async def test_secrets_are_documented_as_write_only(world: World) -> None:
    schemas = world.app.openapi()["components"]["schemas"]
    assert schemas["AgentCreate"]["properties"]["crm_webhook_secret"]["anyOf"][0]["writeOnly"] is True
    assert "crm_webhook_secret" not in schemas["AgentOut"]["properties"]
    assert "auth_password" not in schemas["TrunkOutboundOut"]["properties"]


async def test_a_misspelt_filter_is_not_a_list_without_one(world: World) -> None:
    response = await world.api.get("calls?stauts=ended")
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "stauts")
    assert (await world.api.get("calls?status=ended&limit=5")).status_code == 200
