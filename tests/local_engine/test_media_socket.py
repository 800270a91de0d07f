"""Calls over real sockets: greeting, echo, barge-in, keys, faults, refusals."""

from __future__ import annotations

import asyncio
import io
import time
import wave

import aiohttp
import numpy as np
import pytest

from local_engine.scenario_receptionist import GREETING
from local_engine.tones import silence, tone
from tests.local_engine.engine_client import EngineClient
from tests.support.audio import dominant_tone, loud_spans, tone_level_dbfs

USER_FIRST = {"firstSpeakerSettings": {"user": {}}}


def samples(pcm: bytes | bytearray) -> np.typing.NDArray[np.int16]:
    return np.frombuffer(bytes(pcm), dtype="<i2").astype(np.int16)


async def wav_of(client: EngineClient, call: dict[str, object], which: str = "input") -> bytes:
    status, data = await client.fetch(f"/inspect/calls/{call['callId']}/{which}.wav")
    assert status == 200
    with wave.open(io.BytesIO(data)) as file:
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_the_greeting_is_speech_and_whole(client: EngineClient, rate: int) -> None:
    call = await client.create("receptionist", rate=rate)
    async with client.join(call) as socket:
        await socket.until(lambda: socket.finals(), within=10)
        assert socket.finals() == [GREETING]
        assert socket.states[-2:] == ["speaking", "listening"] or socket.states[-1] == "speaking"
        heard = samples(socket.audio)
        words = "".join(each.get("text") or each["delta"] for each in socket.of_type("transcript")[:-1])
        assert words == GREETING
        assert await wav_of(client, call, "output") == bytes(socket.audio)
    seconds = len(heard) / rate
    assert 3.5 < seconds < 7.0
    assert np.abs(heard).max() > 8000
    bursts = loud_spans(heard, rate=rate, threshold_dbfs=-40, join_ms=60)
    assert len(bursts) >= 4
    assert bursts[0].start_ms < 40
    assert bursts[-1].end_ms > seconds * 1000 - 250


async def test_a_prescribed_greeting_replaces_the_scenarios(client: EngineClient) -> None:
    call = await client.create("receptionist", firstSpeakerSettings={"agent": {"text": "Good day."}})
    async with client.join(call) as socket:
        await socket.until(lambda: socket.finals())
        assert socket.finals() == ["Good day."]


async def test_echo_returns_every_byte_at_once(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.until(lambda: socket.states == ["listening"])
        sent = tone((440.0,), 400, 8000)
        delays = []
        for start in range(0, len(sent), 320):
            before = time.monotonic()
            await socket.socket.send_bytes(sent[start : start + 320])
            await socket.until(lambda expected=start + 320: len(socket.audio) >= expected)
            delays.append(time.monotonic() - before)
        assert bytes(socket.audio) == sent
        assert sorted(delays)[len(delays) // 2] < 0.01


async def test_echo_changes_the_rate_when_the_call_asks_for_another(client: EngineClient) -> None:
    call = await client.create("echo", socket={"outputSampleRate": 16000})
    async with client.join(call) as socket:
        await socket.say(tone((440.0,), 500, 8000))
        await socket.until(lambda: len(socket.audio) > 15000)
        assert dominant_tone(samples(socket.audio), 16000)[0] == pytest.approx(440, abs=3)


async def test_what_the_caller_said_is_kept_for_inspection_to_the_byte(client: EngineClient) -> None:
    call = await client.create("assistant", **USER_FIRST)
    sent = silence(100, 8000) + tone((600.0,), 300, 8000)
    async with client.join(call) as socket:
        await socket.say(sent)
    assert await wav_of(client, call) == sent
    seen = await client.inspect(call)
    assert seen["receivedMs"] == 400
    assert seen["endReason"] == "hangup"


async def test_an_echo_call_keeps_no_audio_unless_asked(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.say(tone((600.0,), 60, 8000))
    assert (await client.fetch(f"/inspect/calls/{call['callId']}/input.wav"))[0] == 404
    kept = await client.create("echo", metadata={"inspect": "1"})
    async with client.join(kept) as socket:
        await socket.say(tone((600.0,), 60, 8000))
        await socket.until(lambda: len(socket.audio) == 960)
    assert await wav_of(client, kept) == tone((600.0,), 60, 8000)


async def test_the_receptionist_plays_back_what_it_heard(client: EngineClient) -> None:
    call = await client.create("receptionist", **USER_FIRST)
    async with client.join(call) as socket:
        await socket.say(tone((1000.0,), 600, 8000) + silence(500, 8000))
        await socket.until(lambda: "You said:" in socket.finals())
        heard = samples(socket.audio)
    (played_at, *_) = [span for span in loud_spans(heard, join_ms=30) if span.duration_ms > 550]
    part = heard[int(played_at.start_ms * 8) :][:4800]
    assert dominant_tone(part)[0] == pytest.approx(1000, abs=3)
    assert tone_level_dbfs(part, 1000) > -16


async def test_barge_in_clears_and_nothing_follows(client: EngineClient) -> None:
    call = await client.create("assistant", socket={"clientBufferSizeMs": 60})
    async with client.join(call) as socket:
        await socket.until(lambda: len(socket.audio) > 3200)
        await socket.say(tone((500.0,), 200, 8000))
        await socket.until(lambda: socket.of_type("playback_clear_buffer"))
        cleared = [kind for _, kind in socket.times].index("playback_clear_buffer")
        await socket.say(tone((500.0,), 200, 8000))
        assert "audio" not in [kind for _, kind in socket.times[cleared:]]
        (cleared_at,) = (await client.inspect(call))["clearedAt"]
        assert 0 <= time.time() - cleared_at < 5
        (cut,) = socket.finals()
        assert "Hello! How can I help you today?".startswith(cut)
        assert len(cut) < 20


async def test_keys_are_read_out_and_pound_ends_the_call_in_good_order(client: EngineClient) -> None:
    call = await client.create("receptionist", **USER_FIRST)
    async with client.join(call) as socket:
        await socket.send(type="user_text_message", text="5", urgency="immediate")
        await socket.until(lambda: socket.finals() == ["You pressed 5."])
        await socket.send(type="user_text_message", text="#", urgency="immediate")
        assert await socket.closed() == 1000
        assert socket.finals() == ["You pressed 5.", "Goodbye."]
    seen = await client.inspect(call)
    assert (seen["endReason"], seen["closeCodeSent"]) == ("agent_hangup", 1000)


async def test_a_client_tool_is_answered_over_the_socket(client: EngineClient) -> None:
    call = await client.create(
        "script",
        systemPrompt='[scenario:script] [{"tool": "look_up", "arguments": {"a": 1}}, {"hang_up": true}]',
        selectedTools=[{"temporaryTool": {"modelToolName": "look_up", "client": {}}}],
        **USER_FIRST,
    )
    async with client.join(call) as socket:
        await socket.until(lambda: socket.of_type("client_tool_invocation"))
        (asked,) = socket.of_type("client_tool_invocation")
        assert (asked["toolName"], asked["parameters"]) == ("look_up", {"a": 1})
        await socket.send(type="client_tool_result", invocationId=asked["invocationId"], result="42")
        assert await socket.closed() == 1000
    _, page = await client.request("GET", f"/api/calls/{call['callId']}/messages")
    assert [each["role"] for each in page["results"]] == [
        "MESSAGE_ROLE_TOOL_CALL",
        "MESSAGE_ROLE_TOOL_RESULT",
    ]


async def test_ping_is_answered(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.send(type="ping", timestamp=7.5)
        await socket.until(lambda: socket.of_type("pong"))
        assert socket.of_type("pong") == [{"type": "pong", "timestamp": 7.5}]


async def test_broken_and_unknown_messages_do_no_harm_and_are_noted(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.socket.send_str("{broken")
        await socket.send(type="spawn_thread")
        await socket.send(type="ping", timestamp=1)
        await socket.until(lambda: socket.of_type("pong"))
    _, page = await client.request("GET", f"/api/calls/{call['callId']}/events", minimum_severity="warning")
    assert [event["type"] for event in page["results"]] == ["message.malformed", "message.unknown"]


async def test_odd_frames_from_the_client_are_put_together(client: EngineClient) -> None:
    call = await client.create("assistant", **USER_FIRST)
    sent = tone((600.0,), 200, 8000)
    async with client.join(call) as socket:
        for start in range(0, len(sent), 333):
            await socket.socket.send_bytes(sent[start : start + 333])
        await socket.send(type="ping", timestamp=1)
        await socket.until(lambda: socket.of_type("pong"))
    assert await wav_of(client, call) == sent


async def test_a_second_client_is_shown_out_and_the_first_stays(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as first:
        await first.until(lambda: first.states)
        async with client.join(call) as second:
            assert await second.closed() == 1008
        await first.send(type="ping", timestamp=1)
        await first.until(lambda: first.of_type("pong"))
    assert (await client.inspect(call))["secondClients"] == 1


async def refused(client: EngineClient, url: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await client.session.ws_connect(url)
    return caught.value.status


async def test_unknown_ended_and_refused_calls_do_not_open(client: EngineClient) -> None:
    call = await client.create("echo")
    assert await refused(client, call["joinUrl"].replace(call["callId"], "no-such-call")) == 404
    async with client.join(call):
        pass
    assert await refused(client, call["joinUrl"]) == 410
    sick = await client.create("echo", metadata={"fault": "refuse_upgrade=503"})
    assert await refused(client, sick["joinUrl"]) == 503


async def test_a_call_nobody_joins_ends_as_unjoined(client: EngineClient) -> None:
    call = await client.create("echo", joinTimeout="0.1s")
    async with asyncio.timeout(3):
        while (await client.inspect(call))["endReason"] is None:
            await asyncio.sleep(0.02)
    _, ended = await client.request("GET", f"/api/calls/{call['callId']}")
    assert (ended["endReason"], ended["billedDuration"], ended["joined"]) == ("unjoined", "0s", None)


async def test_the_socket_is_closed_with_the_code_on_demand(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"fault": "close_1011_after_ms=100"})
    async with client.join(call) as socket:
        assert await socket.closed() == 1011
    seen = await client.inspect(call)
    assert (seen["endReason"], seen["closeCodeSent"]) == ("system_error", 1011)


async def test_the_connection_is_reset_on_demand(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"fault": "reset_after_ms=100"})
    async with client.join(call) as socket:
        assert await socket.closed() in (None, 1006)
    assert (await client.inspect(call))["endReason"] == "connection_error"


async def test_a_stall_holds_everything_back_and_then_bursts(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"fault": "stall_after_ms=100,stall_ms=400"})
    async with client.join(call) as socket:
        begin = time.monotonic()
        await socket.say(tone((440.0,), 700, 8000))
        await socket.until(lambda: len(socket.audio) == 11200)
        arrivals = [at - begin for at, kind in socket.times if kind == "audio"]
    pauses = np.diff(arrivals)
    assert 0.3 < pauses.max() < 0.6
    after = int(pauses.argmax()) + 1
    assert sum(at - arrivals[after] < 0.02 for at in arrivals[after:]) >= 15


async def test_odd_frame_sizes_lose_no_byte(client: EngineClient) -> None:
    call = await client.create("assistant", metadata={"fault": "odd_frames"})
    async with client.join(call) as socket:
        await socket.until(lambda: socket.finals())
        assert any(size % 2 for size in socket.frame_sizes)
        assert await wav_of(client, call, "output") == bytes(socket.audio)
        assert len(socket.audio) % 2 == 0


async def test_a_burst_ignores_the_clients_buffer(client: EngineClient) -> None:
    call = await client.create("assistant", socket={"clientBufferSizeMs": 60}, metadata={"fault": "burst"})
    async with client.join(call) as socket:
        begin = time.monotonic()
        await socket.until(lambda: len(socket.audio) > 16000)
        assert time.monotonic() - begin < 0.5


async def test_broken_and_unknown_messages_are_sent_on_demand(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"fault": "malformed_message,unknown_message"})
    async with client.join(call) as socket:
        await socket.until(lambda: socket.broken_texts and socket.of_type("weather_report"))


async def test_a_slow_upgrade_opens_late_and_then_works(client: EngineClient) -> None:
    call = await client.create("echo", metadata={"fault": "slow_upgrade_ms=300"})
    begin = time.monotonic()
    async with client.join(call) as socket:
        assert 0.28 < time.monotonic() - begin < 1.5
        await socket.say(tone((440.0,), 100, 8000))
        await socket.until(lambda: len(socket.audio) == 1600)


async def test_abrupt_loss_is_a_connection_error(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.until(lambda: socket.states)
        transport = socket.socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()
    async with asyncio.timeout(3):
        while (await client.inspect(call))["endReason"] is None:
            await asyncio.sleep(0.02)
    seen = await client.inspect(call)
    assert (seen["endReason"], seen["closeCodeReceived"]) == ("connection_error", None)


async def test_a_gap_in_the_input_is_counted(client: EngineClient) -> None:
    call = await client.create("echo")
    async with client.join(call) as socket:
        await socket.be_silent(60)
        await asyncio.sleep(0.15)
        await socket.be_silent(60)
        await socket.until(lambda: len(socket.audio) == 1920)
        seen = await client.inspect(call)
    assert seen["gaps"] == 1
    assert 100 < seen["longestGapMs"] < 400


async def test_many_calls_at_once_each_get_their_own_audio(client: EngineClient) -> None:
    calls = [await client.create("echo") for _ in range(20)]

    async def mirror(call: dict[str, object], frequency: float) -> float:
        async with client.join(call) as socket:
            sent = tone((frequency,), 300, 8000)
            await socket.say(sent)
            await socket.until(lambda: len(socket.audio) == len(sent))
            return dominant_tone(samples(socket.audio))[0]

    wanted = [300.0 + 50 * index for index in range(20)]
    heard = await asyncio.gather(*(mirror(call, tone_) for call, tone_ in zip(calls, wanted, strict=True)))
    assert heard == pytest.approx(wanted, abs=4)
