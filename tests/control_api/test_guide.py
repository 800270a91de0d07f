"""`docs/api.md` says what the API really does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from control_api.application import API_PREFIX
from control_api.errors import CODE_BY_STATUS
from tests.control_api.api import World, error_of

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()

EXAMPLES = re.findall(r'curl -X POST "\$API/([^"]+)"(?:(?!curl)[^\'])*-d \'(\{.*?\})\'', GUIDE, re.DOTALL)


@pytest.mark.parametrize(("path", "body"), EXAMPLES)
async def test_every_example_body_is_valid(world: World, path: str, body: str) -> None:
    response = await world.api.post(path, json.loads(body))
    assert response.status_code in (200, 201, 404, 422)
    if response.status_code == 422:
        assert error_of(response)["details"]["field"] == "trunk_id"  # the example's trunk is not ours


def test_there_is_an_example_for_every_kind_of_body() -> None:
    assert {path for path, _ in EXAMPLES} == {
        "calls",
        "calls/$ID/say",
        "agents",
        "telephony/numbers/import",
        "telephony/numbers/assign",
        "telephony/numbers/unassign",
        "trunks",
    }


async def test_every_operation_is_mentioned(world: World) -> None:
    for path in world.app.openapi()["paths"]:
        relative = path.removeprefix(API_PREFIX)
        if relative == "/":
            continue
        words = [word for word in re.sub(r"\{\w+\}", "{id}", relative).split("/") if word]
        assert words[-1] in GUIDE, path


def test_every_code_of_the_edge_is_in_the_table() -> None:
    for code in [
        *CODE_BY_STATUS.values(),
        "invalid_json",
        "validation_error",
        "internal_error",
        "unauthorized",
    ]:
        assert f"`{code}`" in GUIDE


def test_every_json_example_is_json() -> None:
    for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL):
        json.loads(block)
