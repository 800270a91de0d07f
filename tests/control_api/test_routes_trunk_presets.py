"""`GET /trunk-presets`."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.trunk_presets import PRESETS
from tests.control_api.api import World


def put(body: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        body = body.setdefault(name, {})
    body[last] = value


@pytest.mark.parametrize("wanted", [preset.id for preset in PRESETS])
async def test_a_preset_and_what_is_filled_in_make_a_trunk(world: World, wanted: str) -> None:
    presets = (await world.api.get("trunk-presets")).json()["data"]
    preset = next(each for each in presets if each["id"] == wanted)
    body = dict(preset["values"])
    for field in preset["fields"]:
        value = field["example"] or "a secret"
        put(body, field["field"], [value] if field["field"].endswith("allowed_addresses") else value)
    answer = await world.api.post("trunks", body)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert made["codecs"] == preset["values"]["codecs"]
    inbound = made["inbound"]
    assert inbound["allowed_addresses"] or inbound["auth_username"], "it would take calls from anybody"
    assert made["outbound"]["address"] or made["outbound"]["to_registered"], "it could be called nowhere"


async def test_presets_come_in_pages(world: World) -> None:
    answer = (await world.api.get("trunk-presets?limit=2&offset=1")).json()
    assert [preset["id"] for preset in answer["data"]] == ["telnyx", "plivo"]
    assert answer["pagination"]["total"] == len(PRESETS)
    assert (await world.anonymous.get("trunk-presets")).status_code == 401
