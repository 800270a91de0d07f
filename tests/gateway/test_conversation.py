"""Leg and engine of one call: the start, the farewell, the loss of the engine and the recovery."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import gateway.conversation
from gateway.call import Call
from gateway.configuration.calls import CallsSection
from gateway.configuration.engine import EngineSection
from gateway.configuration.media import AmdSection, WatchdogsSection
from gateway.conversation import Conversation
from gateway.conversation_services import ConversationServices
from gateway.event_bus import CallEvent, EventBus
from gateway.failure_reasons import EndReason, FailureReason
from gateway.metrics import GatewayMetrics
from media import messages as m
from media.plane import UnknownLegError
from media.ultravox.agent_settings import AgentSettings
from media.ultravox.call_request import EngineCallRequest
from media.ultravox.errors import EngineUnreachableError
from media.ultravox.rest import EngineCall
from sip.audio_parameters import LocalAudio
from sip.offer_answer import AudioSession
from store.records import CallDirection, CallRecord, CallStatus
from tests.gateway.doubles import RecordingPlane, ScriptedEngine, engine_call, until
from tests.gateway.transfers.noted_transfers import NotedTransfers


@dataclass
class Heard:
    """The session's part: notes what it is told."""

    opened: int = 0
    over: list[EndReason] = field(default_factory=list)
    lost: list[FailureReason] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    desk: NotedTransfers = field(default_factory=NotedTransfers)
    recordings: list[tuple[Call, m.RecordingFinished]] = field(default_factory=list)

    def on_engine_open(self) -> None:
        self.opened += 1

    def on_media(self) -> None:
        self.media.append("heard")

    def on_media_secured(self) -> None:
        self.media.append("secured")

    def on_media_timeout(self, kind: str, silent_ms: int) -> None:
        self.media.append(f"silent for {silent_ms} ms ({kind})")

    def on_media_returned(self) -> None:
        self.media.append("returned")

    def on_agent_speech(self, *, speaking: bool) -> None:
        self.media.append(f"speaking: {speaking}")

    def on_conversation_over(self, reason: EndReason) -> None:
        self.over.append(reason)

    @property
    def transfers(self) -> NotedTransfers:
        return self.desk

    def on_conversation_lost(self, reason: FailureReason, detail: str) -> None:
        self.lost.append(reason)


@dataclass
class Scene:
    conversation: Conversation
    plane: RecordingPlane
    engine: ScriptedEngine
    heard: Heard
    call: Call
    registry: CollectorRegistry

    def tell(self, event: m.Event) -> None:
        self.plane.listener(event)

    def engine_closed(self, *, code: int, normal: bool, opened: bool = True) -> None:
        self.tell(m.EngineClosed(leg_id=self.call.id, code=code, reason="", normal=normal, opened=opened))

    def engine_opened(self) -> None:
        self.tell(m.EngineOpened(leg_id=self.call.id, connect_ms=3.0))

    async def in_progress(self) -> None:
        await self.conversation.open_leg()
        await self.conversation.create_engine_call()
        self.conversation.attach_engine()
        self.engine_opened()
        self.conversation.answered()


SceneMaker = Callable[..., Scene]


@pytest.fixture
async def make_scene() -> AsyncIterator[SceneMaker]:
    scenes: list[Scene] = []

    def make(*answers: EngineCall | Exception, attempts: int = 2, recording: Path | None = None) -> Scene:
        plane, heard, registry = RecordingPlane(), Heard(), CollectorRegistry()
        engine = ScriptedEngine(*(answers or (engine_call("first"),)))
        record = CallRecord(
            id="c1",
            organization_id="o",
            status=CallStatus.RINGING,
            direction=CallDirection.INBOUND,
            agent_id="a",
            created_at=datetime.now(UTC),
        )
        call = Call(record, lambda record, steps, names: None)
        services = ConversationServices(
            plane=plane,
            engine=engine,
            engine_config=EngineSection(recover_attempts=attempts, recover_timeout=0.5),
            calls_config=CallsSection(farewell_timeout=0.2),
            metrics=GatewayMetrics(registry),
            first_packet_timeout_s=1,
            silence_timeout_s=1,
            amd_config=AmdSection(),
            watchdogs_config=WatchdogsSection(),
            on_recording_finished=lambda call, event: heard.recordings.append((call, event)),
        )
        request = EngineCallRequest(agent=AgentSettings(system_prompt="x"), sample_rate=8000)
        scene = Scene(
            Conversation(call, request, heard, services, recording), plane, engine, heard, call, registry
        )
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        await scene.conversation.close()


async def test_the_session_hears_when_the_engine_stands(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    assert scene.heard.opened == 1
    assert scene.call.record.engine_call_id == "first"
    assert len(scene.plane.sent(m.OpenGate)) == 1


async def test_a_normal_close_is_the_end_only_when_the_last_word_was_played(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.engine_closed(code=1000, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    assert scene.heard.over == []
    scene.tell(m.PlayoutDrained(leg_id="c1", complete=True, remaining_ms=0))
    await until(lambda: scene.heard.over)
    assert scene.heard.over == [EndReason.AGENT_HANGUP]


async def test_the_engines_own_reason_is_told(make_scene: SceneMaker) -> None:
    scene = make_scene()
    scene.engine.end_reason = "timeout"
    await scene.in_progress()
    scene.engine_closed(code=1000, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(m.PlayoutDrained(leg_id="c1", complete=True, remaining_ms=0))
    await until(lambda: scene.heard.over)
    assert scene.heard.over == [EndReason.MAX_DURATION]


async def test_a_lost_engine_is_replaced_by_one_that_knows_the_history(make_scene: SceneMaker) -> None:
    scene = make_scene(engine_call("first"), engine_call("second"))
    await scene.in_progress()
    scene.engine_closed(code=1006, normal=False)
    await until(lambda: len(scene.plane.sent(m.AttachEngine)) == 2)
    scene.engine_opened()
    await until(lambda: scene.call.timeline[-1].kind == "engine-recovered")
    assert scene.engine.prior == [None, "first"]
    assert scene.call.record.engine_call_id == "second"
    assert scene.heard.lost == []
    assert scene.heard.opened == 1


async def test_a_second_loss_after_a_recovery_is_recovered_too(make_scene: SceneMaker) -> None:
    scene = make_scene(engine_call("first"), engine_call("second"), engine_call("third"))
    await scene.in_progress()
    for count in (2, 3):
        scene.engine_closed(code=1011, normal=False)
        await until(lambda count=count: len(scene.plane.sent(m.AttachEngine)) == count)  # type: ignore[misc]
        scene.engine_opened()
        await until(lambda: scene.call.timeline[-1].kind == "engine-recovered")
    assert scene.engine.prior == [None, "first", "second"]


async def test_an_engine_that_does_not_come_back_loses_the_call_after_a_bounded_number_of_attempts(
    make_scene: SceneMaker,
) -> None:
    away = EngineUnreachableError("no connection")
    scene = make_scene(engine_call("first"), away, away, attempts=2)
    await scene.in_progress()
    scene.engine_closed(code=1006, normal=False)
    await until(lambda: scene.heard.lost)
    assert scene.heard.lost == [FailureReason.AGENT_ERROR]
    assert len(scene.engine.prior) == 3


async def test_an_engine_that_never_opened_is_not_tried_again(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.conversation.open_leg()
    await scene.conversation.create_engine_call()
    scene.conversation.attach_engine()
    scene.engine_closed(code=1006, normal=False, opened=False)
    assert scene.heard.lost == [FailureReason.AGENT_ERROR]
    assert scene.engine.prior == [None]


async def test_digits_reach_the_engine_as_the_bare_text(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.tell(m.DigitReceived(leg_id="c1", digit="9", duration_ms=100))
    scene.tell(m.DigitReceived(leg_id="c1", digit="#", duration_ms=100))
    sent = scene.plane.sent(m.SendEngineMessage)
    assert [command.message for command in sent if isinstance(command, m.SendEngineMessage)] == [
        {"type": "user_text_message", "text": "9#", "urgency": "immediate"}
    ]
    assert all(
        "9" not in str(event.detail) for event in scene.call.timeline if event.kind == "digit-received"
    )


async def test_keys_are_not_told_by_the_transcript_either(make_scene: SceneMaker) -> None:
    scene = make_scene()
    bus = EventBus()
    watcher = bus.subscribe("o")
    scene.call.tell(bus)
    await scene.in_progress()
    for digit in "4711#":
        scene.tell(m.DigitReceived(leg_id="c1", digit=digit, duration_ms=100))
    for ordinal, text in enumerate(("4711#", "my number is 4711#")):
        scene.tell(
            m.TranscriptReceived(
                leg_id="c1", role="user", ordinal=ordinal, final=True, text=text, delta=None, media_ms=900
            )
        )
    expected = ["\u2022" * 5, "my number is 4711#"]
    assert [entry.text for entry in scene.call.transcript.entries()] == expected
    told = []
    while isinstance(event := await watcher.next(0), CallEvent):
        if event.kind == "transcript":
            told.append(event.data["text"])
    assert told == expected


async def test_a_tool_nobody_serves_is_answered_so_that_the_agent_does_not_wait(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.tell(m.ToolInvoked(leg_id="c1", tool_name="teleport", invocation_id="i1", parameters={}))
    (sent,) = scene.plane.sent(m.SendEngineMessage)
    assert isinstance(sent, m.SendEngineMessage)
    assert sent.message["type"] == "client_tool_result"
    assert sent.message["invocationId"] == "i1"
    assert sent.message["errorType"] == "undefined"


async def test_whether_the_peer_is_heard_is_told_to_the_session(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.heard.media.clear()
    scene.tell(m.MediaTimedOut(leg_id="c1", kind="mid-call", silent_ms=60000))
    scene.tell(m.MediaReturned(leg_id="c1"))
    scene.tell(m.AgentSpeech(leg_id="c1", speaking=True))
    assert scene.heard.media == ["silent for 60000 ms (mid-call)", "returned", "speaking: True"]
    assert scene.heard.lost == []


async def test_closing_gives_the_counters_once_and_later_events_are_ignored(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    statistics = await scene.conversation.close()
    assert statistics is not None
    assert statistics.packets_received == 7
    assert await scene.conversation.close() is None
    scene.engine_closed(code=1006, normal=False)
    assert scene.heard.lost == []


async def test_a_leg_that_failed_is_closed_all_the_same_so_that_its_port_comes_back(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.tell(m.LegFailed(leg_id="c1", error="boom"))
    assert scene.heard.lost == [FailureReason.GATEWAY_ERROR]
    await scene.conversation.close()
    assert scene.plane.closed_legs == ["c1"]


async def test_a_leg_asked_for_before_the_end_is_closed_also_when_nobody_waited_for_it(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene()
    scene.plane.may_create.clear()
    opening = asyncio.create_task(scene.conversation.open_leg())
    await until(lambda: scene.plane.legs)
    opening.cancel()
    await asyncio.wait({opening})
    await scene.conversation.close()
    assert scene.plane.legs == 0


async def test_an_engine_that_keeps_falling_over_is_not_called_for_ever(make_scene: SceneMaker) -> None:
    scene = make_scene(*(engine_call(f"e{number}") for number in range(10)), attempts=3)
    await scene.in_progress()
    while not scene.heard.lost:
        attached = len(scene.plane.sent(m.AttachEngine))
        scene.engine_closed(code=1006, normal=False)
        await until(lambda seen=attached: scene.heard.lost or len(scene.plane.sent(m.AttachEngine)) > seen)  # type: ignore[misc]
        if not scene.heard.lost:
            scene.engine_opened()
            await until(lambda: scene.call.timeline[-1].kind == "engine-recovered")
    assert len(scene.engine.prior) == 4


async def test_a_recording_that_cannot_be_made_does_not_cost_the_call(
    make_scene: SceneMaker, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    scene = make_scene(recording=tmp_path / "file" / "recordings" / "c1.wav")
    await scene.in_progress()
    assert scene.plane.sent(m.StartRecording) == []
    assert scene.call.record.recording_path is None
    assert "recording-failed" in [event.kind for event in scene.call.timeline]


async def test_a_fault_of_ours_in_the_farewell_ends_the_call(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.engine.fault = RuntimeError("bug")
    scene.engine_closed(code=1000, normal=True)
    await until(lambda: scene.heard.lost)
    assert scene.heard.lost == [FailureReason.GATEWAY_ERROR]


async def test_the_creation_of_the_engines_call_is_measured(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    assert scene.registry.get_sample_value("trunkline_engine_create_seconds_count") == 1


async def test_engine_is_asked_for_the_rate_of_the_codec_and_keeps_it_when_it_is_replaced(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene(engine_call("first"), engine_call("second"))
    scene.conversation.run_at(16000)
    await scene.in_progress()
    scene.engine_closed(code=1006, normal=False)
    await until(lambda: len(scene.plane.sent(m.AttachEngine)) == 2)
    assert [request.sample_rate for request in scene.engine.requests] == [16000, 16000]
    assert [command.sample_rate for command in scene.plane.sent(m.AttachEngine)] == [16000, 16000]


async def test_leg_is_told_the_format_parameters_of_the_peer(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.conversation.open_leg()
    audio = AudioSession(LocalAudio("127.0.0.1", 4000, 4001, codecs=("OPUS",)), 1)
    offer = (
        b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/AVP 96\r\n"
        b"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;usedtx=1\r\n"
    )
    scene.conversation.negotiate(audio.answer(offer)[1])
    (command,) = scene.plane.sent(m.NegotiateLeg)
    assert (command.codec, command.clock_rate, command.fmtp) == ("OPUS", 48000, "useinbandfec=1;usedtx=1")


async def test_a_failed_leg_ends_the_conversation_and_is_closed_with_its_last_counters(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene()
    await scene.conversation.open_leg()
    scene.plane.listener(m.LegFailed(leg_id=scene.call.id, error="out of luck"))
    assert scene.heard.lost == [FailureReason.GATEWAY_ERROR]
    statistics = await scene.conversation.close()
    assert scene.plane.closed_legs == ["c1"], "the media plane may still hold its port"
    assert statistics is not None
    assert statistics.packets_received == 7


async def test_a_leg_that_went_with_its_worker_has_no_last_counters(make_scene: SceneMaker) -> None:
    scene = make_scene()

    async def unknown(leg_id: str) -> m.LegClosed:
        raise UnknownLegError(leg_id)

    await scene.conversation.open_leg()
    scene.plane.close_leg = unknown  # type: ignore[method-assign]
    scene.plane.listener(m.LegFailed(leg_id=scene.call.id, error="the worker died"))
    assert await scene.conversation.close() is None


async def test_a_call_we_end_is_over_when_what_is_queued_was_played(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.conversation.end_after_playout(EndReason.VOICEMAIL)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.engine_closed(code=1006, normal=False)
    assert scene.heard.over == []
    scene.tell(m.PlayoutDrained(leg_id="c1", complete=True, remaining_ms=0))
    await until(lambda: scene.heard.over)
    assert scene.heard.over == [EndReason.VOICEMAIL]
    assert scene.heard.lost == []


async def test_an_engine_asked_to_say_goodbye_ends_the_call_for_our_reason(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.conversation.ask_engine_to_end(EndReason.INACTIVITY, "Goodbye.")
    (sent,) = scene.plane.sent(m.SendEngineMessage)
    assert isinstance(sent, m.SendEngineMessage)
    assert sent.message == {"type": "hang_up", "message": "Goodbye."}
    scene.engine_closed(code=1000, normal=True)
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(m.PlayoutDrained(leg_id="c1", complete=True, remaining_ms=0))
    await until(lambda: scene.heard.over)
    assert scene.heard.over == [EndReason.INACTIVITY]


async def test_an_engine_that_does_not_say_goodbye_is_not_waited_for(
    make_scene: SceneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.conversation, "GOODBYE_TIMEOUT_S", 0.01)
    scene = make_scene()
    await scene.in_progress()
    scene.conversation.ask_engine_to_end(EndReason.INACTIVITY, "Goodbye.")
    await until(lambda: scene.plane.sent(m.DrainPlayout))
    scene.tell(m.PlayoutDrained(leg_id="c1", complete=True, remaining_ms=0))
    await until(lambda: scene.heard.over)
    assert scene.heard.over == [EndReason.INACTIVITY]


async def test_the_watchdogs_are_set_at_the_answer_and_a_silent_engine_fails_the_call(
    make_scene: SceneMaker,
) -> None:
    scene = make_scene()
    await scene.in_progress()
    assert len(scene.plane.sent(m.WatchSilence)) == 1
    scene.tell(m.SilenceNoticed(leg_id="c1", party="agent", stage="prompt", silent_ms=15_000))
    assert len(scene.plane.sent(m.SendEngineMessage)) == 1
    scene.tell(m.SilenceNoticed(leg_id="c1", party="agent", stage="end", silent_ms=30_000))
    assert scene.heard.lost == [FailureReason.AGENT_ERROR]


async def test_figures_can_be_read_while_the_call_goes_on(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    assert await scene.conversation.statistics() == m.LegStatistics()


async def test_recording_begins_with_the_answer_and_not_before(make_scene: SceneMaker) -> None:
    """What is heard while it rings is never recorded."""
    scene = make_scene(recording=Path("/recordings/c1.wav"))
    await scene.conversation.open_leg()
    scene.tell(m.FirstPacketReceived(leg_id="c1", source="127.0.0.1:4000"))
    await scene.conversation.create_engine_call()
    scene.conversation.attach_engine()
    scene.engine_opened()
    assert scene.plane.sent(m.StartRecording) == []
    scene.conversation.answered()
    assert scene.plane.sent(m.StartRecording) == [m.StartRecording(leg_id="c1", path="/recordings/c1.wav")]


async def test_a_recording_that_is_finished_after_the_call_is_still_taken(make_scene: SceneMaker) -> None:
    scene = make_scene(recording=Path("/recordings/c1.wav"))
    await scene.in_progress()
    await scene.conversation.close()
    finished = m.RecordingFinished(leg_id="c1", path="/recordings/c1.wav", duration_ms=1500)
    scene.tell(finished)
    assert scene.heard.recordings == [(scene.call, finished)]
    assert scene.call.timeline[-1].kind == "recording-finished"


async def test_keys_that_cannot_be_agreed_end_the_call_with_the_reason(make_scene: SceneMaker) -> None:
    scene = make_scene()
    await scene.in_progress()
    scene.tell(m.MediaSecurityFailed(leg_id="c1", reason="nothing of a DTLS handshake has come"))
    assert scene.heard.lost == [FailureReason.MEDIA_NEGOTIATION_FAILED]
    (step,) = [step for step in scene.call.timeline if step.kind == "media-security-failed"]
    assert step.detail["error"] == "nothing of a DTLS handshake has come"
