import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from picows import WSCloseCode, WSMsgType

from media import messages
from media.engine_link import EngineLink
from media.messages import AttachEngine, Event
from media.playout import Playout
from tests.media.ultravox.engine_server import ServerConnection, engine_server
from tests.support.audio import Samples, dominant_tone, silence, tone

LEG = "leg-1"


class Line:
    """A link with its playout and what it told."""

    def __init__(self, ring_ms: int = 2000) -> None:
        self.events: list[Event] = []
        self.playout = Playout(8000, 30_000)
        self.playout.held = False
        self.changed = asyncio.Event()
        self.link = EngineLink(LEG, self.playout, 8000, ring_ms, self._emit, lambda: 4711)

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)


def attach(url: str, sample_rate: int = 8000) -> AttachEngine:
    return AttachEngine(leg_id=LEG, join_url=url, sample_rate=sample_rate)


def frames(audio: Samples) -> list[bytes]:
    return [audio[at : at + 160].tobytes() for at in range(0, len(audio), 160)]


async def opened(line: Line, url: str, sample_rate: int = 8000) -> None:
    line.link.attach(attach(url, sample_rate))
    await line.until(lambda: line.has(messages.EngineOpened))


async def test_each_tick_sends_one_frame_also_when_the_caller_is_silent() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        word = tone(400, 20).tobytes()
        for frame in (None, word, None):
            line.link.deliver(frame)
        connection = server.connections[0]
        await connection.until(lambda: len(connection.audio) >= 960)
        assert bytes(connection.audio) == bytes(320) + word + bytes(320)
        assert connection.audio_frames == [320] * 3
        assert line.link.frames_sent == 3
        line.link.close()


async def test_words_before_the_engine_is_open_are_delivered_without_their_leading_silence() -> None:
    async with engine_server() as server:
        line = Line()
        speech = tone(400, 200)
        for frame in frames(np.concatenate([silence(500), speech])):
            line.link.deliver(frame)
        await opened(line, server.url)
        connection = server.connections[0]
        ticks = 0
        while line.link.frames_sent < 10 + ticks:
            line.link.deliver(None)
            ticks += 1
        assert ticks == 10, "two frames a tick until the ring is empty"
        await connection.until(lambda: len(connection.audio) >= 320 * 20)
        assert bytes(connection.audio[: len(speech) * 2]) == speech.tobytes()
        line.link.close()


async def test_the_ring_keeps_the_last_two_seconds() -> None:
    async with engine_server() as server:
        line = Line(ring_ms=2000)
        audio = tone(400, 3000)
        for frame in frames(audio):
            line.link.deliver(frame)
        await opened(line, server.url)
        for _ in range(100):
            line.link.deliver(None)
        connection = server.connections[0]
        await connection.until(lambda: len(connection.audio) >= 320 * 100)
        assert bytes(connection.audio[:32000]) == audio[8000:].tobytes()
        line.link.close()


async def test_agent_audio_goes_to_the_playout_in_pieces_of_any_size() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        audio = tone(600, 100).tobytes()
        transport = server.connections[0].transport
        assert transport is not None
        for at in range(0, len(audio), 333):
            transport.send(WSMsgType.BINARY, audio[at : at + 333])
        transport.send(WSMsgType.TEXT, b'{"type":"state","state":"speaking"}')
        await line.until(lambda: line.has(messages.EngineStateChanged))
        heard = b"".join(bytes(line.playout.take() or b"") for _ in range(5))
        assert heard == audio
        assert line.playout.received_bytes == len(audio)
        line.link.close()


async def test_an_engine_with_another_rate_is_converted_both_ways() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url, sample_rate=16000)
        for frame in frames(tone(1000, 400)):
            line.link.deliver(frame)
        connection = server.connections[0]
        await connection.until(lambda: len(connection.audio) >= 12_000)
        upward = np.frombuffer(bytes(connection.audio[:12_000]), dtype="<i2").astype(np.int16)
        assert dominant_tone(upward, 16000)[0] == pytest.approx(1000, abs=5)
        transport = connection.transport
        assert transport is not None
        audio = tone(700, 400, rate=16000).tobytes()
        for at in range(0, len(audio), 641):
            transport.send(WSMsgType.BINARY, audio[at : at + 641])
        transport.send(WSMsgType.TEXT, b'{"type":"state","state":"speaking"}')
        await line.until(lambda: line.has(messages.EngineStateChanged))
        heard = b"".join(bytes(line.playout.take() or b"") for _ in range(19))
        assert dominant_tone(np.frombuffer(heard, dtype="<i2").astype(np.int16))[0] == pytest.approx(
            700, abs=5
        )
        line.link.close()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "state", "state": "thinking"}, messages.EngineStateChanged(leg_id=LEG, state="thinking")),
        (
            {
                "type": "transcript",
                "role": "agent",
                "medium": "voice",
                "delta": " day",
                "final": False,
                "ordinal": 3,
            },
            messages.TranscriptReceived(
                leg_id=LEG, role="agent", ordinal=3, final=False, delta=" day", media_ms=4711
            ),
        ),
        (
            {"type": "transcript", "role": "user", "text": "Hi", "final": True, "ordinal": 4, "new": 1},
            messages.TranscriptReceived(
                leg_id=LEG, role="user", ordinal=4, final=True, text="Hi", media_ms=4711
            ),
        ),
        (
            {"type": "transcript", "role": "agent", "text": "", "delta": "x", "final": False, "ordinal": 5},
            messages.TranscriptReceived(
                leg_id=LEG, role="agent", ordinal=5, final=False, delta="x", media_ms=4711
            ),
        ),
        (
            {"type": "transcript", "role": "agent", "text": "", "final": True, "ordinal": 5},
            messages.TranscriptReceived(
                leg_id=LEG, role="agent", ordinal=5, final=True, text="", media_ms=4711
            ),
        ),
        (
            {"type": "client_tool_invocation", "toolName": "t", "invocationId": "i", "parameters": {"a": 1}},
            messages.ToolInvoked(leg_id=LEG, tool_name="t", invocation_id="i", parameters={"a": 1}),
        ),
        ({"type": "pong", "timestamp": 1.5}, None),
        ({"type": "state"}, None),
        ({"type": "transcript", "role": "agent"}, None),
        ({"type": "client_tool_invocation", "toolName": 7}, None),
        ({}, None),
    ],
)
async def test_data_messages_become_events(message: dict[str, Any], expected: Event | None) -> None:
    line = Line()
    line.link.message(message)
    assert line.events == [expected or messages.EngineMessageReceived(leg_id=LEG, message=message)]


async def test_barge_in_empties_the_playout_at_once() -> None:
    line = Line()
    line.playout.put(tone(400, 1000).tobytes())
    line.playout.take()
    line.link.message({"type": "playback_clear_buffer"})
    assert line.events == [messages.PlaybackCleared(leg_id=LEG, dropped_ms=980)]
    assert line.link.barge_ins == 1
    assert line.playout.queued_ms == 0


async def close_from_engine(
    line: Line, connection: ServerConnection, code: WSCloseCode
) -> messages.EngineClosed:
    assert connection.transport is not None
    connection.transport.send_close(code, b"because")
    await line.until(lambda: line.has(messages.EngineClosed))
    event = line.events[-1]
    assert isinstance(event, messages.EngineClosed)
    return event


async def test_a_normal_end_leaves_the_farewell_to_be_played() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        line.playout.put(tone(400, 1000).tobytes())
        event = await close_from_engine(line, server.connections[0], WSCloseCode.OK)
        assert (event.code, event.normal, event.opened) == (1000, True, True)
        assert line.playout.queued_ms == 1000
        assert not line.link.attached


async def test_a_fault_of_the_engine_drops_what_it_had_said() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        line.playout.put(tone(400, 1000).tobytes())
        event = await close_from_engine(line, server.connections[0], WSCloseCode.INTERNAL_ERROR)
        assert (event.code, event.normal, event.opened) == (1011, False, True)
        assert line.playout.queued_ms == 0


async def test_an_engine_that_cannot_be_reached_is_told() -> None:
    async with engine_server() as server:
        url = server.url
    line = Line()
    line.link.attach(attach(url))
    await line.until(lambda: line.has(messages.EngineClosed))
    event = line.events[-1]
    assert isinstance(event, messages.EngineClosed)
    assert (event.normal, event.opened) == (False, False)


async def test_a_detach_is_a_normal_end_told_once() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        line.playout.put(tone(400, 1000).tobytes())
        line.link.detach()
        line.link.detach()
        await asyncio.wait_for(server.connections[0].closed.wait(), 5)
        assert server.connections[0].close_code == 1000
        closed = [event for event in line.events if isinstance(event, messages.EngineClosed)]
        assert [(event.normal, event.reason) for event in closed] == [(True, "detached")]
        assert line.playout.queued_ms == 0


async def test_a_second_engine_takes_over_and_the_first_is_not_heard_any_more() -> None:
    async with engine_server() as first, engine_server() as second:
        line = Line()
        await opened(line, first.url)
        await opened(line, first.url)  # already open: returns at once
        line.link.attach(attach(second.url))
        line.link.deliver(tone(400, 20).tobytes())
        old = first.connections[0].transport
        if old is not None and not old.is_disconnected:
            old.send(WSMsgType.TEXT, b'{"type":"state","state":"speaking"}')
        opens = len([event for event in line.events if isinstance(event, messages.EngineOpened)])
        await line.until(
            lambda: len([e for e in line.events if isinstance(e, messages.EngineOpened)]) > opens
        )
        assert not line.has(messages.EngineStateChanged)
        assert not line.has(messages.EngineClosed)
        line.link.deliver(None)
        connection = second.connections[0]
        await connection.until(lambda: len(connection.audio) >= 640)
        assert bytes(connection.audio[:320]) == tone(400, 20).tobytes(), "words said meanwhile are not lost"
        line.link.close()


async def test_messages_pass_to_the_engine_as_they_are() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        line.link.send_message({"type": "hang_up", "message": "Bye."})
        connection = server.connections[0]
        await connection.until(lambda: bool(connection.texts))
        assert connection.texts == [b'{"type":"hang_up","message":"Bye."}']
        line.link.close()
        line.link.send_message({"type": "ping"})


async def test_words_that_wait_are_converted_when_the_leg_turns_wide() -> None:
    async with engine_server() as server:
        line = Line()
        for frame in frames(tone(1000, 400)):
            line.link.deliver(frame)
        wide = Playout(16000, 30_000)
        line.link.run_at(16000, wide)
        await opened(line, server.url, 16000)
        for _ in range(25):
            line.link.deliver(None)
        connection = server.connections[0]
        await connection.until(lambda: len(connection.audio) >= 44 * 640)
        assert set(connection.audio_frames) == {640}
        heard = np.frombuffer(bytes(connection.audio), dtype="<i2").astype(np.int16)
        assert abs(dominant_tone(heard[640:6000], 16000)[0] - 1000) < 5
        wide.held = False
        word = tone(500, 20, rate=16000).tobytes()
        transport = connection.transport
        assert transport is not None
        transport.send(WSMsgType.BINARY, word)
        transport.send(WSMsgType.TEXT, b'{"type":"state","state":"speaking"}')
        await line.until(lambda: line.has(messages.EngineStateChanged))
        assert bytes(wide.take() or b"") == word
        assert line.playout.received_bytes == 0
        line.link.close()


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_an_agent_who_rests_is_not_heard_and_its_next_words_come_whole(rate: int) -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url, rate)
        connection = server.connections[0]
        assert connection.transport is not None

        async def say(data: bytes) -> None:
            """And wait until it has come: messages and audio keep their order."""
            assert connection.transport is not None
            told = len(line.events)
            connection.transport.send(WSMsgType.BINARY, data)
            connection.transport.send(WSMsgType.TEXT, b'{"type":"debug"}')
            await line.until(lambda: len(line.events) > told)

        before, dropped, after = (tone(hz, 200, rate=rate).tobytes() for hz in (400, 600, 800))
        await say(before + dropped[:1])  # the engine's pieces may end in the middle of a sample
        line.link.change_partner(resting=True)
        assert line.playout.empty
        await say(dropped[1:-2])
        assert line.playout.empty
        await say(dropped[-2:-1])
        line.link.change_partner(resting=False)
        await say(dropped[-1:] + after)
        heard = np.frombuffer(b"".join(iter(line.playout.take, None)), dtype="<i2").astype(np.int16)
        frequency, level = dominant_tone(heard[400:1400])
        assert frequency == pytest.approx(800, abs=3)
        assert level == pytest.approx(-12, abs=1)
        line.link.close()


async def test_an_engine_that_goes_while_nobody_talks_with_it_is_no_failure() -> None:
    async with engine_server() as server:
        line = Line()
        await opened(line, server.url)
        line.link.change_partner(resting=True)
        connection = server.connections[0]
        assert connection.transport is not None
        connection.transport.send_close(WSCloseCode.INTERNAL_ERROR)
        await line.until(lambda: line.has(messages.EngineClosed))
        (closed,) = [event for event in line.events if isinstance(event, messages.EngineClosed)]
        assert closed.normal
        assert closed.code == 1011
        # One that comes meanwhile is not heard either, until somebody talks with it.
        line.link.attach(attach(server.url))
        await line.until(lambda: sum(isinstance(e, messages.EngineOpened) for e in line.events) == 2)
        second = server.connections[1]
        assert second.transport is not None
        second.transport.send(WSMsgType.BINARY, tone(400, 100).tobytes())
        second.transport.send(WSMsgType.TEXT, b'{"type":"debug"}')
        await line.until(lambda: line.has(messages.EngineMessageReceived))
        assert line.playout.empty
        line.link.change_partner(resting=False)
        second.transport.send(WSMsgType.BINARY, tone(400, 100).tobytes())
        async with asyncio.timeout(5):
            while line.playout.queued_ms < 100:
                await asyncio.sleep(0.005)
        line.link.close()


async def test_words_of_one_caller_that_wait_for_the_engine_are_not_told_to_it_as_anothers() -> None:
    async with engine_server() as server:
        line = Line()
        for frame in frames(tone(400, 200)):
            line.link.deliver(frame)
        line.link.change_partner(resting=False)
        await opened(line, server.url)
        line.link.deliver(None)
        connection = server.connections[0]
        await connection.until(lambda: len(connection.audio) >= 320)
        assert bytes(connection.audio) == bytes(320)
        line.link.close()
