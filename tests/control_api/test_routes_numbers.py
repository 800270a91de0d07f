from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.new_trunk import NewTrunk
from gateway.trunk_probe import ProbeOutcome
from routing.numbers import country_of
from store.inventory import StockedNumber
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
        ({"api_key": "KEY"}, "body"),
        ({"provider_type": "twilio", "account_sid": "AC123"}, "body"),
        ({"provider_type": "twilio", "account_sid": "nonsense", "auth_token": "t"}, "account_sid"),
        ({"friendly_nam": "x"}, "friendly_nam"),
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


# --- tried before it is taken


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        (ProbeOutcome.NOT_REACHABLE, "sip_server"),
        (ProbeOutcome.CREDENTIALS_REFUSED, "sip_password"),
    ],
)
async def test_a_trunk_that_does_not_answer_is_not_made(
    world: World, outcome: ProbeOutcome, field: str
) -> None:
    world.gateway.probe_outcome = outcome
    body = {"phone_number": NUMBER, "sip_server": "sip.example.com", "sip_username": "u", "sip_password": "p"}
    response = await world.api.post("telephony/numbers/import", body)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)
    assert world.gateway.probed == [TrunkOutbound("sip.example.com", auth_username="u", auth_password="p")]
    assert (await world.api.get("telephony/numbers")).json()["data"] == []
    assert (await world.api.get("trunks")).json()["data"] == []


async def test_numbers_on_the_same_server_share_a_trunk(world: World) -> None:
    first = await imported(world, sip_server="sip.example.com")
    second = await imported(world, phone_number="+14155550124", sip_server="sip.example.com")
    other = await imported(world, phone_number="+14155550125", sip_server="sip2.example.com")
    assert first["trunk_id"] == second["trunk_id"] != other["trunk_id"]


async def test_a_carrier_that_cannot_be_asked_is_told(world: World) -> None:
    body = {"phone_number": NUMBER, "provider_type": "telnyx", "api_key": "KEY"}
    response = await world.api.post("telephony/numbers/import", body)
    assert (response.status_code, error_of(response)["code"]) == (502, "carrier_unavailable")
    assert (await world.api.get("telephony/numbers")).json()["data"] == []


# --- read, changed, released


async def test_a_number_is_read_changed_and_released(world: World) -> None:
    number = await imported(world)
    path = f"telephony/numbers/{number['id']}"
    assert (await world.api.get(path)).json()["data"] == number
    assert (await world.other.get(path)).status_code == 404
    changed = await world.api("PATCH", path, json={"friendly_name": "Desk", "type": "toll_free"})
    assert changed.json()["data"]["friendly_name"] == "Desk"
    assert changed.json()["data"]["type"] == "toll-free"
    emptied = await world.api("PATCH", path, json={"friendly_name": None})
    assert emptied.json()["data"]["friendly_name"] is None
    assert emptied.json()["data"]["type"] == "toll-free"
    assert (await world.other.delete(path)).status_code == 404
    assert (await world.api.delete(path)).status_code == 204
    assert (await world.api.get(path)).status_code == 404
    await imported(world)


async def test_the_secret_of_a_precall_webhook_is_not_shown(world: World) -> None:
    number = await imported(world)
    path = f"telephony/numbers/{number['id']}"
    webhook = {"url": "https://example.com/precall", "secret": "a-secret-of-16-ch", "timeout": "2s"}
    changed = await world.api("PATCH", path, json={"precall_webhook": webhook})
    assert changed.json()["data"]["precall_webhook"] == {"url": webhook["url"], "timeout": "2s"}
    too_long = {"precall_webhook": {"url": "https://e.com/x", "timeout": "9s"}}
    response = await world.api("PATCH", path, json=too_long)
    assert error_of(response)["details"]["field"] == "precall_webhook.timeout"


async def test_a_change_of_a_precall_webhook_keeps_the_secret_that_nobody_can_send_back(world: World) -> None:
    number = await imported(world)
    path = f"telephony/numbers/{number['id']}"

    async def secret_after(webhook: dict[str, Any]) -> Any:
        assert (await world.api("PATCH", path, json={"precall_webhook": webhook})).status_code == 200
        kept = await world.gateway.directory.get_number(world.organization_id, number["id"])
        assert kept.precall_webhook is not None
        return kept.precall_webhook["secret"]

    url, secret = "https://example.com/precall", "a-secret-of-16-ch"
    assert await secret_after({"url": url, "secret": secret}) == secret
    assert await secret_after({"url": url, "timeout": "1s"}) == secret
    assert await secret_after({"url": "https://example.org/other"}) is None, "not for somebody else"
    assert await secret_after({"url": url, "secret": secret}) == secret
    assert await secret_after({"url": url, "secret": None}) is None


@pytest.mark.parametrize(
    "url", ["ftp://example.com/x", "precall", "https://user:pass@example.com/x", "https://"]
)
async def test_a_precall_webhook_needs_an_address_of_the_web(world: World, url: str) -> None:
    number = await imported(world)
    body = {"precall_webhook": {"url": url}}
    response = await world.api("PATCH", f"telephony/numbers/{number['id']}", json=body)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, "precall_webhook.url")


async def test_the_list_is_filtered(world: World) -> None:
    agent = await world.agent()
    us, gb = await imported(world), await imported(world, phone_number="+442079460018", type="mobile")
    await world.api.post("telephony/numbers/assign", {"number_id": gb["id"], "agent_id": agent.id})

    async def found(query: str) -> list[str]:
        answer = await world.api.get(f"telephony/numbers?{query}")
        return [number["phone_number"] for number in answer.json()["data"]]

    assert await found("country=gb") == [gb["phone_number"]]
    assert await found("type=local") == [us["phone_number"]]
    assert await found("assigned=true") == [gb["phone_number"]]
    assert await found("assigned=false") == [us["phone_number"]]
    assert await found(f"agent_id={agent.id}") == [gb["phone_number"]]
    assert await found("phone_number=%2B14155550123") == [us["phone_number"]]
    assert await found("provider_type=telnyx") == []


# --- bought


async def stock(world: World, *numbers: str) -> None:
    for number in numbers:
        await world.gateway.store.inventory.add(
            StockedNumber(number, "local", country_of(number) or "", None, 200, datetime.now(UTC))
        )


async def test_a_number_is_searched_bought_and_given_back(world: World) -> None:
    await stock(world, "+14155550100", "+14155550199", "+442079460018")
    search = "telephony/numbers/search"
    found = (await world.api.post(search, {"country": "us", "contains": "0199"})).json()
    assert found["data"] == [
        {"phone_number": "+14155550199", "type": "local", "country": "US", "monthly_cost_cents": 200}
    ]
    bought = await world.api.post("telephony/numbers/purchase", {"phone_number": "+14155550199"})
    assert bought.status_code == 201
    number = bought.json()["data"]
    assert (number["managed"], number["provider_type"]) == (True, "managed")
    assert (await world.api.post(search, {"prefix": "1415"})).json()["pagination"]["total"] == 1
    again = await world.other.post("telephony/numbers/purchase", {"phone_number": "+14155550199"})
    assert (again.status_code, error_of(again)["code"]) == (409, "number_not_available")
    moved = await world.api("PATCH", f"telephony/numbers/{number['id']}", json={"trunk_id": NOWHERE})
    assert (moved.status_code, error_of(moved)["code"]) == (409, "number_is_managed")
    await world.api.delete(f"telephony/numbers/{number['id']}")
    again = await world.other.post("telephony/numbers/purchase", {"phone_number": "+14155550199"})
    assert again.status_code == 201


async def test_what_is_not_in_stock_cannot_be_bought(world: World) -> None:
    response = await world.api.post("telephony/numbers/purchase", {"phone_number": "+14155550199"})
    assert (response.status_code, error_of(response)["code"]) == (409, "number_not_available")
    assert (await world.api.post("telephony/numbers/search", {})).json()["data"] == []
