"""`/api/webhooks` over HTTP."""

import pytest

from tests.local_engine.engine_client import EngineClient

HOOK = {"url": "http://127.0.0.1:9/x", "events": ["call.ended"]}


async def test_a_webhook_is_made_read_changed_and_deleted(client: EngineClient) -> None:
    status, hook = await client.request("POST", "/api/webhooks", HOOK)
    assert (status, hook["status"], hook["events"]) == (201, "normal", ["call.ended"])
    assert len(hook["secrets"]) == 1
    path = f"/api/webhooks/{hook['webhookId']}"
    _, changed = await client.request("PATCH", path, {"events": ["call.joined"]})
    assert (changed["url"], changed["events"]) == (HOOK["url"], ["call.joined"])
    assert (await client.request("GET", path))[1] == changed
    assert (await client.request("GET", "/api/webhooks"))[1]["total"] == 1
    assert (await client.request("DELETE", path))[0] == 204
    assert (await client.request("GET", path))[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"url": "ftp://example.org"},
        {"url": "http://example.org/" + "x" * 200},
        {"events": []},
        {"events": ["call.exploded"]},
        {"secrets": ["x" * 121]},
        {"agentId": "nobody"},
    ],
)
async def test_broken_webhooks_are_refused(client: EngineClient, change: dict[str, object]) -> None:
    assert (await client.request("POST", "/api/webhooks", {**HOOK, **change}))[0] == 400
