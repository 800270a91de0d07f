from __future__ import annotations

from typing import Any

import pytest

from gateway.directory import AssignmentType
from gateway.new_number import NewNumber
from tests.control_api.api import CAMPAIGN_MAX_CONTACTS, NOWHERE, World, error_of

pytestmark = pytest.mark.both_databases

NUMBERS = ("+18005550100", "+18005550101")
INLINE = [{"phone_number": "+14155550100", "first_name": "Ann", "variables": {"plan": "gold"}}]


async def caller(world: World) -> str:
    """An agent with two outbound numbers."""
    agent = await world.agent()
    for phone_number in NUMBERS:
        number = await world.gateway.directory.import_number(
            world.organization_id, NewNumber(phone_number=phone_number)
        )
        await world.gateway.directory.assign(
            world.organization_id, number.id, agent.id, AssignmentType.OUTBOUND
        )
    return agent.id


async def made(world: World, **fields: Any) -> dict[str, Any]:
    body = {"name": "Q4 renewal", "agent_id": await caller(world), "contacts": INLINE} | fields
    response = await world.api.post("batch-calls", body)
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def act(world: World, campaign: dict[str, Any], verb: str, status: int = 200) -> dict[str, Any]:
    response = await world.api.post(f"batch-calls/{campaign['id']}/{verb}")
    assert response.status_code == status, response.text
    data: dict[str, Any] = response.json()["data"] if status == 200 else error_of(response)
    return data


async def contacts(world: World, campaign: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    response = await world.api.get(f"batch-calls/{campaign['id']}/contacts{query}")
    data: list[dict[str, Any]] = response.json()["data"]
    return data


async def test_a_campaign_shows_what_it_was_made_with(world: World) -> None:
    schedule = {
        "timezone": "America/New_York",
        "working_days": [5, 1],
        "start_time": "09:30",
        "end_time": "24:00",
        "max_calls_per_day": 500,
        "start_at": "2027-01-04T09:00:00-05:00",
        "end_at": None,
    }
    campaign = await made(
        world,
        from_numbers=[NUMBERS[1]],
        number_rotation="random",
        calls_per_number=3,
        schedule=schedule,
        max_concurrent_calls=7,
        calls_per_minute=30,
        retries={"max_attempts": 3, "delay": "900s", "outcomes": ["busy"]},
        variables={"offer": "x"},
        call_settings={"join_timeout": "30s", "recording_enabled": True},
    )
    assert (campaign["status"], campaign["contact_count"]) == ("draft", 1)
    assert campaign["schedule"] == schedule | {
        "working_days": [1, 5],
        "start_at": "2027-01-04T14:00:00Z",
    }
    assert campaign["retries"] == {"max_attempts": 3, "delay": "900s", "outcomes": ["busy"]}
    assert (campaign["from_numbers"], campaign["number_rotation"]) == ([NUMBERS[1]], "random")
    assert (campaign["calls_per_number"], campaign["max_concurrent_calls"]) == (3, 7)
    assert (campaign["calls_per_minute"], campaign["variables"]) == (30, {"offer": "x"})
    assert campaign["call_settings"]["join_timeout"] == "30s"
    assert campaign["statistics"]["pending"] == 1
    assert (await world.api.get(f"batch-calls/batch_{campaign['id']}")).json()["data"] == campaign
    assert (await world.api.get("batch-calls?name=renew&status=draft")).json()["data"] == [campaign]
    assert (await world.api.get("batch-calls?status=active")).json()["data"] == []


async def test_contacts_come_from_a_folder_from_ids_inline_or_from_a_file(world: World) -> None:
    folder = (await world.api.post("folders", {"name": "f"})).json()["data"]["id"]
    known = (
        await world.api.post(
            "contacts",
            {
                "phone_number": "+14155550101",
                "first_name": "Bob",
                "folder_id": folder,
                "metadata": {"crm": 7, "tags": []},
            },
        )
    ).json()["data"]
    agent_id = await caller(world)
    base = {"name": "n", "agent_id": agent_id}
    for source, number, variables, contact_id in (
        ({"folder_id": folder}, "+14155550101", {"first_name": "Bob", "crm": "7"}, known["id"]),
        ({"contact_ids": [known["id"]]}, "+14155550101", {"first_name": "Bob", "crm": "7"}, known["id"]),
        ({"contacts": INLINE}, "+14155550100", {"first_name": "Ann", "plan": "gold"}, None),
        ({"csv": "phone;name;Plan\n+14155550102;Cid;silver\n"}, "+14155550102", None, None),
        (
            {"csv": "phone\n(415) 555-0103\n", "default_country": "us"},
            "+14155550103",
            {},
            None,
        ),
    ):
        response = await world.api.post("batch-calls", base | source)
        assert response.status_code == 201, response.text
        (contact,) = await contacts(world, response.json()["data"])
        assert (contact["phone_number"], contact["contact_id"]) == (number, contact_id)
        assert contact["variables"] == (
            {"first_name": "Cid", "Plan": "silver"} if variables is None else variables
        )
        assert (contact["state"], contact["attempts"], contact["scheduled_at"]) == ("pending", 0, None)
    await world.api("DELETE", f"folders/{folder}")
    (first,) = await contacts(world, (await world.api.get("batch-calls?limit=1&offset=4")).json()["data"][0])
    assert first["phone_number"] == "+14155550101"  # a copy


async def test_what_cannot_be_meant_is_refused_by_field(world: World) -> None:
    agent_id = await caller(world)
    mute = (await world.agent(name="without a number")).id
    base = {"name": "n", "agent_id": agent_id, "contacts": INLINE}
    many = [{"phone_number": f"+1415555{n:04}"} for n in range(CAMPAIGN_MAX_CONTACTS + 1)]
    empty = (await world.api.post("folders", {"name": "f"})).json()["data"]["id"]
    for fields, code, field in (
        ({"name": ""}, "validation_error", "name"),
        ({"name": "x" * 256}, "validation_error", "name"),
        ({"agent_id": mute}, "no_phone_number_configured", "agent_id"),
        ({"from_numbers": ["+18005550999"]}, "from_number_not_assigned", "from_numbers"),
        ({"number_ids": [NOWHERE]}, "from_number_not_assigned", "number_ids"),
        ({"max_concurrent_calls": 0}, "validation_error", "max_concurrent_calls"),
        ({"schedule": {"timezone": "Mars"}}, "validation_error", "schedule.timezone"),
        ({"schedule": {"working_days": [0]}}, "validation_error", "schedule.working_days.0"),
        ({"schedule": {"start_time": "9:00"}}, "validation_error", "schedule.start_time"),
        ({"schedule": {"start_time": "17:00"}}, "validation_error", "schedule"),
        ({"retries": {"max_attempts": 11}}, "validation_error", "retries.max_attempts"),
        ({"contacts": [{"phone_number": "415"}]}, "validation_error", "contacts.0.phone_number"),
        ({"contacts": many}, "validation_error", "contacts"),
        ({"contacts": None, "csv": "phone\n415\n"}, "csv_rows_invalid", "csv"),
        ({"contacts": None, "folder_id": empty}, "no_contacts", "folder_id"),
    ):
        response = await world.api.post("batch-calls", base | fields)
        assert response.status_code == 422, (fields, response.text)
        assert (error_of(response)["code"], error_of(response)["details"]["field"]) == (code, field), fields
    for fields in ({"contacts": None}, {"folder_id": empty}, {"agent_id": None}, {"agent_ids": [agent_id]}):
        assert (await world.api.post("batch-calls", base | fields)).status_code == 422, fields
    for fields in (
        {"agent_id": NOWHERE},
        {"contacts": None, "folder_id": NOWHERE},
        {"contacts": None, "contact_ids": [NOWHERE]},
    ):
        assert (await world.api.post("batch-calls", base | fields)).status_code == 404, fields
    assert (await world.api.get("batch-calls")).json()["pagination"]["total"] == 0


async def test_one_agent_may_be_given_as_a_list(world: World) -> None:
    agent_id = await caller(world)
    body = {"name": "n", "agent_ids": [agent_id], "contacts": INLINE}
    response = await world.api.post("batch-calls", body)
    assert response.json()["data"]["agent_id"] == agent_id


async def test_a_campaign_is_started_paused_resumed_and_cancelled(world: World) -> None:
    campaign = await made(world)
    assert (await act(world, campaign, "pause", 409))["code"] == "batch_not_running"
    assert (await act(world, campaign, "resume", 409))["code"] == "batch_not_paused"
    started = await act(world, campaign, "start")
    assert (started["status"], started["started_at"] is None) == ("active", False)
    (contact,) = await contacts(world, campaign)
    assert contact["scheduled_at"] is not None
    assert (await act(world, campaign, "start", 409))["details"]["status"] == "active"
    paused = await act(world, campaign, "pause")
    assert (paused["status"], paused["status_reason"]) == ("paused", "stopped by request")
    assert (await act(world, campaign, "resume"))["status_reason"] is None
    cancelled = await act(world, campaign, "cancel")
    assert (cancelled["status"], cancelled["statistics"]["cancelled"]) == ("cancelled", 1)
    assert (await contacts(world, campaign, "?state=cancelled"))[0]["id"] == contact["id"]
    assert (await act(world, campaign, "cancel", 409))["code"] == "batch_over"
    assert (await act(world, campaign, "start", 409))["code"] == "batch_not_startable"


async def test_a_campaign_that_begins_later_is_scheduled(world: World) -> None:
    campaign = await made(
        world,
        schedule={
            "timezone": "Europe/Berlin",
            "working_days": [1, 2, 3, 4, 5],
            "start_at": "2030-01-05T12:00:00Z",
        },
    )
    assert (await act(world, campaign, "start"))["status"] == "scheduled"
    (contact,) = await contacts(world, campaign)
    assert contact["scheduled_at"] == "2030-01-07T08:00:00Z"  # the Monday after, at nine in Berlin


async def test_a_schedule_that_is_over_cannot_be_started(world: World) -> None:
    campaign = await made(world, schedule={"end_at": "2020-01-01T00:00:00Z"})
    assert (await act(world, campaign, "start", 422))["code"] == "schedule_is_over"


async def test_a_draft_or_a_paused_campaign_can_be_changed(world: World) -> None:
    campaign = await made(world, calls_per_minute=5)
    path = f"batch-calls/{campaign['id']}"
    numbers = (await world.api.get("telephony/numbers")).json()["data"]
    first = next(number["id"] for number in numbers if number["phone_number"] == NUMBERS[0])
    changed = await world.api(
        "PATCH", path, json={"name": "New", "calls_per_minute": None, "number_ids": [first]}
    )
    data = changed.json()["data"]
    assert (data["name"], data["calls_per_minute"], data["from_numbers"]) == ("New", None, [NUMBERS[0]])
    assert data["max_concurrent_calls"] == campaign["max_concurrent_calls"]
    refused = await world.api("PATCH", path, json={"from_numbers": ["+18005550999"]})
    assert error_of(refused)["code"] == "from_number_not_assigned"
    await act(world, campaign, "start")
    running = await world.api("PATCH", path, json={"name": "Late"})
    assert (running.status_code, error_of(running)["code"]) == (409, "batch_not_changeable")
    await act(world, campaign, "pause")
    paused = await world.api("PATCH", path, json={"max_concurrent_calls": 2})
    assert paused.json()["data"]["max_concurrent_calls"] == 2


async def test_only_a_draft_can_be_deleted(world: World) -> None:
    draft = await made(world)
    path = f"batch-calls/{draft['id']}"
    await act(world, draft, "start")
    refused = await world.api("DELETE", path)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "batch_not_deletable")
    body = {"name": "n", "agent_id": draft["agent_id"], "contacts": INLINE}
    other = (await world.api.post("batch-calls", body)).json()["data"]
    assert (await world.api("DELETE", f"batch-calls/{other['id']}")).status_code == 204
    assert (await world.api.get(f"batch-calls/{other['id']}")).status_code == 404


async def test_campaigns_of_others_are_not_there(world: World) -> None:
    campaign = await made(world)
    path = f"batch-calls/{campaign['id']}"
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/contacts"),
        ("POST", "/start"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/cancel"),
    ):
        body = {"name": "x"} if method == "PATCH" else None
        assert (await world.other(method, path + rest, json=body)).status_code == 404
    assert (await world.other.get("batch-calls")).json()["data"] == []
    assert (await world.api.get(path)).json()["data"] == campaign
