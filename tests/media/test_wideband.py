"""Wideband end to end: a far party with FFmpeg's codecs, real sockets both ways, and an engine that was asked
for 16 kHz.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from picows import WSMsgType

from media import messages
from media.config import MediaConfig
from media.in_process import InProcessMediaPlane
from media.messages import CreateLeg, Event
from tests.media.ultravox.engine_server import EngineServer, ServerConnection, engine_server
from tests.support.audio import Samples, dominant_tone, level_dbfs, read_wav, silence, tone
from tests.support.rtp_peer import RtpPeer
from tests.support.wideband_peer import G722, L16, OPUS, RATE, WidebandCodec, WidebandPeer

LEG = "leg-1"
# Sounds that an 8 kHz line does not carry.
CALLER_HZ = 5200
AGENT_HZ = 6100


class Events:
    def __init__(self) -> None:
        self.seen: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self._changed.set()

    async def until(self, kind: type[Event]) -> Event:
        while not (found := [event for event in self.seen if isinstance(event, kind)]):
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 10)
        return found[0]


@pytest.fixture
async def plane() -> AsyncIterator[InProcessMediaPlane]:
    made = InProcessMediaPlane(MediaConfig())
    await made.start()
    yield made
    await made.close()


def engine_heard(connection: ServerConnection) -> Samples:
    return np.frombuffer(bytes(connection.audio[: len(connection.audio) & ~1]), dtype="<i2").astype(np.int16)


def loud_part(audio: Samples) -> Samples:
    """From the first loud 20 ms to the last, without 60 ms at each end."""
    loud = [at for at in range(0, len(audio) - 320, 320) if level_dbfs(audio[at : at + 320]) > -30]
    assert loud
    return audio[loud[0] + 960 : loud[-1] - 640]


def negotiate(
    plane: InProcessMediaPlane, peer: RtpPeer, name: str, clock_rate: int, payload_type: int
) -> None:
    plane.send(
        messages.NegotiateLeg(
            leg_id=LEG,
            remote_host=peer.host,
            remote_port=peer.port,
            remote_rtcp_port=peer.port + 1,
            codec=name,
            clock_rate=clock_rate,
            payload_type=payload_type,
        )
    )


async def in_progress(
    plane: InProcessMediaPlane, peer: RtpPeer, events: Events, engine: EngineServer
) -> ServerConnection:
    """The call is answered, the engine has its 16 kHz socket, the far party sends."""
    plane.send(messages.AttachEngine(leg_id=LEG, join_url=engine.url, sample_rate=RATE))
    await events.until(messages.EngineOpened)
    plane.send(messages.OpenGate(leg_id=LEG))
    peer.start()
    await events.until(messages.FirstPacketReceived)
    return engine.connections[-1]


def say(connection: ServerConnection, audio: Samples) -> None:
    assert connection.transport is not None
    connection.transport.send(WSMsgType.BINARY, audio.tobytes())


def expect_tone(audio: Samples, frequency: float, rate: int = RATE) -> None:
    middle = loud_part(audio)
    assert len(middle) > rate // 2
    found, level = dominant_tone(middle, rate)
    assert found == pytest.approx(frequency, abs=10)
    assert level == pytest.approx(-12, abs=2.5)


@pytest.mark.parametrize("codec", [G722, OPUS, L16], ids=lambda codec: codec.name)
async def test_what_lies_above_4_khz_is_heard_on_both_sides_and_recorded(
    plane: InProcessMediaPlane, codec: WidebandCodec, tmp_path: Path
) -> None:
    events = Events()
    created = await plane.create_leg(CreateLeg(leg_id=LEG, call_id="call-1"), events)
    recording = tmp_path / "call.wav"
    async with engine_server() as engine, WidebandPeer.speaking(codec) as peer:
        peer.remote = ("127.0.0.1", created.port)
        negotiate(plane, peer, codec.name, codec.clock_rate, codec.payload_type)
        connection = await in_progress(plane, peer, events, engine)
        plane.send(messages.StartRecording(leg_id=LEG, path=str(recording)))
        say(connection, tone(AGENT_HZ, 800, rate=RATE))
        await peer.play(tone(CALLER_HZ, 800, rate=RATE))
        await peer.play(silence(300, RATE))
        statistics = (await plane.close_leg(LEG)).statistics
        await events.until(messages.RecordingFinished)
        assert set(connection.audio_frames) == {640}
        expect_tone(engine_heard(connection), CALLER_HZ)
        expect_tone(peer.heard(), AGENT_HZ)
    stereo, rate = read_wav(recording)
    assert rate == RATE
    expect_tone(stereo[:, 0], CALLER_HZ)
    expect_tone(stereo[:, 1], AGENT_HZ)
    assert statistics.codec == codec.name
    assert statistics.packets_ignored == 0


async def test_a_narrow_answer_to_a_wide_offer_is_converted_and_a_later_wide_one_is_not(
    plane: InProcessMediaPlane,
) -> None:
    events = Events()
    created = await plane.create_leg(CreateLeg(leg_id=LEG, call_id="call-1"), events)
    async with (
        engine_server() as engine,
        RtpPeer.open() as narrow,
        WidebandPeer.speaking(G722) as wide,
    ):
        narrow.remote = wide.remote = ("127.0.0.1", created.port)
        wide.ssrc += 1
        negotiate(plane, narrow, "PCMU", 8000, 0)
        connection = await in_progress(plane, narrow, events, engine)
        say(connection, tone(2500, 800, rate=RATE))
        await narrow.play(tone(1900, 800))
        await narrow.play(silence(200))
        expect_tone(engine_heard(connection), 1900)
        expect_tone(narrow.audio(), 2500, 8000)
        narrow.stop()
        connection.audio.clear()

        negotiate(plane, wide, "G722", 8000, 9)
        wide.start()
        await wide.until(lambda: bool(wide.received))
        await wide.play(silence(400, RATE))  # until the new source is trusted
        say(connection, tone(AGENT_HZ, 800, rate=RATE))
        await wide.play(tone(CALLER_HZ, 800, rate=RATE))
        await wide.play(silence(200, RATE))
        expect_tone(engine_heard(connection), CALLER_HZ)
        expect_tone(wide.heard(), AGENT_HZ)
        assert set(connection.audio_frames) == {640}
