"""The key check and the form of errors."""

from tests.local_engine.engine_client import EngineClient


async def test_a_missing_or_wrong_key_is_refused(client: EngineClient) -> None:
    for key in (None, "wrong", ""):
        status, body = await client.request("GET", "/api/calls", key=key)
        assert status == 401
        assert isinstance(body["detail"], str)
    assert (await client.request("GET", "/api/calls"))[0] == 200


async def test_the_key_of_browsers_is_accepted_too(client: EngineClient) -> None:
    async with client.session.get(
        f"{client.url}/api/models", headers={"X-Unsafe-API-Key": "abcdefgh.0123456789"}
    ) as response:
        assert response.status == 200


async def test_unknown_paths_and_methods_answer_with_detail(client: EngineClient) -> None:
    assert await client.request("GET", "/api/nothing") == (404, {"detail": "Not Found"})
    assert (await client.request("PUT", "/api/calls"))[0] == 405


async def test_a_body_that_is_no_json_object_is_refused(client: EngineClient) -> None:
    assert (await client.request("POST", "/api/calls", [1]))[0] == 400
    async with client.session.post(
        f"{client.url}/api/calls", data=b"{", headers={"X-API-Key": "abcdefgh.0123456789"}
    ) as response:
        assert response.status == 400
        assert "JSON" in (await response.json())["detail"]
