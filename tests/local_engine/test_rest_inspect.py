"""What only the local engine has: a look into calls."""

from local_engine.tones import tone
from tests.local_engine.engine_client import EngineClient


async def test_a_call_is_seen_while_it_lives(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"case": "seven"})
    async with client.join(call) as socket:
        await socket.say(tone((440.0,), 100, 8000))
        await socket.until(lambda: len(socket.audio) == 1600)
        seen = await client.inspect(call)
        assert (seen["scenario"], seen["state"], seen["joined"] is not None) == ("echo", "listening", True)
        assert (seen["receivedMs"], seen["sentMs"], seen["framesReceived"]) == (100, 100, 5)
        assert seen["messagesSent"] == {"call_started": 1, "state": 1}
        _, overview = await client.request("GET", "/inspect")
        assert (overview["callsAlive"], overview["callsJoined"]) == (1, 1)
    _, listed = await client.request("GET", "/inspect/calls", **{"metadata.case": "seven"})
    assert [each["callId"] for each in listed["results"]] == [call["callId"]]


async def test_inspection_needs_no_key(client: EngineClient) -> None:
    assert (await client.request("GET", "/inspect", key=None))[0] == 200


async def test_unknown_calls_are_not_found(client: EngineClient) -> None:
    for path in ("/inspect/calls/x", "/inspect/calls/x/input.wav", "/inspect/calls/x/output.wav"):
        assert (await client.fetch(path))[0] == 404
