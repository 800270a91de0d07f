import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from media import messages, rtp
from media.codecs import create_codec
from media.config import MediaConfig
from media.dtmf_detector import DtmfDetector
from media.dtmf_tones import tones
from media.engine_link import EngineLink
from media.file_thread import FileThread
from media.ice_lite import IceLite
from media.leg import Leg
from media.messages import Direction, Event, IceParameters
from media.playback import Player
from media.recorder import Recorder
from media.rtp import RtpPacket
from tests.support.audio import (
    Samples,
    dominant_tone,
    level_dbfs,
    read_wav,
    silence,
    tone,
    tone_level_dbfs,
    write_wav,
)

LEG = "leg-1"
FRAME_S = 0.02


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


class Bench:
    """A leg whose clock the test turns, with the far party's socket beside it."""

    def __init__(self, config: MediaConfig | None = None, *, browser: bool = False) -> None:
        self.events: list[Event] = []
        self.aligned: list[float] = []
        self.files = FileThread()
        self.peer, self.rtcp = udp(), udp()
        self.sockets = (udp(), udp())
        self.now = 0.0
        self.sequence = 0
        self.leg = Leg(
            messages.CreateLeg(
                leg_id=LEG,
                call_id="call-1",
                first_packet_timeout_ms=3000,
                media_timeout_ms=5000,
                browser=browser,
            ),
            self.sockets,
            config or MediaConfig(),
            Recorder(self.files, 1 << 20),
            Player(self.files, 10.0),
            self.now,
            emit=self.events.append,
            align=lambda leg, now: self.aligned.append(now),
        )

    def close(self) -> None:
        self.files.close(5.0)
        for sock in (self.peer, self.rtcp, *self.sockets):
            sock.close()

    def do(self, command: messages.Command) -> None:
        self.leg.execute(command, self.now)

    def negotiate(self, direction: Direction = Direction.SENDRECV, telephone_event: int | None = 101) -> None:
        self.do(
            messages.NegotiateLeg(
                leg_id=LEG,
                remote_host="127.0.0.1",
                remote_port=self.peer.getsockname()[1],
                remote_rtcp_port=self.rtcp.getsockname()[1],
                codec="PCMU",
                clock_rate=8000,
                payload_type=0,
                telephone_event_payload_type=telephone_event,
                direction=direction,
            )
        )

    def answered(self, wait_ms: int = 1000) -> None:
        """A call in progress: negotiated, ACK received, the caller's first packet heard."""
        self.negotiate()
        self.do(messages.OpenGate(leg_id=LEG, wait_ms=wait_ms))
        self.say(silence(20))

    def say(self, audio: Samples) -> None:
        payload = create_codec("PCMU", 8000).encode(audio.tobytes())
        self.sequence += 1
        packet = RtpPacket(0, self.sequence, self.sequence * 160, 1, False, payload)
        self.peer.sendto(packet.serialize(), self.sockets[0].getsockname())
        self.leg.rtp.receiver.readable(self.now)

    def tick(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.now += FRAME_S
            self.leg.listen(self.now)
            self.leg.speak(self.now)

    def heard(self) -> list[Samples]:
        """The audio of the packets that arrived since the last call, one array each."""
        codec = create_codec("PCMU", 8000)
        frames: list[Samples] = []
        while True:
            try:
                payload = rtp.parse(self.peer.recv(2048)).payload
            except BlockingIOError:
                return frames
            frames.append(np.frombuffer(codec.decode(payload), dtype="<i2").astype(np.int16))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A parameter, where there is one, is the configuration."""
    made = Bench(getattr(request, "param", None))
    yield made
    made.close()


@pytest.fixture
def browser_bench() -> Iterator[Bench]:
    made = Bench(browser=True)
    yield made
    made.close()


def is_loud(frame: Samples) -> bool:
    return bool(np.abs(frame).max() > 500)


def test_before_the_gate_nothing_is_sent_and_the_greeting_waits_whole(bench: Bench) -> None:
    bench.negotiate()
    greeting = tone(500, 200)
    bench.leg.playout.put(greeting.tobytes())
    bench.say(silence(20))
    bench.tick(50)
    assert bench.heard() == []
    bench.do(messages.OpenGate(leg_id=LEG))
    bench.tick(10)
    spoken = np.concatenate(bench.heard())
    assert len(spoken) == len(greeting)
    assert np.corrcoef(spoken, greeting)[0, 1] > 0.999


def test_after_the_ack_silence_flows_until_the_caller_is_heard_then_the_greeting(bench: Bench) -> None:
    bench.negotiate()
    bench.do(messages.OpenGate(leg_id=LEG, wait_ms=1000))
    bench.leg.playout.put(tone(500, 200).tobytes())
    bench.tick(10)
    waiting = bench.heard()
    assert len(waiting) == 10
    assert not any(map(is_loud, waiting))
    bench.say(silence(20))
    bench.tick(1)
    assert is_loud(bench.heard()[0])
    assert bench.kinds() == ["FirstPacketReceived", "FirstAudioSent"]


def test_a_caller_who_never_sends_hears_the_greeting_after_the_wait(bench: Bench) -> None:
    bench.negotiate()
    bench.do(messages.OpenGate(leg_id=LEG, wait_ms=1000))
    bench.leg.playout.put(tone(500, 200).tobytes())
    bench.tick(49)
    assert not any(map(is_loud, bench.heard()))
    bench.tick(2)
    assert any(map(is_loud, bench.heard()))


def test_silence_of_the_engine_is_not_its_first_audio(bench: Bench) -> None:
    bench.answered()
    bench.tick()
    bench.leg.playout.put(bytes(640))
    bench.tick(2)
    assert "FirstAudioSent" not in bench.kinds()
    bench.leg.playout.put(tone(500, 20).tobytes())
    bench.tick()
    assert bench.kinds()[-1] == "FirstAudioSent"


def test_a_stream_of_50_packets_a_second_flows_whether_the_agent_speaks_or_not(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 300).tobytes())
    bench.tick(50)
    assert len(bench.heard()) == 50


def test_barge_in_silences_the_wire_within_one_frame(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 5000).tobytes())
    bench.tick(10)
    bench.heard()
    bench.leg.engine.message({"type": "playback_clear_buffer"})
    bench.tick(5)
    frames = bench.heard()
    assert not frames[0][40:].any(), "5 ms of fading is all that is left"
    assert not any(map(is_loud, frames[1:]))


def test_drained_is_told_when_the_last_frame_has_left(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 200).tobytes())
    bench.do(messages.DrainPlayout(leg_id=LEG))
    bench.tick(9)
    assert "PlayoutDrained" not in bench.kinds()
    bench.tick(10)
    assert bench.events[-1] == messages.PlayoutDrained(leg_id=LEG, complete=True, remaining_ms=0)


def test_draining_ends_with_its_time(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 5000).tobytes())
    bench.do(messages.DrainPlayout(leg_id=LEG, timeout_ms=1000))
    bench.tick(55)
    event = bench.events[-1]
    assert isinstance(event, messages.PlayoutDrained)
    assert not event.complete
    assert 3800 <= event.remaining_ms <= 4000


def test_no_first_packet_is_told(bench: Bench) -> None:
    bench.negotiate()
    bench.tick(149)
    assert bench.events == []
    bench.tick(6)
    assert isinstance(event := bench.events[-1], messages.MediaTimedOut)
    assert (event.kind, len(bench.events)) == ("first-packet", 1)


def test_silence_in_mid_call_is_told_but_not_on_hold(bench: Bench) -> None:
    bench.answered()
    bench.negotiate(Direction.SENDONLY)
    bench.tick(500)
    assert "MediaTimedOut" not in bench.kinds()
    bench.negotiate()
    bench.tick(245)
    assert "MediaTimedOut" not in bench.kinds()
    bench.tick(10)
    assert isinstance(event := bench.events[-1], messages.MediaTimedOut)
    assert event.kind == "mid-call"


def test_a_far_party_that_comes_back_is_told(bench: Bench) -> None:
    bench.answered()
    bench.tick(260)
    assert bench.kinds()[-1] == "MediaTimedOut"
    bench.say(silence(20))
    bench.tick(5)
    assert bench.kinds()[-1] == "MediaReturned"


def test_the_agent_muted_is_silent_on_the_wire_and_its_time_goes_on(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 400).tobytes())
    bench.do(messages.SetMute(leg_id=LEG, agent=True))
    bench.tick(10)
    bench.do(messages.SetMute(leg_id=LEG))
    bench.tick(10)
    loud = [is_loud(frame) for frame in bench.heard()]
    assert loud == [False] * 10 + [True] * 10


def test_digits_wait_for_nothing_and_the_agent_waits_for_them(bench: Bench) -> None:
    bench.answered()
    bench.leg.playout.put(tone(500, 200).tobytes())
    bench.do(messages.SendDigits(leg_id=LEG, digits="1", tone_ms=100, gap_ms=80))
    bench.tick(40)
    assert messages.DigitsSent(leg_id=LEG, digits="1") in bench.events
    spoken = np.concatenate([frame for frame in bench.heard() if len(frame) == 160 and is_loud(frame)][:10])
    assert np.corrcoef(spoken, tone(500, 200))[0, 1] > 0.999, "the agent was held back, and nothing is lost"


@pytest.mark.parametrize("digits", ["12x", ""])
def test_digits_that_cannot_be_sent_are_reported_as_none_sent(bench: Bench, digits: str) -> None:
    bench.answered()
    bench.do(messages.SendDigits(leg_id=LEG, digits=digits))
    assert bench.events[-1] == messages.DigitsSent(leg_id=LEG, digits="")


def test_without_telephone_event_digits_are_sent_as_tones(bench: Bench) -> None:
    bench.negotiate(telephone_event=None)
    bench.do(messages.OpenGate(leg_id=LEG))
    bench.say(silence(20))
    bench.do(messages.SendDigits(leg_id=LEG, digits="1w#", tone_ms=100, gap_ms=60))
    bench.do(messages.SendDigits(leg_id=LEG, digits="5"))
    assert bench.events[-1] == messages.DigitsSent(leg_id=LEG, digits="")  # one order at a time
    detector = DtmfDetector(8000)
    heard = ""
    for _ in range(60):
        bench.tick()
        for frame in bench.heard():
            heard += "".join(digit.digit for digit in detector.take(frame.tobytes()))
    assert heard == "1#"
    assert bench.events[-1] == messages.DigitsSent(leg_id=LEG, digits="1w#")


def test_before_anything_is_negotiated_no_digits_are_sent(bench: Bench) -> None:
    bench.do(messages.SendDigits(leg_id=LEG, digits="1"))
    assert bench.events == [messages.DigitsSent(leg_id=LEG, digits="")]


def test_keys_in_the_audio_are_told_and_kept_from_the_engine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[bytes | None] = []
    bench.answered()
    monkeypatch.setattr(EngineLink, "deliver", lambda _, frame: delivered.append(frame))
    bench.leg.part()  # from now on what was just put in place is called
    bench.do(messages.DetectTones(leg_id=LEG, enabled=True))
    pressed = np.frombuffer(tones("7", 100, 60, 8000), dtype="<i2").astype(np.int16)
    for sound in (pressed, tone(440, 200)):
        for at in range(0, len(sound), 160):
            bench.say(sound[at : at + 160])
            bench.tick()
    bench.tick(5)
    (told,) = [event for event in bench.events if isinstance(event, messages.DigitReceived)]
    assert (told.digit, told.by) == ("7", "inband")
    assert abs(told.duration_ms - 100) <= 20
    heard = np.frombuffer(b"".join(frame for frame in delivered if frame), dtype="<i2").astype(np.int16)
    assert tone_level_dbfs(heard, 852) < -50, "the key was heard"
    assert tone_level_dbfs(heard, 440) > -20, "the rest was not heard"


def test_on_hold_there_is_music_for_the_caller_and_silence_for_the_engine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[bytes | None] = []
    bench.answered()
    monkeypatch.setattr(EngineLink, "deliver", lambda _, frame: delivered.append(frame))
    bench.leg.part()  # from now on what was just put in place is called
    bench.do(messages.SetHold(leg_id=LEG, held=True))
    bench.leg.playout.put(tone(500, 400).tobytes())
    bench.say(tone(1000, 20))
    bench.tick(50)
    music = np.concatenate(bench.heard())
    assert tone_level_dbfs(music, 523.25) > -35
    assert tone_level_dbfs(music, 500) < -50
    assert set(delivered) == {None}
    bench.do(messages.SetHold(leg_id=LEG, held=False))
    bench.tick(5)
    assert not any(is_loud(frame) for frame in bench.heard()), "what the agent said meanwhile is gone"


def test_a_browser_on_hold_is_missed_when_its_checks_cease_too(browser_bench: Bench) -> None:
    bench = browser_bench
    bench.answered()
    bench.do(messages.SetHold(leg_id=LEG, held=True))
    bench.tick(260)
    assert isinstance(event := bench.events[-1], messages.MediaTimedOut)
    assert event.kind == "mid-call"


def test_a_page_that_only_listens_is_missed_when_its_checks_cease(
    browser_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = browser_bench
    checks = IceLite(
        IceParameters(local_ufrag="a", local_password="b", remote_ufrag="c", remote_password="d")
    )
    bench.negotiate(Direction.SENDONLY)
    monkeypatch.setattr(bench.leg.rtp.transport, "ice", checks)
    for _ in range(400):
        checks.last_check_at = bench.now
        bench.tick()
    assert "MediaTimedOut" not in bench.kinds(), "it is there, though it says nothing"
    bench.tick(260)
    assert isinstance(event := bench.events[-1], messages.MediaTimedOut)
    assert event.kind == "mid-call"


def test_on_hold_no_packets_are_expected(bench: Bench) -> None:
    bench.answered()
    bench.do(messages.SetHold(leg_id=LEG, held=True))
    bench.tick(400)
    assert "MediaTimedOut" not in bench.kinds()
    bench.do(messages.SetHold(leg_id=LEG, held=False))
    bench.tick(200)
    assert "MediaTimedOut" not in bench.kinds(), "the watch began anew"
    bench.tick(100)
    assert "MediaTimedOut" in bench.kinds()


def test_hold_music_that_cannot_be_played_becomes_a_tone(bench: Bench, tmp_path: Path) -> None:
    bench.answered()
    bench.do(messages.SetHold(leg_id=LEG, held=True, music_path=str(tmp_path / "none.mp3")))
    assert bench.files.close(5.0)
    bench.tick(60)
    assert tone_level_dbfs(np.concatenate(bench.heard()), 523.25) > -35


def test_listeners_get_both_sides_only_while_there_are_some(bench: Bench) -> None:
    bench.answered()
    bench.tick(10)
    assert "AudioHeard" not in bench.kinds()
    bench.do(messages.StartListening(leg_id=LEG))
    bench.leg.playout.put(tone(500, 1000).tobytes())
    sound = tone(1000, 400)
    for at in range(0, len(sound), 160):
        bench.say(sound[at : at + 160])
        bench.tick()
    bench.do(messages.StopListening(leg_id=LEG))
    bench.tick(20)
    batches = [event for event in bench.events if isinstance(event, messages.AudioHeard)]
    assert [batch.sequence for batch in batches] == [1, 2, 3, 4]
    audio = np.frombuffer(b"".join(batch.audio for batch in batches), dtype="<i2").reshape(-1, 2)
    left, right = (audio[800:, channel].astype(np.int16) for channel in (0, 1))
    assert tone_level_dbfs(left, 1000) > -14 > -50 > tone_level_dbfs(left, 500)
    assert tone_level_dbfs(right, 500) > -14 > -50 > tone_level_dbfs(right, 1000)


def test_a_file_is_played_in_place_of_the_agent(bench: Bench, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(900, 100))
    bench.answered()
    bench.leg.playout.put(tone(500, 100).tobytes())
    bench.do(messages.Play(leg_id=LEG, play_id="p", path=str(tmp_path / "a.wav")))
    bench.files.close(5.0)
    bench.tick(5)
    played = np.concatenate(bench.heard())
    assert np.corrcoef(played, tone(900, 100))[0, 1] > 0.999
    assert bench.events[-1] == messages.PlayFinished(leg_id=LEG, play_id="p", complete=True)
    bench.tick(5)
    assert np.corrcoef(np.concatenate(bench.heard()), tone(500, 100))[0, 1] > 0.999


def test_a_play_can_be_stopped_and_a_missing_file_is_an_error(bench: Bench, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(900, 1000))
    bench.answered()
    bench.do(messages.Play(leg_id=LEG, play_id="p", path=str(tmp_path / "a.wav")))
    bench.do(messages.StopPlay(leg_id=LEG, play_id="other"))
    bench.do(messages.StopPlay(leg_id=LEG, play_id="p"))
    assert bench.events[-1] == messages.PlayFinished(leg_id=LEG, play_id="p", complete=False)
    bench.do(messages.Play(leg_id=LEG, play_id="q", path=str(tmp_path / "none.wav")))
    bench.files.close(5.0)
    bench.tick(2)
    event = bench.events[-1]
    assert isinstance(event, messages.PlayFinished)
    assert (event.play_id, event.complete) == ("q", False)
    assert event.error is not None
    assert "FileNotFoundError" in event.error


async def test_a_recording_has_the_caller_left_and_the_agent_right(bench: Bench, tmp_path: Path) -> None:
    bench.answered()
    bench.tick()
    bench.do(messages.StartRecording(leg_id=LEG, path=str(tmp_path / "a.wav")))
    caller, agent = tone(400, 300), tone(900, 200)
    bench.leg.playout.put(agent.tobytes())
    for at in range(0, len(caller), 160):
        bench.say(caller[at : at + 160])
        bench.tick()
    bench.do(messages.StopRecording(leg_id=LEG))
    bench.files.close(5.0)
    while not isinstance(bench.events[-1], messages.RecordingFinished):
        await asyncio.sleep(0)
    assert bench.events[-1] == messages.RecordingFinished(
        leg_id=LEG, path=str(tmp_path / "a.wav"), duration_ms=300
    )
    audio, _ = read_wav(tmp_path / "a.wav")
    assert np.corrcoef(audio[:, 0], caller)[0, 1] > 0.999
    assert np.corrcoef(audio[:1600, 1], agent)[0, 1] > 0.999


async def test_a_paused_recording_holds_silence_until_it_is_resumed(bench: Bench, tmp_path: Path) -> None:
    bench.do(messages.PauseRecording(leg_id=LEG))  # nothing is recorded yet: nothing happens
    bench.answered()
    bench.do(messages.StartRecording(leg_id=LEG, path=str(tmp_path / "a.wav")))
    card_number = tone(400, 600)
    for index, at in enumerate(range(0, len(card_number), 160)):
        if index == 10:
            bench.do(messages.PauseRecording(leg_id=LEG))
        if index == 20:
            bench.do(messages.ResumeRecording(leg_id=LEG))
        bench.say(card_number[at : at + 160])
        bench.tick()
    bench.do(messages.StopRecording(leg_id=LEG))
    bench.files.close(5.0)
    frames = np.abs(read_wav(tmp_path / "a.wav")[0][:, 0]).reshape(30, 160).max(axis=1)
    assert (frames[1:10] > 500).all()
    assert not frames[10:20].any()
    assert (frames[20:] > 500).all()


def test_what_cannot_be_negotiated_fails_the_leg(bench: Bench) -> None:
    bench.do(
        messages.NegotiateLeg(
            leg_id=LEG,
            remote_host="127.0.0.1",
            remote_port=4000,
            remote_rtcp_port=4001,
            codec="G729",
            clock_rate=8000,
            payload_type=18,
        )
    )
    assert bench.events == [messages.LegFailed(leg_id=LEG, error="cannot negotiate: no codec G729/8000")]


def test_statistics_tell_what_passed(bench: Bench) -> None:
    bench.answered()
    bench.sequence += 2  # two lost
    bench.say(tone(400, 20))
    bench.tick(10)
    statistics = bench.leg.statistics()
    assert (statistics.codec, statistics.packets_received, statistics.packets_lost) == ("PCMU", 2, 2)
    assert (statistics.packets_sent, statistics.bytes_sent) == (10, 1600)
    assert statistics.remote_address == f"127.0.0.1:{bench.peer.getsockname()[1]}"
    assert statistics.frames_concealed > 0
    assert bench.aligned == [0.0]


def test_a_leg_that_never_spoke_has_empty_statistics(bench: Bench) -> None:
    assert bench.leg.close(0.0) == messages.LegStatistics()


def negotiate_l16(bench: Bench, rate: int) -> None:
    bench.do(
        messages.NegotiateLeg(
            leg_id=LEG,
            remote_host="127.0.0.1",
            remote_port=bench.peer.getsockname()[1],
            remote_rtcp_port=bench.rtcp.getsockname()[1],
            codec="L16",
            clock_rate=rate,
            payload_type=112,
        )
    )


def l16_heard(bench: Bench) -> Samples:
    payloads = []
    while True:
        try:
            payloads.append(rtp.parse(bench.peer.recv(2048)).payload)
        except BlockingIOError:
            return np.frombuffer(b"".join(payloads), dtype=">i2").astype(np.int16)


def test_the_leg_follows_the_codec_while_nothing_depends_on_its_rate(bench: Bench) -> None:
    bench.negotiate()
    assert bench.leg.sample_rate == 8000
    negotiate_l16(bench, 16000)
    assert bench.leg.sample_rate == 16000
    bench.do(messages.OpenGate(leg_id=LEG, wait_ms=0))
    bench.leg.playout.put(tone(5000, 200, rate=16000).tobytes())
    bench.tick(10)
    spoken = l16_heard(bench)
    assert len(spoken) == 3200
    assert abs(dominant_tone(spoken, 16000)[0] - 5000) < 10


async def test_a_file_is_played_and_recorded_at_one_rate_though_the_codec_changes(
    bench: Bench, tmp_path: Path
) -> None:
    write_wav(tmp_path / "tone.wav", tone(1000, 400))
    bench.answered()
    bench.tick()
    bench.do(messages.StartRecording(leg_id=LEG, path=str(tmp_path / "call.wav")))
    bench.do(messages.Play(leg_id=LEG, play_id="p", path=str(tmp_path / "tone.wav")))
    bench.files.close(5.0)
    bench.tick(10)
    bench.heard()
    negotiate_l16(bench, 16000)
    assert bench.leg.sample_rate == 8000
    bench.tick(10)
    spoken = l16_heard(bench)
    assert len(spoken) == 10 * 320
    assert abs(dominant_tone(spoken[320:], 16000)[0] - 1000) < 10
    negotiate_l16(bench, 8000)
    bench.tick()
    assert len(l16_heard(bench)) == 160, "what no longer needs to be converted is not"
    bench.do(messages.StopRecording(leg_id=LEG))
    bench.files.close(5.0)
    while not any(isinstance(event, messages.RecordingFinished) for event in bench.events):
        await asyncio.sleep(0)
    audio, rate = read_wav(tmp_path / "call.wav")
    assert (len(audio), rate) == (21 * 160, 8000)
    assert abs(dominant_tone(audio[:3200, 1])[0] - 1000) < 10


@pytest.mark.parametrize("bench", [MediaConfig(comfort_noise_dbov=-60)], indirect=True)
def test_noise_lies_under_what_the_contact_hears_and_is_no_speech_of_the_agent(bench: Bench) -> None:
    bench.answered()
    bench.tick(50)
    quiet = np.concatenate(bench.heard())
    assert abs(level_dbfs(quiet) + 60) < 1.5
    assert "FirstAudioSent" not in bench.kinds()
    speech = tone(500, 400)
    bench.leg.playout.put(speech.tobytes())
    bench.tick(20)
    assert np.corrcoef(np.concatenate(bench.heard()), speech)[0, 1] > 0.999
    bench.tick(50)
    assert all(level_dbfs(frame) > -65 for frame in bench.heard()[1:]), "digital silence came through"


@pytest.mark.parametrize("bench", [MediaConfig(agent_gain_db=6, caller_gain_db=6)], indirect=True)
def test_gain_is_heard_by_both_sides(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered: list[bytes | None] = []
    monkeypatch.setattr(EngineLink, "deliver", lambda _, frame: delivered.append(frame))
    bench.leg.part()  # from now on what was just put in place is called
    bench.answered()
    said = tone(1000, 600, level_dbfs=-30)
    for at in range(0, len(said), 160):
        bench.say(said[at : at + 160])
        bench.tick()
    heard = np.frombuffer(b"".join(frame for frame in delivered if frame), dtype="<i2").astype(np.int16)
    assert abs(tone_level_dbfs(heard[1600:4000], 1000) + 24) < 0.5
    bench.heard()
    bench.leg.playout.put(tone(500, 400, level_dbfs=-30).tobytes())
    bench.tick(20)
    assert abs(tone_level_dbfs(np.concatenate(bench.heard()), 500) + 24) < 0.5
