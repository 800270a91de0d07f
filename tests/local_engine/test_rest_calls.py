"""`/api/calls` over HTTP."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from local_engine.tones import silence, tone
from tests.local_engine.engine_client import EngineClient
from tests.support.audio import dominant_tone, loud_spans

USER_FIRST = {"firstSpeakerSettings": {"user": {}}}


async def test_a_created_call_has_the_shape_of_the_call_object(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"a": "b"}, maxDuration="900s")
    assert call["joinUrl"].startswith("ws://127.0.0.1:")
    assert call["joinUrl"].endswith(f"/calls/{call['callId']}/server_web_socket")
    assert call["created"].endswith("Z")
    assert (call["joined"], call["ended"], call["endReason"], call["billedDuration"]) == (None,) * 4
    assert call["billingStatus"] == "BILLING_STATUS_PENDING"
    assert (call["maxDuration"], call["joinTimeout"]) == ("900s", "30s")
    assert call["metadata"] == {"a": "b"}
    assert call["medium"]["serverWebSocket"]["inputSampleRate"] == 8000
    assert "selectedTools" not in call
    assert await client.request("GET", f"/api/calls/{call['callId']}") == (200, call)


async def test_a_broken_body_is_refused_with_a_detail(client: EngineClient) -> None:
    status, body = await client.request("POST", "/api/calls", {"medium": {"serverWebSocket": {}}})
    assert (status, body) == (400, {"detail": "medium.serverWebSocket.inputSampleRate: required"})


async def test_an_ended_call_tells_when_why_and_what_it_costs(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call):
        pass
    _, ended = await client.request("GET", f"/api/calls/{call['callId']}")
    assert ended["created"] <= ended["joined"] <= ended["ended"]
    assert ended["endReason"] == "hangup"
    assert (ended["billedDuration"], ended["billingStatus"]) == ("6s", "BILLING_STATUS_BILLED")
    assert ended["shortSummary"]


async def test_calls_are_listed_newest_first_in_pages(client: EngineClient) -> None:
    made = [(await client.create("echo", metadata={"batch": "x"}))["callId"] for _ in range(5)]
    await client.create("echo")
    status, first = await client.request("GET", "/api/calls", pageSize="2", **{"metadata.batch": "x"})
    assert status == 200
    assert first["total"] == 5
    assert first["previous"] is None
    seen = [call["callId"] for call in first["results"]]
    page = first
    while page["next"]:
        _, page = await client.request("GET", page["next"].removeprefix(client.url))
        seen += [call["callId"] for call in page["results"]]
    assert seen == made[::-1]
    assert page["previous"]


async def test_a_call_that_is_not_live_can_be_deleted_and_leaves_a_tombstone(client: EngineClient) -> None:
    call = await client.create("echo")
    path = f"/api/calls/{call['callId']}"
    async with client.join(call) as socket:
        await socket.until(lambda: socket.states)
        assert (await client.request("DELETE", path))[0] == 400
    assert (await client.request("DELETE", path))[0] == 204
    assert (await client.request("GET", path))[0] == 404
    status, tombstone = await client.request("GET", f"/api/deleted_calls/{call['callId']}")
    assert (status, tombstone["endReason"]) == (200, "hangup")


async def test_data_messages_reach_only_a_joined_call(client: EngineClient) -> None:
    call = await client.create("receptionist", **USER_FIRST)
    path = f"/api/calls/{call['callId']}/send_data_message"
    message = {"type": "user_text_message", "text": "7", "urgency": "immediate"}
    assert (await client.request("POST", path, message))[0] == 422
    async with client.join(call) as socket:
        await socket.until(lambda: socket.states)
        assert (await client.request("POST", path, message)) == (204, None)
        await socket.until(lambda: socket.finals() == ["You pressed 7."])
        assert (await client.request("POST", path, {"type": "ping", "timestamp": 1}))[0] == 400
        assert (await client.request("POST", path, {"type": "dance"}))[0] == 400
        assert (await client.request("POST", path, {"type": "hang_up", "message": "Bye."}))[0] == 204
        assert await socket.closed() == 1000
    assert (await client.request("POST", path, message))[0] == 422
    assert (await client.inspect(call))["endReason"] == "agent_hangup"


async def test_a_later_call_takes_over_the_history_of_a_prior_one(client: EngineClient) -> None:
    first = await client.create("receptionist", **USER_FIRST)
    async with client.join(first) as socket:
        await socket.send(type="user_text_message", text="5", urgency="immediate")
        await socket.until(lambda: socket.finals())
    status, second = await client.request(
        "POST", "/api/calls", {}, priorCallId=first["callId"], enableGreetingPrompt="false"
    )
    assert status == 201
    assert second["systemPrompt"] == "[scenario:receptionist]"
    path = f"/api/calls/{second['callId']}/messages"
    assert [each["text"] for each in (await client.request("GET", path))[1]["results"]] == [
        "5",
        "You pressed 5.",
    ]
    assert (await client.request("GET", path, mode="in_call"))[1]["total"] == 0
    body = {"initialMessages": [{"role": "MESSAGE_ROLE_USER", "text": "hi"}]}
    assert (await client.request("POST", "/api/calls", body, priorCallId=first["callId"]))[0] == 400
    assert (await client.request("POST", "/api/calls", {}, priorCallId="nobody"))[0] == 400


async def test_the_tools_and_stages_of_a_call_are_listed(client: EngineClient) -> None:
    call = await client.create("echo", selectedTools=[{"toolName": "hangUp"}])
    _, tools = await client.request("GET", f"/api/calls/{call['callId']}/tools")
    assert [tool["name"] for tool in tools] == ["hangUp"]
    _, stages = await client.request("GET", f"/api/calls/{call['callId']}/stages")
    (stage,) = stages["results"]
    path = f"/api/calls/{call['callId']}/stages/{stage['callStageId']}"
    assert (await client.request("GET", path))[1] == stage
    assert (await client.request("GET", f"{path}/messages"))[1]["total"] == 0
    assert (await client.request("GET", f"/api/calls/{call['callId']}/stages/nothing"))[0] == 404


async def test_a_recorded_call_holds_both_sides(client: EngineClient) -> None:
    call = await client.create(
        "script",
        systemPrompt='[scenario:script] [{"wait": "user"}, {"tone": 1500, "ms": 300}, {"hang_up": true}]',
        recordingEnabled=True,
        **USER_FIRST,
    )
    path = f"/api/calls/{call['callId']}/recording"
    assert (await client.fetch(path))[0] == 404
    async with client.join(call) as socket:
        await socket.say(tone((600.0,), 200, 8000) + silence(500, 8000))
        await socket.closed()
    status, data = await client.fetch(path)
    assert status == 200
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == 8000
        heard = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
    assert dominant_tone(heard[:1600])[0] == pytest.approx(600, abs=5)
    (answer,) = [span for span in loud_spans(heard, join_ms=20) if span.start_ms > 300]
    part = heard[int(answer.start_ms * 8) : int(answer.end_ms * 8)]
    assert dominant_tone(part)[0] == pytest.approx(1500, abs=5)
    assert answer.duration_ms == pytest.approx(300, abs=30)


@pytest.mark.parametrize(("status", "retry_after"), [(429, 2), (503, 1), (402, None)])
async def test_armed_faults_meet_the_next_creations(
    client: EngineClient, status: int, retry_after: float | None
) -> None:
    armed = {"count": 2, "status": status, "retryAfter": retry_after, "detail": "Too many concurrent calls."}
    assert (await client.request("POST", "/faults", armed)) == (201, {"waiting": 2})
    for _ in range(2):
        async with client.session.post(
            f"{client.url}/api/calls", json={}, headers={"X-API-Key": "abcdefgh.0123456789"}
        ) as response:
            assert response.status == status
            assert response.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))
            assert (await response.json())["detail"] == "Too many concurrent calls."
    await client.create("echo")


async def test_an_armed_call_fault_goes_with_the_call_it_meets(client: EngineClient) -> None:
    await client.request("POST", "/faults", {"call": "close_1013_after_ms=50", "delayMs": 20})
    async with client.join(await client.create("echo")) as socket:
        assert await socket.closed() == 1013
    assert (await client.request("DELETE", "/faults"))[0] == 204
    assert (await client.request("GET", "/faults"))[1] == {"waiting": 0, "served": 1}
    assert (await client.request("POST", "/faults", {"status": 42}))[0] == 400


@pytest.mark.parametrize(
    "query",
    [{"cursor": "!"}, {"pageSize": "x"}, {"fromDate": "soon"}, {"durationMin": "x"}],
)
async def test_broken_queries_are_refused(client: EngineClient, query: dict[str, str]) -> None:
    await client.create("echo")
    assert (await client.request("GET", "/api/calls", **query))[0] == 400
