"""Voices, models, tools and the account over HTTP."""

from tests.local_engine.engine_client import KEY, EngineClient

DEFINITION = {"modelToolName": "lookUp", "description": "Looks up.", "client": {}, "timeout": "5s"}


async def test_voices_are_listed_searched_and_read(client: EngineClient) -> None:
    _, everything = await client.request("GET", "/api/voices")
    assert everything["total"] >= 5
    _, found = await client.request("GET", "/api/voices", search="mark")
    assert [voice["name"] for voice in found["results"]] == ["Mark"]
    _, german = await client.request("GET", "/api/voices", primaryLanguage="de")
    assert [voice["name"] for voice in german["results"]] == ["Klara"]
    assert (await client.request("GET", f"/api/voices/{found['results'][0]['voiceId']}"))[0] == 200
    assert (await client.request("GET", "/api/voices/nobody"))[0] == 404


async def test_models_are_listed(client: EngineClient) -> None:
    _, models = await client.request("GET", "/api/models")
    assert {"name": "ultravox-v0.7"} in models["results"]


async def test_a_tool_is_made_used_changed_and_deleted(client: EngineClient) -> None:
    status, tool = await client.request("POST", "/api/tools", {"name": "lookUp", "definition": DEFINITION})
    assert status == 201
    assert (await client.request("POST", "/api/tools", {"name": "lookUp", "definition": DEFINITION}))[
        0
    ] == 400
    call = await client.create("echo", selectedTools=[{"toolName": "lookUp"}])
    _, tools = await client.request("GET", f"/api/calls/{call['callId']}/tools")
    assert tools[0]["definition"]["timeout"] == "5s"
    path = f"/api/tools/{tool['toolId']}"
    changed = {"name": "lookUp", "definition": {**DEFINITION, "timeout": "7s"}}
    assert (await client.request("PUT", path, changed))[1]["definition"]["timeout"] == "7s"
    assert (await client.request("GET", "/api/tools", search="lookup"))[1]["total"] == 1
    assert (await client.request("DELETE", path))[0] == 204
    assert (await client.request("GET", path))[0] == 404


async def test_built_in_tools_cannot_be_changed(client: EngineClient) -> None:
    path = "/api/tools/56294126-5a7d-4948-b67d-3b7e13d55ea7"
    assert (await client.request("GET", path))[1]["name"] == "hangUp"
    assert (await client.request("DELETE", path))[0] == 404


async def test_the_account_counts_its_live_calls(client: EngineClient) -> None:
    call = await client.create("echo")
    assert (await client.request("GET", "/api/accounts/me"))[1]["activeCalls"] == 1
    async with client.join(call):
        pass
    assert (await client.request("GET", "/api/accounts/me"))[1]["activeCalls"] == 0


async def test_a_voice_and_a_providers_voice_can_be_heard(client: EngineClient) -> None:
    _, found = await client.request("GET", "/api/voices", search="mark")
    status, mark = await client.fetch(f"/api/voices/{found['results'][0]['voiceId']}/preview")
    assert (status, mark[:4]) == (200, b"RIFF")
    assert len(mark) > 24_000, "half a second at least"
    definition = {"elevenLabs": {"voiceId": "abc"}}
    headers, body = {"X-API-Key": KEY}, {"name": "Clara", "definition": definition}
    async with client.session.post(f"{client.url}/api/voice_preview", json=body, headers=headers) as answer:
        assert (answer.status, (await answer.read())[:4]) == (200, b"RIFF")
    assert (await client.request("POST", "/api/voice_preview", {"name": "Clara"}))[0] == 400
    assert (await client.request("GET", "/api/voices/nobody/preview"))[0] == 404
