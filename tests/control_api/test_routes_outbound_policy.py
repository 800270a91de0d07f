"""`/outbound-policy`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control_api.api import World

PATH = "/outbound-policy"


async def test_it_is_open_at_first_and_replaced_as_a_whole(world: World) -> None:
    first = (await world.api.get(PATH)).json()["data"]
    assert first == {
        "allowed_countries": [],
        "allowed_prefixes": [],
        "allow_premium": False,
        "calls_per_minute": None,
        "cents_per_day": None,
        "updated_at": None,
    }
    body = {
        "allowed_countries": ["DE", "US"],
        "allowed_prefixes": ["+4420"],
        "calls_per_minute": 60,
        "cents_per_day": 5000,
    }
    put = (await world.api("PUT", PATH, json=body)).json()["data"]
    assert put["updated_at"] is not None
    assert put | {"updated_at": None} == first | body
    assert (await world.api.get(PATH)).json()["data"] == put
    assert (await world.other.get(PATH)).json()["data"] == first, "it is each organisation's own"
    again = (await world.api("PUT", PATH, json={"allow_premium": True})).json()["data"]
    assert again | {"updated_at": None} == first | {"allow_premium": True}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"allowed_countries": ["XX"]}, "allowed_countries.0"),
        ({"allowed_countries": ["de"]}, "allowed_countries.0"),
        ({"allowed_prefixes": ["49"]}, "allowed_prefixes.0"),
        ({"calls_per_minute": 0}, "calls_per_minute"),
        ({"cents_per_day": -1}, "cents_per_day"),
        ({"anything": 1}, "anything"),
    ],
)
async def test_what_is_wrong_names_its_field(world: World, body: dict[str, Any], field: str) -> None:
    answer = await world.api("PUT", PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, field)
