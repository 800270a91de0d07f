"""Two legs whose clock the test turns, each with a far party of its own on a real socket, and an engine of
which only the line's end is played by the test.
"""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from media import messages, rtp
from media.codecs import create_codec
from media.config import MediaConfig
from media.dtmf import EVENTS, PAYLOAD
from media.dtmf_detector import DtmfDetector
from media.dtmf_tones import tones
from media.engine_link import EngineLink
from media.file_thread import FileThread
from media.leg import Leg
from media.messages import Direction, Event, PatchMode
from media.patch import patch
from media.playback import Player
from media.recorder import Recorder
from media.rtp import RtpPacket
from tests.support.audio import (
    Samples,
    find,
    gaps,
    level_dbfs,
    loud_spans,
    read_wav,
    silence,
    tone,
    tone_level_dbfs,
)

FRAME_S = 0.02
EVENT_TYPE = 101
# name, RTP clock, payload type
PCMU, PCMA, G722 = ("PCMU", 8000, 0), ("PCMA", 8000, 8), ("G722", 8000, 9)
OPUS, L16, L16_WIDE = ("OPUS", 48000, 111), ("L16", 8000, 97), ("L16", 16000, 98)
Coding = tuple[str, int, int]


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


class Party:
    """A far party and its leg."""

    def __init__(self, leg_id: str, files: FileThread, config: MediaConfig) -> None:
        self.leg_id = leg_id
        self.events: list[Event] = []
        self.socket, self.sockets = udp(), (udp(), udp())
        self.sequence = self.timestamp = 0
        self.waiting = b""
        self.leg = Leg(
            messages.CreateLeg(leg_id=leg_id, call_id="call-1"),
            self.sockets,
            config,
            Recorder(files, 1 << 20),
            Player(files, 10.0),
            0.0,
            emit=self.events.append,
            align=lambda leg, now: None,
        )

    def answer(
        self, coding: Coding = PCMU, ptime_ms: int = 20, *, events: bool = True, gate: bool = True
    ) -> None:
        name, clock, payload_type = coding
        self.payload_type, self.ptime_ms = payload_type, ptime_ms
        self.encoder, self.decoder = create_codec(name, clock), create_codec(name, clock)
        self.rate = self.encoder.sample_rate
        self.negotiate(coding, events=events)
        if gate:
            self.leg.execute(messages.OpenGate(leg_id=self.leg_id, wait_ms=0), 0.0)

    def negotiate(
        self, coding: Coding, direction: Direction = Direction.SENDRECV, *, events: bool = True
    ) -> None:
        port = self.socket.getsockname()[1]
        self.leg.execute(
            messages.NegotiateLeg(
                leg_id=self.leg_id,
                remote_host="127.0.0.1",
                remote_port=port,
                remote_rtcp_port=port + 1,
                codec=coding[0],
                clock_rate=coding[1],
                payload_type=coding[2],
                ptime_ms=self.ptime_ms,
                telephone_event_payload_type=EVENT_TYPE if events else None,
                direction=direction,
            ),
            0.0,
        )

    def say(self, frame: Samples, now: float) -> None:
        """20 ms, sent when they are a packet."""
        self.waiting += frame.tobytes()
        size = self.rate * self.ptime_ms // 1000 * 2
        if len(self.waiting) >= size:
            pcm, self.waiting = self.waiting[:size], self.waiting[size:]
            payload = self.encoder.encode(pcm)
            self.send(RtpPacket(self.payload_type, self.sequence, self.timestamp, 1, False, payload), now)
            self.timestamp += self.encoder.clock_rate * self.ptime_ms // 1000

    def send(self, packet: RtpPacket, now: float) -> None:
        self.socket.sendto(packet.serialize(), self.sockets[0].getsockname())
        self.sequence += 1
        self.leg.rtp.receiver.readable(now)

    def packets(self) -> list[RtpPacket]:
        """Those that arrived since the last call."""
        arrived = []
        while True:
            try:
                arrived.append(rtp.parse(self.socket.recv(4096)))
            except BlockingIOError:
                return arrived

    def heard(self) -> Samples:
        audio = [self.decoder.decode(p.payload) for p in self.packets() if p.payload_type != EVENT_TYPE]
        return np.frombuffer(b"".join(audio), dtype="<i2").astype(np.int16)

    def pressed(self) -> list[tuple[str, int]]:
        """Each key that ended, with its duration in ms."""
        found = {}
        for packet in self.packets():
            if packet.payload_type == EVENT_TYPE:
                event, flags, duration = PAYLOAD.unpack(packet.payload)
                if flags & 0x80:
                    found[packet.timestamp] = (EVENTS[event], duration // 8)
        return list(found.values())

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class Table:
    """Both parties, and what the engine hears and says."""

    def __init__(self, config: MediaConfig, delivered: list[tuple[EngineLink, bytes | None]]) -> None:
        self.files = FileThread()
        self.caller, self.other = (Party(leg_id, self.files, config) for leg_id in ("first", "second"))
        self.delivered = delivered
        self.now = 0.0

    def close(self) -> None:
        self.files.close(5.0)
        for party in (self.caller, self.other):
            for sock in (party.socket, *party.sockets):
                sock.close()

    def patch(self, mode: PatchMode) -> str | None:
        return patch(self.caller.leg, self.other.leg, mode)

    def do(self, command: messages.Command) -> None:
        party = self.caller if command.leg_id == "first" else self.other
        party.leg.execute(command, self.now)

    def talk(self, caller: Samples | None = None, other: Samples | None = None, ms: int = 0) -> None:
        """Both speak at once, in turns of 20 ms; who says nothing sends silence."""
        frames = max(
            ms // 20,
            *(
                -(-len(said) * 50 // party.rate) if said is not None else 0
                for party, said in ((self.caller, caller), (self.other, other))
            ),
        )
        for number in range(frames):
            self.now += FRAME_S
            for party, said in ((self.caller, caller), (self.other, other)):
                size = party.rate // 50
                frame = said[number * size : (number + 1) * size] if said is not None else silence(0)
                party.say(np.pad(frame, (0, size - len(frame))), self.now)
            self.tick()

    def tick(self) -> None:
        """One turn of the clock, the second leg being served some milliseconds after the first."""
        for party in (self.caller, self.other):
            party.leg.listen(self.now)
            party.leg.speak(self.now)

    def agent_says(self, audio: Samples) -> None:
        self.caller.leg.playout.put(audio.tobytes())

    def engine_heard(self) -> Samples:
        frames = [frame for link, frame in self.delivered if link is self.caller.leg.engine]
        size = self.caller.leg.sample_rate // 50 * 2
        return np.frombuffer(b"".join(frame or bytes(size) for frame in frames), dtype="<i2").astype(np.int16)


@pytest.fixture
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """A parameter, where there is one, is the configuration."""
    delivered: list[tuple[EngineLink, bytes | None]] = []
    monkeypatch.setattr(EngineLink, "deliver", lambda link, frame: delivered.append((link, frame)))
    made = Table(getattr(request, "param", MediaConfig()), delivered)
    yield made
    made.close()


def both_answer(table: Table, caller: Coding = PCMU, other: Coding = PCMU) -> None:
    table.caller.answer(caller)
    table.other.answer(other)
    table.talk(ms=200)
    table.caller.heard(), table.other.heard()
    table.delivered.clear()


@pytest.mark.parametrize(
    ("caller", "other"),
    [(PCMU, G722), (PCMU, OPUS), (PCMA, L16), (G722, OPUS), (PCMA, L16_WIDE), (PCMU, PCMA)],
    ids=lambda coding: f"{coding[0]}-{coding[1]}",
)
@pytest.mark.parametrize(("ptime", "other_ptime"), [(20, 20), (20, 60), (60, 20)])
def test_in_a_bridge_each_hears_the_other_whatever_the_codecs(
    table: Table, caller: Coding, other: Coding, ptime: int, other_ptime: int
) -> None:
    table.caller.answer(caller, ptime)
    table.other.answer(other, other_ptime)
    table.patch(PatchMode.BRIDGE)
    table.talk(ms=240)
    table.caller.heard(), table.other.heard()
    table.talk(
        tone(700, 1200, rate=table.caller.rate), tone(1100, 1200, rate=table.other.rate, level_dbfs=-20)
    )
    for party, frequency, own, level in (
        (table.other, 700, 1100, -12),
        (table.caller, 1100, 700, -20),
    ):
        middle = party.heard()[party.rate // 2 : party.rate]
        assert tone_level_dbfs(middle, frequency, party.rate) == pytest.approx(level, abs=1.0)
        assert tone_level_dbfs(middle, own, party.rate) < -55, "somebody hears themselves"
    assert len(table.delivered) == 0, "the engine hears the two"


def test_wideband_passes_from_one_wide_leg_to_another(table: Table) -> None:
    both_answer(table, G722, L16_WIDE)
    table.patch(PatchMode.BRIDGE)
    table.talk(other=tone(5500, 600, rate=16000))
    assert tone_level_dbfs(table.caller.heard()[3200:8000], 5500, 16000) > -16


def test_a_bridge_adds_at_most_one_frame_to_the_jitter_buffers_own_delay(table: Table) -> None:
    both_answer(table)
    word = tone(900, 200)
    table.talk(word, word, ms=600)  # through the agent's side: the buffers' own delay
    (own,) = loud_spans(table.engine_heard())
    table.patch(PatchMode.BRIDGE)
    table.caller.heard(), table.other.heard()
    delays = []
    for _ in range(30):  # nor does it grow
        table.talk(word, word, ms=600)
        for party in (table.caller, table.other):
            (span,) = loud_spans(party.heard())
            delays.append(span.start_ms - own.start_ms)
            assert span.duration_ms == pytest.approx(200, abs=5)
    assert all(-1 <= delay <= 21 for delay in delays), delays
    assert max(delays) - min(delays) <= 21


def test_what_was_not_taken_is_replaced_not_queued(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    for _ in range(100):  # the other leg is not served for two seconds
        table.now += FRAME_S
        table.caller.say(tone(700, 20), table.now)
        table.caller.leg.listen(table.now)
    table.talk(ms=100)
    spans = loud_spans(table.other.heard())
    assert sum(span.duration_ms for span in spans) <= 60
    with capture_logs() as logged:
        table.patch(PatchMode.AGENT)
    (line,) = logged
    assert line["event"] == "bridge_frames_replaced"
    assert line["frames"] == pytest.approx(100, abs=5)


def test_in_a_consultation_the_agent_talks_with_the_other_and_the_caller_hears_music(table: Table) -> None:
    both_answer(table, PCMU, G722)
    table.do(messages.SetHold(leg_id="first", held=True))
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 1000))
    table.talk(tone(700, 1000), tone(1100, 1000, rate=16000))
    briefed = table.other.heard()
    assert tone_level_dbfs(briefed[4000:14000], 500, 16000) == pytest.approx(-12, abs=1)
    assert tone_level_dbfs(briefed, 700, 16000) < -60, "the consulted person hears the caller"
    assert tone_level_dbfs(briefed, 523.25, 16000) < -30, "the consulted person hears the music"
    engine = table.engine_heard()
    assert len(engine) == 8000, "the engine wants one frame a tick"
    assert tone_level_dbfs(engine[2000:7000], 1100) == pytest.approx(-12, abs=1)
    assert tone_level_dbfs(engine, 700) < -60, "the agent hears the caller"
    waiting = table.caller.heard()
    assert tone_level_dbfs(waiting, 523.25) > -35, "the music has stopped"
    assert tone_level_dbfs(waiting, 500) < -60
    assert tone_level_dbfs(waiting, 1100) < -60


def test_a_caller_who_is_not_on_hold_hears_silence_during_a_consultation(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 400))
    table.talk(other=tone(1100, 400))
    assert level_dbfs(table.caller.heard()) < -70


def test_the_consulted_person_interrupts_the_agent_within_a_frame(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 3000))
    table.talk(ms=400)
    table.other.heard()
    table.caller.leg.engine.message({"type": "playback_clear_buffer"})
    table.talk(ms=400)
    (cleared,) = table.caller.told(messages.PlaybackCleared)
    assert isinstance(cleared, messages.PlaybackCleared)
    assert cleared.dropped_ms == pytest.approx(2600, abs=40)
    assert sum(span.duration_ms for span in loud_spans(table.other.heard())) <= 20


def test_the_agents_words_wait_for_the_answer_of_whom_it_consults(table: Table) -> None:
    table.caller.answer()
    table.other.answer(gate=False)
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 200))
    table.talk(ms=400)
    assert len(table.other.heard()) == 0
    table.do(messages.OpenGate(leg_id="second", wait_ms=0))
    table.talk(ms=400)
    assert loud_spans(table.other.heard())[0].duration_ms == pytest.approx(200, abs=25)


@pytest.mark.parametrize("mode", [PatchMode.CONSULT, PatchMode.BRIDGE])
def test_words_for_one_are_not_said_to_the_next(table: Table, mode: PatchMode) -> None:
    both_answer(table)
    table.agent_says(tone(500, 2000))
    table.talk(ms=200)
    table.caller.heard(), table.other.heard()
    table.patch(mode)
    table.talk(ms=200)
    table.patch(PatchMode.AGENT)
    table.talk(ms=200)
    for party in (table.caller, table.other):
        assert sum(span.duration_ms for span in loud_spans(party.heard())) <= 20


def test_after_a_bridge_the_agent_and_the_caller_talk_as_before(table: Table) -> None:
    both_answer(table)
    for mode in (PatchMode.CONSULT, PatchMode.BRIDGE, PatchMode.AGENT):
        assert table.patch(mode) is None
        assert table.patch(mode) is None, "the same again changes nothing"
        table.talk(ms=100)
    table.caller.heard(), table.other.heard()
    table.delivered.clear()
    table.agent_says(tone(500, 400))
    table.talk(tone(700, 400), tone(1100, 400))
    assert tone_level_dbfs(table.caller.heard()[1000:2500], 500) > -14
    assert tone_level_dbfs(table.engine_heard()[1000:2500], 700) > -14
    assert level_dbfs(table.other.heard()) < -70
    assert tone_level_dbfs(table.engine_heard(), 1100) < -60


def press(table: Table, party: Party, digit: str, ms: int = 100) -> None:
    for number in itertools.count(1):
        table.now += FRAME_S
        ended = number * 20 >= ms
        payload = PAYLOAD.pack(EVENTS.index(digit), 0x80 if ended else 0, number * 160)
        for _ in range(3 if ended else 1):
            packet = RtpPacket(EVENT_TYPE, party.sequence, party.timestamp, 1, number == 1, payload)
            party.send(packet, table.now)
        table.tick()
        if ended:
            break
    party.timestamp += number * 160


def test_keys_pass_a_bridge_once_and_as_long_as_they_were_pressed(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    for digit, ms in (("4", 100), ("2", 200), ("2", 60), ("#", 100)):
        press(table, table.caller, digit, ms)
        table.talk(ms=300)
    assert table.other.pressed() == [("4", 100), ("2", 200), ("2", 60), ("#", 100)]
    told = [
        (event.digit, event.by) for event in table.caller.events if isinstance(event, messages.DigitReceived)
    ]
    assert told == [("4", "rfc4733"), ("2", "rfc4733"), ("2", "rfc4733"), ("#", "rfc4733")]
    assert not table.other.told(messages.DigitsSent), "somebody else would take these for theirs"
    press(table, table.other, "9")
    table.talk(ms=300)
    assert table.caller.pressed() == [("9", 100)]


def test_keys_become_tones_for_who_takes_no_events_even_when_typed_fast(table: Table) -> None:
    table.caller.answer()
    table.other.answer(G722, events=False)
    table.patch(PatchMode.BRIDGE)
    table.talk(ms=100)
    for digit in "147*":
        press(table, table.caller, digit, 80)
    table.talk(ms=600)
    detector = DtmfDetector(16000)
    heard = table.other.heard()
    found = [
        digit.digit
        for at in range(0, len(heard), 320)
        for digit in detector.take(heard[at : at + 320].tobytes())
    ]
    assert found == ["1", "4", "7", "*"]
    assert not table.other.told(messages.DigitsSent)


def test_a_key_that_is_told_as_event_and_as_tone_passes_once(table: Table) -> None:
    both_answer(table)
    table.do(messages.DetectTones(leg_id="first", enabled=True))
    table.patch(PatchMode.BRIDGE)
    sound = np.frombuffer(tones("5", 100, 100, 8000), dtype="<i2").astype(np.int16)
    table.talk(sound, ms=300)
    press(table, table.caller, "5")
    table.talk(ms=500)
    assert [digit for digit, _ in table.other.pressed()] == ["5"]
    assert len(table.caller.told(messages.DigitReceived)) == 2


@pytest.mark.parametrize("mode", [PatchMode.CONSULT, PatchMode.AGENT])
def test_keys_pass_in_a_bridge_only(table: Table, mode: PatchMode) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.patch(mode)
    press(table, table.caller, "5")
    press(table, table.other, "6")
    table.talk(ms=300)
    assert table.caller.pressed() == table.other.pressed() == []


def test_who_is_on_hold_hears_music_and_is_not_heard(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.do(messages.SetHold(leg_id="second", held=True))
    press(table, table.other, "6")
    table.caller.packets(), table.other.packets()
    table.talk(tone(700, 1000), tone(1100, 1000))
    held = table.other.heard()
    assert tone_level_dbfs(held, 523.25) > -35
    assert tone_level_dbfs(held, 700) < -60
    assert level_dbfs(table.caller.heard()) < -70
    table.do(messages.SetHold(leg_id="second", held=False))
    table.talk(tone(700, 400), tone(1100, 400))
    assert tone_level_dbfs(table.other.heard()[1000:2500], 700) > -14
    assert tone_level_dbfs(table.caller.heard()[1000:2500], 1100) > -14


def test_who_holds_us_is_not_heard_and_gets_nothing(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.other.negotiate(PCMU, Direction.INACTIVE)
    table.talk(tone(700, 400), tone(1100, 400))
    assert len(table.other.heard()) == 0
    assert level_dbfs(table.caller.heard()) < -70


def test_a_muted_party_is_not_heard_and_a_deaf_one_hears_nothing(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.do(messages.SetMute(leg_id="first", caller=True))
    press(table, table.caller, "5")
    table.talk(tone(700, 400), tone(1100, 400))
    assert level_dbfs(table.other.heard()) < -70
    assert tone_level_dbfs(table.caller.heard()[1000:2500], 1100) > -14
    table.do(messages.SetMute(leg_id="first", agent=True))
    table.talk(tone(700, 400), tone(1100, 400))
    assert tone_level_dbfs(table.other.heard()[1000:2500], 700) > -14
    assert level_dbfs(table.caller.heard()) < -70


async def test_the_recording_goes_on_with_the_caller_and_never_has_the_consultation(
    table: Table, tmp_path: Path
) -> None:
    both_answer(table)
    path = tmp_path / "call.wav"
    table.do(messages.StartRecording(leg_id="first", path=str(path)))
    table.agent_says(tone(500, 1000))
    table.talk(tone(700, 1000), tone(1100, 1000))
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 1000))
    table.talk(tone(700, 1000), tone(1100, 1000))
    table.patch(PatchMode.BRIDGE)
    table.talk(tone(700, 1000), tone(1100, 1000))
    table.do(messages.StopRecording(leg_id="first"))
    table.files.close(5.0)
    both, rate = read_wav(path)
    caller, agent = both[:, 0], both[:, 1]
    for second in range(3):
        assert tone_level_dbfs(caller[second * rate + 1000 :][: rate - 2000], 700) > -14
    first, consultation, bridge = (agent[second * rate + 1000 :][: rate - 2000] for second in range(3))
    assert tone_level_dbfs(first, 500) > -14
    assert tone_level_dbfs(first, 1100) < -60
    assert level_dbfs(consultation) < -70
    assert tone_level_dbfs(bridge, 1100) > -14
    assert tone_level_dbfs(bridge, 500) < -60


def test_who_is_left_hears_silence_and_is_told_once(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    made = table.other.leg.patch
    assert made is not None
    assert made.lost(table.other.leg) is table.caller.leg
    assert made.lost(table.other.leg) is None
    table.agent_says(tone(500, 400))
    table.talk(tone(700, 400))
    assert level_dbfs(table.caller.heard()) < -70
    assert len(table.engine_heard()) == 0
    patch(table.caller.leg, None, PatchMode.AGENT)
    table.agent_says(tone(600, 400))
    table.talk(tone(700, 400))
    heard = table.caller.heard()
    assert tone_level_dbfs(heard[1000:2500], 600) > -14
    assert tone_level_dbfs(heard, 500) < -60
    assert tone_level_dbfs(table.engine_heard()[1000:2500], 700) > -14


def test_an_agent_whose_partner_is_gone_hears_silence_until_it_has_the_caller_back(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.CONSULT)
    made = table.other.leg.patch
    assert made is not None
    made.lost(table.other.leg)
    table.agent_says(tone(500, 400))
    table.talk(tone(700, 400))
    assert level_dbfs(table.caller.heard()) < -70
    assert len(table.engine_heard()) == 3200
    assert level_dbfs(table.engine_heard()) < -70
    patch(table.caller.leg, None, PatchMode.AGENT)
    table.agent_says(tone(600, 400))
    table.talk(tone(700, 400))
    assert tone_level_dbfs(table.caller.heard()[1000:2500], 600) > -14


@pytest.mark.parametrize("mode", [PatchMode.CONSULT, PatchMode.BRIDGE])
def test_a_leg_that_is_not_there_leaves_the_first_alone(table: Table, mode: PatchMode) -> None:
    both_answer(table)
    assert patch(table.caller.leg, None, mode) == "the other leg is not there"
    assert patch(table.caller.leg, table.caller.leg, mode) is not None
    table.agent_says(tone(500, 400))
    table.talk(tone(700, 400))
    assert level_dbfs(table.caller.heard()) < -70
    assert patch(table.caller.leg, None, PatchMode.AGENT) is None
    table.talk(tone(700, 400))
    assert tone_level_dbfs(table.engine_heard()[-2000:], 700) > -14


def test_another_codec_in_the_middle_of_a_bridge(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.talk(ms=100)
    table.other.heard()
    table.other.answer(G722)
    table.talk(tone(700, 600), tone(1100, 600, rate=16000))
    assert tone_level_dbfs(table.other.heard()[3200:8000], 700, 16000) == pytest.approx(-12, abs=1)
    assert tone_level_dbfs(table.caller.heard()[1600:4000], 1100) == pytest.approx(-12, abs=1)


@pytest.mark.parametrize("table", [MediaConfig(agent_gain_db=12)], indirect=True)
def test_the_gain_of_the_agent_is_not_the_other_partys(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    table.talk(tone(700, 400, level_dbfs=-30), tone(1100, 400, level_dbfs=-30))
    assert tone_level_dbfs(table.other.heard()[1000:2500], 700) == pytest.approx(-30, abs=1)
    table.patch(PatchMode.CONSULT)
    table.agent_says(tone(500, 400, level_dbfs=-30))
    table.talk(ms=400)
    assert tone_level_dbfs(table.other.heard()[1000:2500], 500) == pytest.approx(-18, abs=1)


def test_nobody_owes_an_answer_and_no_turn_is_counted_between_people(table: Table) -> None:
    both_answer(table)
    table.do(messages.WatchSilence(leg_id="first", agent_prompt_ms=500, agent_end_ms=1000))
    table.patch(PatchMode.BRIDGE)
    for _ in range(3):
        table.talk(tone(700, 800), ms=1600)
        table.talk(other=tone(1100, 800), ms=1600)
    table.talk(tone(700, 200), tone(1100, 200))
    for party in (table.caller, table.other):
        statistics = party.leg.statistics()
        assert statistics.turns == 0
        assert statistics.diagnosis not in ("engine-slow", "engine-silent")
        assert statistics.agent_level_dbov is not None, "the meters go on"
        assert not party.told(messages.SilenceNoticed)
        assert not party.told(messages.TurnMeasured)


def test_speech_passes_unchanged_through_a_bridge_of_one_codec(table: Table) -> None:
    both_answer(table, L16, L16)
    table.patch(PatchMode.BRIDGE)
    rng = np.random.default_rng(1)
    said = (rng.normal(0, 2000, 8000)).astype(np.int16)
    table.talk(said, ms=1200)
    _, likeness = find(said, table.other.heard())
    assert likeness > 0.99


def test_each_leg_misses_its_own_party_in_a_bridge(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    for _ in range(1600):  # 32 s in which only one of them sends
        table.now += FRAME_S
        table.caller.say(tone(700, 20), table.now)
        table.tick()
        table.other.packets(), table.caller.packets()
    (missed,) = table.other.told(messages.MediaTimedOut)
    assert isinstance(missed, messages.MediaTimedOut)
    assert missed.kind == "mid-call"
    assert not table.caller.told(messages.MediaTimedOut)
    table.talk(other=tone(1100, 400))
    assert table.other.told(messages.MediaReturned)
    assert tone_level_dbfs(table.caller.heard()[1000:2500], 1100) > -14


def test_loss_on_one_leg_is_made_up_for_the_other(table: Table) -> None:
    both_answer(table)
    table.patch(PatchMode.BRIDGE)
    said = tone(700, 2000)
    for number in range(100):
        table.now += FRAME_S
        frame = said[number * 160 : (number + 1) * 160]
        if number % 10 == 5:  # lost on its way
            table.caller.sequence += 1
            table.caller.timestamp += 160
        else:
            table.caller.say(frame, table.now)
        table.other.say(silence(20), table.now)
        table.tick()
    heard = table.other.heard()
    assert gaps(heard[1600:15000]) == []
    assert table.caller.leg.statistics().frames_concealed >= 8
    assert table.other.leg.statistics().frames_concealed == 0
