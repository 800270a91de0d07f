from __future__ import annotations

from typing import Any

import pytest

from gateway.new_trunk import NewTrunk
from store.records import TrunkOutbound
from tests.control_api.api import NOWHERE, World, error_of

pytestmark = pytest.mark.both_databases

NUMBER = "+14155550123"


async def imported(world: World, **fields: Any) -> dict[str, Any]:
    response = await world.api.post("telephony/numbers/import", {"phone_number": NUMBER} | fields)
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def test_a_number_is_brought_in_without_an_agent(world: World) -> None:
    number = await imported(world, friendly_name="Reception", type="toll-free", provider_type="twilio")
    assert (number["phone_number"], number["friendly_name"]) == (NUMBER, "Reception")
    assert (number["type"], number["provider_type"], number["country"]) == ("toll-free", "twilio", "US")
    assert (number["inbound_agent_id"], number["outbound_agent_id"], number["trunk_id"]) == (None, None, None)
    assert (await world.api.get("telephony/numbers")).json()["data"] == [number]
    assert (await world.other.get("telephony/numbers")).json()["data"] == []


async def test_a_number_can_be_bound_to_a_trunk(world: World) -> None:
    trunk = await world.gateway.directory.create_trunk(
        world.organization_id, NewTrunk(name="t", outbound=TrunkOutbound("sip.example.com"))
    )
    assert (await imported(world, trunk_id=f"trunk_{trunk.id}"))["trunk_id"] == trunk.id


async def test_sip_fields_make_a_trunk_and_its_password_is_not_shown(world: World) -> None:
    response = await world.api.post(
        "telephony/numbers/import",
        {
            "phone_number": NUMBER,
            "provider_type": "custom_sip",
            "sip_server": "sip.example.com:5070",
            "sip_username": "user",
            "sip_password": "hunter2",
        },
    )
    trunks = await world.api.get("trunks")
    assert response.json()["data"]["trunk_id"] == trunks.json()["data"][0]["id"]
    assert "hunter2" not in response.text + trunks.text
    outbound = trunks.json()["data"][0]["outbound"]
    assert (outbound["address"], outbound["auth_username"]) == ("sip.example.com:5070", "user")


async def test_a_number_whose_trunk_cannot_be_made_is_not_left_behind(world: World) -> None:
    response = await world.api.post(
        "telephony/numbers/import", {"phone_number": NUMBER, "sip_server": "not a host"}
    )
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "sip_server")
    assert (await world.api.get("telephony/numbers")).json()["data"] == []
    assert (await world.api.get("trunks")).json()["data"] == []
    await imported(world)


async def test_a_number_is_imported_once(world: World) -> None:
    await imported(world)
    for api in (world.api, world.other):
        response = await api.post("telephony/numbers/import", {"phone_number": NUMBER})
        assert (response.status_code, error_of(response)["code"]) == (409, "number_exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone_number": "0155"}, "phone_number"),
        ({"provider_type": "acme"}, "provider_type"),
        ({"type": "fax"}, "type"),
        ({"country": "USA"}, "country"),
        ({"trunk_id": "none"}, "trunk_id"),
        ({"trunk_id": NOWHERE}, "trunk_id"),
        ({"trunk_id": NOWHERE, "sip_server": "a.example"}, "body"),
        ({"sip_username": "a", "sip_password": "b"}, "body"),
        ({"sip_server": "a.example", "sip_username": "a"}, "body"),
        ({"sip_server": "a.example", "sip_username": "a\r\nb", "sip_password": "b"}, "sip_username"),
        ({"api_key": "KEY"}, "api_key"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("telephony/numbers/import", {"phone_number": NUMBER} | change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert (await world.api.get("telephony/numbers")).json()["data"] == []


async def test_without_a_type_both_slots_are_assigned_and_emptied(world: World) -> None:
    number, agent = await imported(world), await world.agent()
    body = {"number_id": f"num_{number['id']}", "agent_id": f"agt_{agent.id}"}
    assigned = (await world.api.post("telephony/numbers/assign", body)).json()["data"]
    assert (assigned["inbound_agent_id"], assigned["outbound_agent_id"]) == (agent.id, agent.id)
    freed = (await world.api.post("telephony/numbers/unassign", {"number_id": number["id"]})).json()["data"]
    assert (freed["inbound_agent_id"], freed["outbound_agent_id"]) == (None, None)


async def test_one_slot_is_assigned_and_emptied_alone(world: World) -> None:
    number, agent = await imported(world), await world.agent()
    body = {"number_id": number["id"], "agent_id": agent.id, "assignment_type": "inbound"}
    assigned = (await world.api.post("telephony/numbers/assign", body)).json()["data"]
    assert (assigned["inbound_agent_id"], assigned["outbound_agent_id"]) == (agent.id, None)
    await world.api.post("telephony/numbers/assign", body | {"assignment_type": "outbound"})
    freed = await world.api.post(
        "telephony/numbers/unassign", {"number_id": number["id"], "assignment_type": "inbound"}
    )
    assert (freed.json()["data"]["inbound_agent_id"], freed.json()["data"]["outbound_agent_id"]) == (
        None,
        agent.id,
    )


async def test_a_number_moves_to_another_agent_in_one_step(world: World) -> None:
    number, first, second = await imported(world), await world.agent(), await world.agent(name="Second")
    for agent in (first, second):
        response = await world.api.post(
            "telephony/numbers/assign", {"number_id": number["id"], "agent_id": agent.id}
        )
        assert response.json()["data"]["inbound_agent_id"] == agent.id


async def test_a_number_serves_one_agent(world: World) -> None:
    number, first, second = await imported(world), await world.agent(), await world.agent(name="Second")
    body = {"number_id": number["id"], "agent_id": first.id, "assignment_type": "inbound"}
    await world.api.post("telephony/numbers/assign", body)
    response = await world.api.post(
        "telephony/numbers/assign", body | {"agent_id": second.id, "assignment_type": "outbound"}
    )
    assert (response.status_code, error_of(response)["code"]) == (409, "number_has_another_agent")


async def test_another_organisations_number_or_agent_is_not_found(world: World) -> None:
    number, agent = await imported(world), await world.agent()
    theirs = await world.agent(world.other_organization_id)
    assign = "telephony/numbers/assign"
    ours = {"number_id": number["id"], "agent_id": agent.id}
    assert (await world.other.post(assign, ours)).status_code == 404
    assert (await world.api.post(assign, ours | {"agent_id": theirs.id})).status_code == 404
    assert (await world.api.post(assign, ours | {"number_id": NOWHERE})).status_code == 404
    unassigned = await world.other.post("telephony/numbers/unassign", {"number_id": number["id"]})
    assert unassigned.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"agent_id": NOWHERE}, "number_id"),
        ({"number_id": NOWHERE}, "agent_id"),
        ({"number_id": NOWHERE, "agent_id": NOWHERE, "assignment_type": "both"}, "assignment_type"),
    ],
)
async def test_a_wrong_assignment_is_named(world: World, body: dict[str, Any], field: str) -> None:
    response = await world.api.post("telephony/numbers/assign", body)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
