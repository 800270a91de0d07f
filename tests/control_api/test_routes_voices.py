from __future__ import annotations

from typing import Any

import pytest

from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from tests.control_api.api import NOWHERE, OTHER_VOICE_ID, VOICE_ID, World, error_of

IMPORT = {"name": "Aria", "provider_voice_id": "EXAVITQu4vr4xnSDxMaL"}


async def imported(world: World, **fields: Any) -> dict[str, Any]:
    response = await world.api.post("voices", IMPORT | fields)
    assert response.status_code == 201
    voice: dict[str, Any] = response.json()["data"]
    return voice


async def test_an_imported_voice_is_one_of_elevenlabs_unless_told_otherwise(world: World) -> None:
    voice = await imported(world)
    assert (voice["provider"], voice["imported"]) == ("elevenlabs", True)
    assert (await world.api.get(f"voices/voice_{voice['id']}")).json()["data"] == voice
    other = await imported(world, provider="cartesia")
    assert other["provider"] == "cartesia"


async def test_own_voices_are_listed_before_the_engines_and_in_one_sequence(world: World) -> None:
    first, second = await imported(world), await imported(world, provider="lmnt")
    whole = (await world.api.get("voices")).json()
    order = [second["id"], first["id"], VOICE_ID, OTHER_VOICE_ID]
    assert [voice["id"] for voice in whole["data"]] == order
    assert [voice["imported"] for voice in whole["data"]] == [True, True, False, False]
    seen = []
    for offset in range(0, 4, 1):
        page = (await world.api.get(f"voices?limit=1&offset={offset}")).json()
        assert page["pagination"]["total"] == 4
        assert page["pagination"]["has_more"] is (offset < 3)
        seen += [voice["id"] for voice in page["data"]]
    assert seen == order
    assert [voice["name"] for voice in (await world.api.get("voices?name=MAR")).json()["data"]] == ["Mark"]


async def test_an_engine_voice_keeps_its_identifier(world: World) -> None:
    voice = (await world.api.get(f"voices/{VOICE_ID}")).json()["data"]
    assert (voice["id"], voice["name"], voice["provider"]) == (VOICE_ID, "Mark", "ultravox")
    assert voice["language"] == "en-US"


async def test_another_organisations_voice_is_not_there(world: World) -> None:
    voice = await imported(world)
    assert (await world.other.get(f"voices/{voice['id']}")).status_code == 404
    assert (await world.other("DELETE", f"voices/{voice['id']}")).status_code == 404
    assert voice["id"] not in [each["id"] for each in (await world.other.get("voices")).json()["data"]]
    assert (await world.api.get(f"voices/{NOWHERE}")).status_code == 404
    assert (await world.api.get("voices/nobody")).status_code == 404


async def test_a_voice_is_imported_once(world: World) -> None:
    await imported(world)
    response = await world.api.post("voices", IMPORT)
    assert (response.status_code, error_of(response)["code"]) == (409, "voice_exists")
    assert (await world.other.post("voices", IMPORT)).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"provider": "nobody"}, "provider"),
        ({"provider_voice_id": ""}, "provider_voice_id"),
        ({"provider_voice_id": None}, "provider_voice_id"),
    ],
)
async def test_a_wrong_field_is_named(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.api.post("voices", IMPORT | change)
    assert (response.status_code, error_of(response)["details"]["field"]) == (422, field)


async def test_a_voice_is_deleted_once_no_agent_speaks_with_it(world: World) -> None:
    voice = await imported(world)
    agent = await world.agent(voice_id=voice["id"])
    response = await world.api("DELETE", f"voices/{voice['id']}")
    assert (response.status_code, error_of(response)["code"]) == (409, "voice_in_use")
    assert error_of(response)["details"]["agent_ids"] == [agent.id]
    await world.api("DELETE", f"agents/{agent.id}")
    assert (await world.api("DELETE", f"voices/{voice['id']}")).status_code == 204
    assert (await world.api.get(f"voices/{voice['id']}")).status_code == 404


async def test_the_engines_own_voice_cannot_be_deleted(world: World) -> None:
    response = await world.api("DELETE", f"voices/{VOICE_ID}")
    assert (response.status_code, error_of(response)["code"]) == (409, "voice_not_imported")


async def test_without_the_engine_its_voices_are_told_from_memory_or_not_at_all(world: World) -> None:
    own = await imported(world)
    world.gateway.library.fault = EngineUnreachableError("no connection")
    response = await world.api.get("voices")
    assert (response.status_code, error_of(response)["code"]) == (502, "upstream_error")
    assert (await world.api.get(f"voices/{VOICE_ID}")).status_code == 502
    assert (await world.api.get(f"voices/{own['id']}")).status_code == 200
    world.gateway.library.fault = None
    assert (await world.api.get("voices")).json()["pagination"]["total"] == 3
    world.gateway.library.fault = EngineUnreachableError("no connection")
    assert (await world.api.get("voices")).json()["pagination"]["total"] == 3
    assert (await world.api.get(f"voices/{VOICE_ID}")).status_code == 200


async def test_a_voice_can_be_heard(world: World) -> None:
    answer = await world.api.get(f"voices/{VOICE_ID}/preview")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert answer.content.startswith(b"RIFF")
    own = await imported(world, provider="cartesia", provider_voice_id="clara")
    answer = await world.api.get(f"voices/{own['id']}/preview")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert b"'cartesia': {'voiceId': 'clara'}" in answer.content
    assert (await world.other.get(f"voices/{own['id']}/preview")).status_code == 404
    assert (await world.api.get(f"voices/{NOWHERE}/preview")).status_code == 404


async def test_a_voice_that_the_engine_cannot_have_speak_says_why(world: World) -> None:
    world.gateway.library.fault = EngineRefusedError(400, "the provider knows no such voice")
    answer = await world.api.get(f"voices/{VOICE_ID}/preview")
    assert answer.status_code == 502
    assert "the provider knows no such voice" in error_of(answer)["message"]
