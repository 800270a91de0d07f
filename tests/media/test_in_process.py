"""The plane with real sockets on both sides, proved by what is heard."""

import asyncio
import itertools
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from picows import WSMsgType

from media import messages
from media.config import MediaConfig
from media.in_process import InProcessMediaPlane
from media.leg import Leg
from media.messages import CreateLeg, Event, LegCreated
from media.plane import MediaCapacityError, UnknownLegError
from media.ultravox import socket as socket_module
from tests.media.ultravox.engine_server import EngineServer, ServerConnection, engine_server
from tests.support.audio import (
    Samples,
    dominant_tone,
    find,
    gaps,
    level_dbfs,
    loud_spans,
    read_wav,
    silence,
    tone,
)
from tests.support.g711 import Law
from tests.support.rtp_peer import RtpPeer

LEG = "leg-1"


class Call:
    """One leg between a caller and an engine, both played by the test."""

    def __init__(self, plane: InProcessMediaPlane, created: LegCreated, peer: RtpPeer) -> None:
        self.plane = plane
        self.created = created
        self.peer = peer
        self.events: list[Event] = []
        self.changed = asyncio.Event()
        peer.remote = ("127.0.0.1", created.port)

    def heard(self, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    async def until(self, kind: type[Event], count: int = 1) -> Event:
        """The `count`th event of a kind."""
        while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)
        return found[count - 1]

    def negotiate(self, **changes: object) -> None:
        settled: dict[str, object] = {
            "leg_id": LEG,
            "remote_host": self.peer.host,
            "remote_port": self.peer.port,
            "remote_rtcp_port": self.peer.port + 1,
            "codec": "PCMU",
            "clock_rate": 8000,
            "payload_type": 0,
            "telephone_event_payload_type": self.peer.telephone_event,
        }
        self.plane.send(messages.NegotiateLeg(**(settled | changes)))  # type: ignore[arg-type]

    async def connect(self, engine: EngineServer) -> ServerConnection:
        """Answer the call: everything on."""
        self.negotiate()
        self.plane.send(messages.AttachEngine(leg_id=LEG, join_url=engine.url, sample_rate=8000))
        await self.until(messages.EngineOpened)
        self.plane.send(messages.OpenGate(leg_id=LEG))
        self.peer.start()
        await self.until(messages.FirstPacketReceived)
        return engine.connections[-1]


@pytest.fixture
async def plane() -> AsyncIterator[InProcessMediaPlane]:
    made = InProcessMediaPlane(MediaConfig(port_low=20_000, port_high=29_999))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def call(plane: InProcessMediaPlane) -> AsyncIterator[Call]:
    async with RtpPeer.open() as peer:
        calls: list[Call] = []
        created = await plane.create_leg(
            CreateLeg(leg_id=LEG, call_id="call-1", first_packet_timeout_ms=300, media_timeout_ms=400),
            lambda event: calls[0].heard(event),
        )
        calls.append(Call(plane, created, peer))
        yield calls[0]


def engine_heard(connection: ServerConnection) -> Samples:
    return np.frombuffer(bytes(connection.audio[: len(connection.audio) & ~1]), dtype="<i2").astype(np.int16)


def speak(connection: ServerConnection, audio: Samples, piece: int = 1000) -> None:
    """The engine says something, in one burst of odd pieces."""
    data = audio.tobytes()
    assert connection.transport is not None
    for at in range(0, len(data), piece):
        connection.transport.send(WSMsgType.BINARY, data[at : at + piece])


def tell(connection: ServerConnection, message: bytes) -> None:
    assert connection.transport is not None
    connection.transport.send(WSMsgType.TEXT, message)


async def test_a_tone_of_the_caller_reaches_the_engine_in_pitch_and_level_without_gaps(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        await call.peer.play(tone(440, 1500, level_dbfs=-12))
        await call.peer.play(silence(300))
        spans = loud_spans(engine_heard(connection))
        assert len(spans) == 1
        assert spans[0].duration_ms == pytest.approx(1500, abs=60)
        start, end = round(spans[0].start_ms * 8), round(spans[0].end_ms * 8)
        middle = engine_heard(connection)[start + 800 : end - 800]
        frequency, level = dominant_tone(middle)
        assert frequency == pytest.approx(440, abs=2)
        assert level == pytest.approx(-12, abs=0.5)
        assert gaps(middle) == []


async def test_the_engine_hears_a_continuous_stream_while_the_caller_sends_nothing(call: Call) -> None:
    async with engine_server() as engine:
        call.negotiate()
        call.plane.send(messages.AttachEngine(leg_id=LEG, join_url=engine.url, sample_rate=8000))
        await call.until(messages.EngineOpened)
        connection = engine.connections[0]
        await connection.until(lambda: len(connection.audio) >= 320 * 50)
        assert set(connection.audio_frames) == {320}
        assert not any(connection.audio)


async def test_an_utterance_arrives_whole_with_its_first_and_last_200_ms(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        utterance = np.concatenate([tone(500, 200), tone(900, 600), tone(700, 200)])
        speak(connection, utterance)
        call.plane.send(messages.DrainPlayout(leg_id=LEG))
        await connection.until(lambda: len(connection.audio) > 320 * 60)
        drained = await call.until(messages.PlayoutDrained)
        assert drained == messages.PlayoutDrained(leg_id=LEG, complete=True, remaining_ms=0)
        await call.peer.until_received(55)
        audio = call.peer.audio()
        offset_ms, correlation = find(utterance, audio)
        assert correlation > 0.99
        start = round(offset_ms * 8)
        for part, frequency in ((slice(0, 1600), 500), (slice(6400, 8000), 700)):
            found = audio[start : start + len(utterance)][part]
            assert dominant_tone(found)[0] == pytest.approx(frequency, abs=5)
            assert level_dbfs(found) == pytest.approx(level_dbfs(utterance[part]), abs=0.5)


async def test_packets_leave_50_times_a_second_evenly_and_in_sequence(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        speak(connection, tone(500, 1000))
        await call.peer.until_received(100)
        packets = call.peer.audio_packets()[:100]
        sequences = [packet.sequence for packet in packets]
        assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)] == [1] * 99
        assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)} == {160}
        seconds = packets[-1].arrival - packets[0].arrival
        assert 99 / seconds == pytest.approx(50.0, abs=1.5)
        assert float(np.median(np.abs(np.array(call.peer.spacing_ms()) - 20))) < 5


async def test_barge_in_silences_the_wire_within_40_ms(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        speak(connection, tone(500, 5000))
        await call.until(messages.FirstAudioSent)
        await call.peer.until_received(len(call.peer.received) + 15)
        cleared_at = time.time()
        tell(connection, b'{"type":"playback_clear_buffer"}')
        cleared = await call.until(messages.PlaybackCleared)
        await call.peer.until_received(len(call.peer.received) + 15)
        loud = [packet.arrival for packet in call.peer.audio_packets() if set(packet.payload) != {0xFF}]
        assert max(loud) - cleared_at <= 0.040
        assert isinstance(cleared, messages.PlaybackCleared)
        assert 4000 < cleared.dropped_ms < 5000


async def test_keys_reach_the_gateway_once_and_the_engine_hears_silence_meanwhile(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        await call.peer.press("42#")
        await call.until(messages.DigitReceived, 3)
        digits = [event.digit for event in call.events if isinstance(event, messages.DigitReceived)]
        assert digits == ["4", "2", "#"]
        assert not loud_spans(engine_heard(connection))


async def test_keys_sent_are_heard_by_the_far_party(call: Call) -> None:
    async with engine_server() as engine:
        await call.connect(engine)
        call.plane.send(messages.SendDigits(leg_id=LEG, digits="19*", tone_ms=100, gap_ms=60))
        sent = await call.until(messages.DigitsSent)
        assert sent == messages.DigitsSent(leg_id=LEG, digits="19*")
        await call.peer.until(lambda: call.peer.digits() == "19*")


async def test_a_recording_of_the_call_has_both_sides_in_time(call: Call, tmp_path: Path) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        call.plane.send(messages.StartRecording(leg_id=LEG, path=str(tmp_path / "a.wav")))
        speak(connection, tone(900, 600))
        await call.peer.play(tone(400, 600))
        await call.peer.play(silence(200))
        call.plane.send(messages.StopRecording(leg_id=LEG))
        finished = await call.until(messages.RecordingFinished)
        assert isinstance(finished, messages.RecordingFinished)
        assert finished.error is None
        audio, rate = read_wav(tmp_path / "a.wav")
        assert rate == 8000
        assert len(audio) == finished.duration_ms * 8
        for channel, frequency in ((0, 400), (1, 900)):
            spans = loud_spans(audio[:, channel])
            assert len(spans) == 1
            assert spans[0].duration_ms == pytest.approx(600, abs=60)
            start = round(spans[0].start_ms * 8) + 800
            assert dominant_tone(audio[start : start + 3200, channel])[0] == pytest.approx(frequency, abs=3)


async def test_a_caller_who_falls_silent_is_told_and_hold_is_not(call: Call) -> None:
    async with engine_server() as engine:
        await call.connect(engine)
        call.negotiate(direction=messages.Direction.RECVONLY)
        call.peer.stop()
        connection = engine.connections[0]
        held = len(connection.audio)
        await connection.until(lambda: len(connection.audio) >= held + 320 * 30)
        assert not [event for event in call.events if isinstance(event, messages.MediaTimedOut)]
        call.negotiate()
        timed_out = await call.until(messages.MediaTimedOut)
        assert isinstance(timed_out, messages.MediaTimedOut)
        assert timed_out.kind == "mid-call"


async def test_a_caller_who_never_sends_is_told(call: Call) -> None:
    call.negotiate()
    timed_out = await call.until(messages.MediaTimedOut)
    assert isinstance(timed_out, messages.MediaTimedOut)
    assert timed_out.kind == "first-packet"


async def test_a_stranger_neither_gets_the_agent_s_voice_nor_is_heard(call: Call) -> None:
    async with engine_server() as engine, RtpPeer.open(seed=2) as stranger:
        connection = await call.connect(engine)
        stranger.remote = call.peer.remote
        stranger.start()
        speak(connection, tone(500, 400))
        await stranger.play(tone(1500, 600))
        statistics = await call.plane.statistics(LEG)
        assert stranger.received == []
        assert statistics.packets_ignored >= 25
        assert not loud_spans(engine_heard(connection))
        assert loud_spans(call.peer.audio())


async def test_a_farewell_is_played_after_the_engine_has_gone(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        speak(connection, tone(600, 500))
        assert connection.transport is not None
        connection.transport.send_close()
        closed = await call.until(messages.EngineClosed)
        assert isinstance(closed, messages.EngineClosed)
        assert closed.normal
        call.plane.send(messages.DrainPlayout(leg_id=LEG))
        drained = await call.until(messages.PlayoutDrained)
        assert isinstance(drained, messages.PlayoutDrained)
        assert drained.complete
        await call.peer.until_received(len(call.peer.received) + 2)
        assert loud_spans(call.peer.audio())[0].duration_ms >= 480


async def test_words_said_before_the_engine_was_there_reach_it(call: Call) -> None:
    async with engine_server() as engine:
        call.negotiate()
        call.plane.send(messages.OpenGate(leg_id=LEG))
        call.peer.start()
        await call.peer.play(tone(440, 500))
        call.plane.send(messages.AttachEngine(leg_id=LEG, join_url=engine.url, sample_rate=8000))
        await call.until(messages.EngineOpened)
        connection = engine.connections[0]
        await connection.until(lambda: len(connection.audio) >= 320 * 60)
        spans = loud_spans(engine_heard(connection))
        assert spans[0].start_ms < 60, "silence in front of the words is left out"
        assert spans[0].duration_ms >= 460


async def test_a_new_engine_takes_over_after_a_failure(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        assert connection.transport is not None
        connection.transport.underlying_transport.abort()
        closed = await call.until(messages.EngineClosed)
        assert isinstance(closed, messages.EngineClosed)
        assert (closed.normal, closed.opened) == (False, True)
        call.plane.send(messages.AttachEngine(leg_id=LEG, join_url=engine.url, sample_rate=8000))
        await call.until(messages.EngineOpened, 2)
        second = engine.connections[1]
        await call.peer.play(tone(440, 300))
        await second.until(lambda: bool(loud_spans(engine_heard(second))))


async def test_closing_a_leg_ends_everything_and_tells_once(call: Call) -> None:
    async with engine_server() as engine:
        connection = await call.connect(engine)
        await call.peer.until_received(5)
        closed = await call.plane.close_leg(LEG)
        await asyncio.wait_for(connection.closed.wait(), 5)
        assert connection.close_code == 1000
        assert closed.statistics.packets_sent >= 5
        assert await call.until(messages.LegClosed) == closed
        assert call.plane.legs == 0
        call.plane.send(messages.OpenGate(leg_id=LEG))
        with pytest.raises(UnknownLegError):
            await call.plane.close_leg(LEG)
        with pytest.raises(UnknownLegError):
            await call.plane.statistics(LEG)


async def test_a_leg_may_be_closed_from_within_its_own_event(plane: InProcessMediaPlane) -> None:
    events: list[Event] = []
    done = asyncio.Event()

    def listener(event: Event) -> None:
        events.append(event)
        if isinstance(event, messages.MediaTimedOut):
            plane.send(messages.CloseLeg(leg_id=LEG))
        if isinstance(event, messages.LegClosed):
            done.set()

    await plane.create_leg(CreateLeg(leg_id=LEG, call_id="c", first_packet_timeout_ms=50), listener)
    plane.send(
        messages.NegotiateLeg(
            leg_id=LEG,
            remote_host="127.0.0.1",
            remote_port=9,
            remote_rtcp_port=10,
            codec="PCMU",
            clock_rate=8000,
            payload_type=0,
        )
    )
    await asyncio.wait_for(done.wait(), 5)
    assert [type(event).__name__ for event in events] == ["MediaTimedOut", "LegClosed"]


async def test_ports_of_ended_legs_rest_and_an_empty_pool_says_so() -> None:
    plane = InProcessMediaPlane(await small_range(pairs=2))
    await plane.start()
    first = await plane.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
    second = await plane.create_leg(CreateLeg(leg_id="2", call_id="c"), lambda event: None)
    assert {first.port % 2, second.port % 2} == {0}
    assert first.rtcp_port == first.port + 1
    assert plane.ports_free == 0
    with pytest.raises(MediaCapacityError):
        await plane.create_leg(CreateLeg(leg_id="3", call_id="c"), lambda event: None)
    await plane.close_leg("1")
    assert plane.ports_free == 0, "the port rests before it is used again"
    with pytest.raises(MediaCapacityError):
        await plane.create_leg(CreateLeg(leg_id="3", call_id="c"), lambda event: None)
    await plane.close()


async def test_a_port_somebody_else_has_is_passed_over() -> None:
    config = await small_range(pairs=2)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", config.port_low))
    plane = InProcessMediaPlane(config)
    await plane.start()
    created = await plane.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
    assert created.port == config.port_low + 2
    await plane.close()
    taken.close()


async def small_range(pairs: int) -> MediaConfig:
    """A range of free ports, found by binding them."""
    for low in range(30_000, 32_000, 2):
        plane = InProcessMediaPlane(MediaConfig(port_low=low, port_high=low + 2 * pairs - 1, port_rest_s=0.0))
        await plane.start()
        try:
            for number in range(pairs):
                await plane.create_leg(CreateLeg(leg_id=str(number), call_id="c"), lambda event: None)
        except MediaCapacityError:
            continue
        finally:
            await plane.close()
        return MediaConfig(port_low=low, port_high=low + 2 * pairs - 1)
    raise AssertionError("no free ports")


async def test_a_listener_that_fails_does_not_stop_the_call(plane: InProcessMediaPlane) -> None:
    events: list[Event] = []
    told = asyncio.Event()

    def listener(event: Event) -> None:
        events.append(event)
        told.set()
        raise RuntimeError("a fault of the gateway")

    await plane.create_leg(CreateLeg(leg_id=LEG, call_id="c", first_packet_timeout_ms=40), listener)
    plane.send(messages.SendDigits(leg_id=LEG, digits="1"))
    await asyncio.wait_for(told.wait(), 5)
    assert (await plane.close_leg(LEG)).leg_id == LEG


async def test_one_leg_s_fault_is_told_and_the_others_go_on(
    plane: InProcessMediaPlane, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
    await plane.create_leg(CreateLeg(leg_id="bad", call_id="c"), failed.set_result)

    sound = Leg.speak

    def speak(leg: Leg, now: float) -> None:
        if leg.leg_id == "bad":
            raise RuntimeError("out of luck")
        sound(leg, now)

    monkeypatch.setattr(Leg, "speak", speak)
    event = await asyncio.wait_for(failed, 5)
    assert event == messages.LegFailed(leg_id="bad", error="RuntimeError: out of luck")
    async with engine_server() as engine:
        await call.connect(engine)
        await call.peer.until_received(10)
    await plane.close_leg("bad")


async def test_the_port_of_a_leg_that_cannot_be_closed_properly_is_given_back(
    plane: InProcessMediaPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = plane.ports_free
    created = await plane.create_leg(CreateLeg(leg_id="bad", call_id="c"), lambda _: None)

    def close(leg: Leg, now: float) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Leg, "close", close)
    with pytest.raises(RuntimeError):
        await plane.close_leg("bad")
    plane._ports._wake(float("inf"))
    assert plane.ports_free == free
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("0.0.0.0", created.port))


async def test_a_datagram_or_a_handshake_that_cannot_be_handled_does_not_stop_the_clock(
    plane: InProcessMediaPlane, call: Call
) -> None:
    def unlucky(*_: object) -> None:
        raise RuntimeError("out of luck")

    assert plane._poller is not None
    assert plane._handshakes is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.sendto(b"anything", sock.getsockname())
        plane._poller.add(sock, unlucky)
        plane._handshakes.submit(unlucky)
        async with engine_server() as engine:
            await call.connect(engine)
            await call.peer.until_received(10)
        plane._poller.remove(sock)


async def test_trusted_certificates_are_read_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes as long as several frames, on which every other call would wait."""
    socket_module._tls_context.cache_clear()
    threads: list[int] = []
    create = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return create()

    monkeypatch.setattr(ssl, "create_default_context", noted)
    plane = InProcessMediaPlane(MediaConfig())
    await plane.start()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident(), "not on the event loop"
    socket_module._tls_context()
    assert len(threads) == 1
    await plane.close()


async def test_a_plane_says_whether_it_can_take_a_leg() -> None:
    plane = InProcessMediaPlane(await small_range(pairs=1))
    await plane.start()
    assert plane.state == "ok"
    await plane.create_leg(CreateLeg(leg_id="1", call_id="c"), lambda event: None)
    assert plane.state == "no RTP port is free"
    await plane.close()


async def test_the_agents_first_word_waits_for_the_keys_and_reaches_the_far_leg_encrypted(
    plane: InProcessMediaPlane,
) -> None:
    """Two legs of one plane are each other's far party."""
    events: dict[str, list[Event]] = {"near": [], "far": []}
    created = {
        leg_id: await plane.create_leg(
            CreateLeg(leg_id=leg_id, call_id=leg_id),
            lambda event, leg_id=leg_id: events[leg_id].append(event),
        )
        for leg_id in events
    }

    def negotiate(leg_id: str, other: str, *, active: bool) -> None:
        fingerprint = created[other].dtls_fingerprint
        plane.send(
            messages.NegotiateLeg(
                leg_id=leg_id,
                remote_host="127.0.0.1",
                remote_port=created[other].port,
                remote_rtcp_port=created[other].rtcp_port,
                codec="PCMU",
                clock_rate=8000,
                payload_type=0,
                rtcp_mux=True,
                dtls=messages.DtlsParameters(fingerprints=(("sha-256", fingerprint),), active=active),
            )
        )

    async with engine_server() as near, engine_server() as far:
        for leg_id, engine in (("near", near), ("far", far)):
            plane.send(messages.AttachEngine(leg_id=leg_id, join_url=engine.url, sample_rate=8000))
            while not any(isinstance(event, messages.EngineOpened) for event in events[leg_id]):
                await asyncio.sleep(0.01)
        negotiate("near", "far", active=False)
        for leg_id in events:
            plane.send(messages.OpenGate(leg_id=leg_id, wait_ms=0))
        speak(near.connections[-1], tone(440, 1000))
        await asyncio.sleep(0.3)
        assert (await plane.statistics("near")).packets_sent == 0
        negotiate("far", "near", active=True)
        await asyncio.sleep(1.6)
        spans = loud_spans(engine_heard(far.connections[-1]))
        statistics = await plane.statistics("far")
    assert len(spans) == 1
    assert spans[0].duration_ms == pytest.approx(1000, abs=60)
    assert statistics.srtp == "AEAD_AES_256_GCM"
    assert statistics.packets_undecryptable == 0
    for heard in events.values():
        secured = [event for event in heard if isinstance(event, messages.MediaSecured)]
        assert [event.suite for event in secured] == [messages.SrtpSuite.AEAD_AES_256_GCM]


async def bridged(plane: InProcessMediaPlane, call: Call, peer: RtpPeer) -> Call:
    """A second leg, which talks with the caller of the first."""
    others: list[Call] = []
    created = await plane.create_leg(
        CreateLeg(leg_id="leg-2", call_id="call-1", beside=LEG), lambda event: others[0].heard(event)
    )
    other = Call(plane, created, peer)
    others.append(other)
    for party, leg_id in ((call, LEG), (other, "leg-2")):
        party.negotiate(leg_id=leg_id, codec=party.peer.law.name, payload_type=party.peer.law.value)
        plane.send(messages.OpenGate(leg_id=leg_id))
        party.peer.start()
    await call.until(messages.FirstPacketReceived)
    await other.until(messages.FirstPacketReceived)
    plane.send(messages.Patch(leg_id=LEG, other_leg_id="leg-2", mode=messages.PatchMode.BRIDGE))
    return other


async def test_keys_and_words_cross_a_bridge_in_time(call: Call, plane: InProcessMediaPlane) -> None:
    async with RtpPeer.open(law=Law.PCMA, seed=5) as peer:
        other = await bridged(plane, call, peer)
        waited = []
        for number in range(5):
            await call.peer.play(silence(200))
            begun = peer.received[-1].arrival, call.peer.sent_at[-1]
            heard_before = len(peer.audio())
            await call.peer.play(tone(440 + 100 * number, 200))
            await peer.play(silence(200))
            (span,) = loud_spans(peer.audio()[heard_before:])
            # From the first packet's leaving one telephone to its sound's arrival at the other.
            waited.append(span.start_ms - 20 + (begun[0] - begun[1]) * 1000)
        # The wait for the leg's turn is 6 to 14 ms, the bridge adds 20 at most. A busy machine adds to most.
        assert min(waited) <= 40
        await call.peer.press("12#")
        await peer.until(lambda: peer.digits() == "12#")
        assert [event.digit for event in call.events if isinstance(event, messages.DigitReceived)] == [*"12#"]
        assert not [event for event in other.events if isinstance(event, messages.DigitsSent)]


async def test_who_is_left_of_a_bridge_is_told_once(call: Call, plane: InProcessMediaPlane) -> None:
    async with RtpPeer.open(law=Law.PCMA, seed=5) as peer:
        await bridged(plane, call, peer)
        await plane.close_leg("leg-2")
        ended = await call.until(messages.PatchEnded)
        assert isinstance(ended, messages.PatchEnded)
        assert ended.other_leg_id == "leg-2"
        await asyncio.sleep(0.1)
        assert len([event for event in call.events if isinstance(event, messages.PatchEnded)]) == 1
        with pytest.raises(MediaCapacityError):
            await plane.create_leg(
                CreateLeg(leg_id="leg-3", call_id="call-1", beside="leg-2"), lambda event: None
            )


async def test_a_leg_that_fails_leaves_the_other_in_peace(
    call: Call, plane: InProcessMediaPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RtpPeer.open(law=Law.PCMA, seed=5) as peer:
        other = await bridged(plane, call, peer)
        broken = plane._legs["leg-2"][0]

        def fail(leg: Leg, now: float) -> None:
            if leg is broken:
                raise RuntimeError("broken")

        monkeypatch.setattr(Leg, "listen", fail)
        await other.until(messages.LegFailed)
        ended = await call.until(messages.PatchEnded)
        assert isinstance(ended, messages.PatchEnded)
        assert ended.reason == "the other leg has failed"
        assert not [event for event in call.events if isinstance(event, messages.LegFailed)]
