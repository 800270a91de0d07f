from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from store.identifiers import uuid7
from store.tables import webhook_deliveries
from tests.control_api.api import NOWHERE, World, error_of, webhooks_of
from tests.store.samples import T0, agent, outbox_event
from tests.support.webhook_receiver import WebhookReceiver

URL = "https://example.com/hooks"


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    made = WebhookReceiver()
    yield made
    await made.stop()


async def made(world: World, **fields: Any) -> dict[str, Any]:
    response = await world.api.post("webhooks", {"url": URL} | fields)
    assert response.status_code == 201
    webhook: dict[str, Any] = response.json()["data"]
    return webhook


async def happened(world: World, *names: str, subject_id: str | None = None) -> str:
    """Events of one call; its id."""
    subject = subject_id or uuid7()
    store = world.gateway.store
    async with store.database.transaction() as connection:
        events = [
            replace(outbox_event(world.organization_id, name), subject_id=subject, created_at=T0)
            for name in names
        ]
        await store.outbox.append(connection, events)
    return subject


async def set_state(world: World, state: str, **more: Any) -> None:
    async with world.gateway.store.database.transaction() as connection:
        values = {"state": state, "next_attempt_at": None} | more
        await connection.execute(webhook_deliveries.update().values(values))


async def test_the_secret_is_shown_once(world: World) -> None:
    webhook = await made(world, events=["call.ended"], description="ours")
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert len(secret) > 40
    assert (webhook["url"], webhook["events"], webhook["description"]) == (URL, ["call.ended"], "ours")
    assert (webhook["enabled"], webhook["disabled_reason"]) == (True, None)
    shown = await world.api.get(f"webhooks/{webhook['id']}")
    listed = await world.api.get("webhooks")
    changed = await world.api("PATCH", f"webhooks/{webhook['id']}", json={"description": "new"})
    assert shown.json()["data"] == webhook
    assert listed.json()["data"] == [webhook]
    assert not any(secret in response.text for response in (shown, listed, changed))
    assert (await made(world))["secret"] != secret


async def test_without_a_choice_all_events_are_sent(world: World) -> None:
    assert (await made(world))["events"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "https://example.com/" + "a" * 2048}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["call.ended", "call.ended"]}, "events"),
        ({"url": URL, "events": ["call.exploded"]}, "events.0"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({"url": URL, "enabled": "yes"}, "enabled"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(world: World, body: dict[str, Any], field: str) -> None:
    response = await world.api.post("webhooks", body)
    assert response.status_code == 422
    assert error_of(response)["details"]["field"] == field


async def test_only_what_was_sent_changes(world: World) -> None:
    webhook = await made(world, events=["call.ended"], description="ours")
    webhook.pop("secret")
    path = f"webhooks/{webhook['id']}"
    changed = (await world.api("PATCH", path, json={"url": "https://example.org/"})).json()["data"]
    assert changed == webhook | {"url": "https://example.org/", "updated_at": changed["updated_at"]}
    changed = (await world.api("PATCH", path, json={"events": None, "description": None})).json()["data"]
    assert (changed["events"], changed["description"], changed["enabled"]) == (None, None, True)
    changed = (await world.api("PATCH", path, json={"enabled": False, "events": ["call.failed"]})).json()
    assert (changed["data"]["enabled"], changed["data"]["events"]) == (False, ["call.failed"])
    assert (await world.api("PATCH", path, json={"url": "http://10.0.0.1/"})).status_code == 422
    assert (await world.api("PATCH", path, json={"url": None})).status_code == 422
    assert (await world.api.get(path)).json()["data"]["url"] == "https://example.org/"


async def test_switching_it_on_again_forgets_why_it_was_off(world: World) -> None:
    webhook = await made(world)
    store = world.gateway.store
    found = await store.webhook_endpoints.get(world.organization_id, webhook["id"])
    assert found is not None
    await store.webhook_endpoints.update(replace(found, enabled=False, disabled_reason="gone"))
    path = f"webhooks/{webhook['id']}"
    assert (await world.api.get(path)).json()["data"]["disabled_reason"] == "gone"
    changed = (await world.api("PATCH", path, json={"enabled": True})).json()["data"]
    assert (changed["enabled"], changed["disabled_reason"]) == (True, None)


async def test_a_deleted_endpoint_is_gone_with_what_waits_for_it(world: World) -> None:
    webhook = await made(world)
    await happened(world, "call.ended")
    path = f"webhooks/{webhook['id']}"
    assert (await world.api("DELETE", path)).status_code == 204
    assert (await world.api.get(path)).status_code == 404
    assert (await world.api("DELETE", path)).status_code == 404
    async with world.gateway.store.database.reading() as connection:
        assert (await connection.execute(sa.select(webhook_deliveries))).all() == []


async def test_another_organisation_finds_nothing(world: World) -> None:
    webhook = await made(world)
    await happened(world, "call.ended")
    path = f"webhooks/{webhook['id']}"
    delivery = (await world.api.get(f"{path}/deliveries")).json()["data"][0]["id"]
    assert (await world.other.get("webhooks")).json()["data"] == []
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/test", None),
        ("POST", f"{path}/rotate-secret", {}),
        ("GET", f"{path}/deliveries", None),
        ("GET", f"{path}/deliveries/{delivery}", None),
        ("POST", f"{path}/deliveries/{delivery}/replay", None),
        ("POST", f"{path}/replay-dead", None),
    ):
        response = await world.other(method, where, json=body)
        assert response.status_code == 404, where
    assert (await world.api.get(path)).json()["data"]["enabled"]
    assert (await world.api.get(f"{path}/deliveries/{NOWHERE}")).status_code == 404


async def test_an_organisation_has_so_many_endpoints_and_no_more(world: World) -> None:
    for _ in range(50):
        await made(world)
    response = await world.api.post("webhooks", {"url": URL})
    assert (response.status_code, error_of(response)["code"]) == (409, "too_many_webhooks")
    assert (await world.other.post("webhooks", {"url": URL})).status_code == 201


async def test_the_endpoint_of_an_agents_crm_is_not_among_them(world: World) -> None:
    crm = agent(world.organization_id, crm_webhook_url=URL)
    await world.gateway.store.agents.create(crm)
    assert (await world.api.get("webhooks")).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "overlaps"), [(None, True), ({"overlap": "3600s"}, True), ({"overlap": "0s"}, False)]
)
async def test_a_rotation_gives_a_new_secret(
    world: World, body: dict[str, Any] | None, overlaps: bool
) -> None:
    webhook = await made(world)
    response = await world.api.post(f"webhooks/{webhook['id']}/rotate-secret", body)
    rotated = response.json()["data"]
    assert response.status_code == 200
    assert rotated["secret"] != webhook["secret"]
    assert (rotated["previous_secret_until"] is not None) is overlaps
    kept = await world.gateway.store.webhook_endpoints.get(world.organization_id, webhook["id"])
    assert kept is not None
    expected = (rotated["secret"], webhook["secret"]) if overlaps else (rotated["secret"],)
    assert kept.secrets_at(kept.updated_at) == expected


async def test_a_rotation_lasts_a_week_at_most(world: World) -> None:
    webhook = await made(world)
    response = await world.api.post(f"webhooks/{webhook['id']}/rotate-secret", {"overlap": "604801s"})
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "overlap")


async def test_a_test_event_is_sent_at_once_and_its_answer_told(
    world: World, receiver: WebhookReceiver
) -> None:
    webhooks = webhooks_of(world.gateway.store, allow_private=True)
    world.gateway.webhooks._allow_private = True  # the address of the test is one
    world.gateway.webhooks._sender = webhooks._sender
    url = await receiver.start()
    webhook = await made(world, url=f"{url}/x", events=["call.ended"], enabled=False)
    result = (await world.api.post(f"webhooks/{webhook['id']}/test")).json()["data"]
    (request,) = receiver.requests
    assert request.json == {
        "id": result["event_id"],
        "event": "webhook.test",
        "timestamp": request.json["timestamp"],
        "data": {"webhook_id": webhook["id"]},
    }
    assert request.signed_with(webhook["secret"])
    assert (result["delivered"], result["status"], result["error"]) == (True, 200, None)
    receiver.answer = lambda event: 500
    result = (await world.api.post(f"webhooks/{webhook['id']}/test")).json()["data"]
    assert (result["delivered"], result["status"], result["error"]) == (False, 500, "answered with 500")
    await receiver.stop()
    result = (await world.api.post(f"webhooks/{webhook['id']}/test")).json()["data"]
    assert (result["delivered"], result["status"]) == (False, None)
    assert result["error"]
    await webhooks._sender.close()


async def test_deliveries_can_be_looked_up(world: World) -> None:
    webhook = await made(world)
    path = f"webhooks/{webhook['id']}/deliveries"
    first = await happened(world, "call.started", "call.ended")
    await happened(world, "call.failed")
    page = (await world.api.get(path)).json()
    assert [item["event"] for item in page["data"]] == ["call.failed", "call.ended", "call.started"]
    assert page["pagination"]["total"] == 3
    assert {item["state"] for item in page["data"]} == {"pending"}
    assert [item["next_attempt_at"] is None for item in page["data"]] == [False, True, False]
    of_call = (await world.api.get(path, params={"subject_id": first})).json()["data"]
    assert {item["subject_id"] for item in of_call} == {first}
    (failed,) = (await world.api.get(path, params={"event": "call.failed"})).json()["data"]
    by_id = (await world.api.get(path, params={"event_id": failed["event_id"]})).json()["data"]
    assert by_id == [failed]
    detail = (await world.api.get(f"{path}/{failed['id']}")).json()["data"]
    assert detail == failed | {"payload": {"id": failed["event_id"], "event": "call.failed"}}
    assert (await world.api.get(path, params={"state": "dead"})).json()["data"] == []
    assert (await world.api.get(path, params={"state": "lost"})).status_code == 422
    assert (await world.api.get(path, params={"limit": 1, "offset": 2})).json()["data"][0]["event"] == (
        "call.started"
    )


async def test_a_dead_delivery_is_replayed_with_all_its_attempts(world: World) -> None:
    webhook = await made(world)
    path = f"webhooks/{webhook['id']}/deliveries"
    await happened(world, "call.ended")
    await set_state(world, "dead", attempts=8, finished_at=1, last_status=500)
    (dead,) = (await world.api.get(path, params={"state": "dead"})).json()["data"]
    response = await world.api.post(f"{path}/{dead['id']}/replay")
    replayed = response.json()["data"]
    assert response.status_code == 202
    assert (replayed["state"], replayed["attempts"], replayed["finished_at"]) == ("pending", 0, None)
    assert replayed["event_id"] == dead["event_id"]
    assert replayed["next_attempt_at"] is not None
    again = await world.api.post(f"{path}/{dead['id']}/replay")
    assert (again.status_code, error_of(again)["code"]) == (409, "delivery_pending")


async def test_all_dead_deliveries_are_replayed_in_the_order_of_their_calls(world: World) -> None:
    webhook = await made(world)
    await happened(world, "call.started", "call.ended")
    await happened(world, "call.failed")
    await set_state(world, "dead", attempts=8, finished_at=1)
    response = await world.api.post(f"webhooks/{webhook['id']}/replay-dead")
    assert (response.status_code, response.json()["data"]) == (202, {"replayed": 3})
    listed = (await world.api.get(f"webhooks/{webhook['id']}/deliveries")).json()["data"]
    assert {item["event"]: item["next_attempt_at"] is not None for item in listed} == {
        "call.failed": True,
        "call.ended": False,
        "call.started": True,
    }
    assert (await world.api.post(f"webhooks/{webhook['id']}/replay-dead")).json()["data"] == {"replayed": 0}
