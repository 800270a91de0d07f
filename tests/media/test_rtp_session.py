import itertools
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from media import rtcp, rtp
from media.codecs import UnknownCodecError, create_codec
from media.codecs.opus import Opus
from media.config import MediaConfig
from media.dtmf import Digit, DtmfReceiver
from media.latching import Source
from media.messages import Direction, NegotiateLeg
from media.rtcp_xr import ExtendedReport, VoipMetrics
from media.rtp import RtpPacket
from media.rtp_session import RtpSession
from tests.support.audio import Samples, dominant_tone, level_dbfs, tone
from tests.support.g711 import Law
from tests.support.speech import spoken

SILENT = b"\xff" * 160


def mu_law(audio: Samples) -> bytes:
    return create_codec("PCMU", 8000).encode(audio.tobytes())


LOUD = mu_law(tone(400, 20))


class Peer:
    """The far party: a socket pair like ours, and the session under test beside it."""

    def __init__(self, socket_pair: tuple[socket.socket, socket.socket]) -> None:
        self.first_packets: list[Source] = []
        self.digits: list[Digit] = []
        ours = (udp(), udp())
        self.session = RtpSession(
            ours,
            MediaConfig(),
            0.0,
            lambda source, now: self.first_packets.append(source),
            self.digits.append,
        )
        self.ours = ours
        self.rtp, self.rtcp = socket_pair

    def negotiate(self, **changes: object) -> None:
        settled: dict[str, object] = {
            "leg_id": "a",
            "remote_host": "127.0.0.1",
            "remote_port": self.rtp.getsockname()[1],
            "remote_rtcp_port": self.rtcp.getsockname()[1],
            "codec": "PCMU",
            "clock_rate": 8000,
            "payload_type": 0,
            "telephone_event_payload_type": 101,
        }
        self.session.negotiate(NegotiateLeg(**(settled | changes)), 0.0)  # type: ignore[arg-type]

    def say(
        self,
        sequence: int,
        payload: bytes = LOUD,
        *,
        now: float = 0.0,
        payload_type: int = 0,
        timestamp: int | None = None,
        source: socket.socket | None = None,
        ssrc: int = 1,
    ) -> None:
        stamp = sequence * 160 if timestamp is None else timestamp
        packet = RtpPacket(payload_type, sequence, stamp, ssrc, False, payload).serialize()
        (source or self.rtp).sendto(packet, self.ours[0].getsockname())
        self.session.receiver.readable(now)

    def heard(self) -> list[RtpPacket]:
        packets = []
        while (data := receive(self.rtp)) is not None:
            packets.append(rtp.parse(data))
        return packets


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def receive(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(2048)
    except BlockingIOError:
        return None


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer((udp(), udp()))
    yield made
    for sock in (*made.ours, made.rtp, made.rtcp):
        sock.close()


def is_loud(frame: bytes | None) -> bool:
    return frame is not None and bool(np.frombuffer(frame, dtype="<i2").any())


def test_audio_is_heard_in_order_and_the_first_packet_is_told_once(peer: Peer) -> None:
    peer.negotiate()
    assert peer.session.receiver.frame(0.0) is None
    peer.say(1)
    peer.say(2)
    assert is_loud(peer.session.receiver.frame(0.0))
    assert is_loud(peer.session.receiver.frame(0.0))
    assert peer.first_packets == [peer.rtp.getsockname()]


def test_packets_before_the_answer_are_dropped(peer: Peer) -> None:
    peer.say(1)
    peer.negotiate()
    assert peer.session.last_packet_at is None
    assert peer.session.receiver.frame(0.0) is None


def test_a_stranger_is_not_heard_and_gets_nothing(peer: Peer) -> None:
    stranger = udp()
    peer.negotiate()
    peer.say(1)
    peer.say(2, source=stranger, ssrc=9)
    assert peer.session.ignored == 1
    peer.session.sender.send(None)
    assert len(peer.heard()) == 1
    assert receive(stranger) is None
    stranger.close()


def test_a_phone_behind_nat_gets_its_audio_where_it_sends_from(peer: Peer) -> None:
    nat = udp()
    peer.negotiate()
    peer.say(1, source=nat)
    peer.session.sender.send(None)
    assert receive(nat) is not None
    assert peer.heard() == []
    nat.close()


def test_garbage_does_not_latch(peer: Peer) -> None:
    stranger = udp()
    peer.negotiate()
    for data in (b"hello", bytes(12), bytes((0x80, 96)) + bytes(170)):
        stranger.sendto(data, peer.ours[0].getsockname())
        peer.session.receiver.readable(0.0)
    assert peer.session.latch.source is None
    assert (peer.session.receiver.malformed, peer.session.receiver.wrong_payload_type) == (2, 1)
    stranger.close()


def test_audio_goes_out_every_frame_with_a_running_clock(peer: Peer) -> None:
    peer.negotiate()
    pcm = tone(500, 20).tobytes()
    for frame in (pcm, None, pcm):
        assert peer.session.sender.send(frame)
    packets = peer.heard()
    assert [len(packet.payload) for packet in packets] == [160] * 3
    assert packets[1].payload == SILENT
    assert packets[0].payload == mu_law(tone(500, 20))
    assert [packet.marker for packet in packets] == [True, False, False]
    assert [(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(packets)] == [1, 1]
    assert [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)] == [
        160,
        160,
    ]


@pytest.mark.parametrize(("ptime_ms", "sizes"), [(10, [80] * 6), (30, [240] * 2), (40, [320]), (60, [480])])
def test_the_packet_time_the_peer_asked_for_is_kept(peer: Peer, ptime_ms: int, sizes: list[int]) -> None:
    peer.negotiate(ptime_ms=ptime_ms)
    audio = tone(500, 60)
    for at in range(0, 480, 160):
        peer.session.sender.send(audio[at : at + 160].tobytes())
    packets = peer.heard()
    assert [len(packet.payload) for packet in packets] == sizes
    whole = b"".join(packet.payload for packet in packets)
    assert whole == mu_law(audio)[: len(whole)]


def test_a_law_speaks_a_law(peer: Peer) -> None:
    peer.negotiate(codec="PCMA", payload_type=8)
    peer.say(1, Law.PCMA.encode(tone(400, 20)), payload_type=8)
    assert is_loud(peer.session.receiver.frame(0.0))
    peer.session.sender.send(None)
    assert peer.heard()[0].payload == b"\xd5" * 160


def test_a_codec_we_do_not_have_is_refused(peer: Peer) -> None:
    with pytest.raises(UnknownCodecError):
        peer.negotiate(codec="G729")


def test_a_name_instead_of_an_address_is_refused(peer: Peer) -> None:
    with pytest.raises(ValueError, match=r"pbx\.example"):
        peer.negotiate(remote_host="pbx.example")


@pytest.mark.parametrize("direction", [Direction.RECVONLY, Direction.INACTIVE])
def test_on_hold_nothing_is_sent_and_the_clock_runs_on(peer: Peer, direction: Direction) -> None:
    peer.negotiate()
    peer.session.sender.send(None)
    peer.negotiate(direction=direction)
    for _ in range(5):
        assert not peer.session.sender.send(None)
    peer.negotiate()
    peer.session.sender.send(None)
    before, after = peer.heard()
    assert (after.sequence - before.sequence) & 0xFFFF == 1
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 6 * 160
    assert after.marker


def test_hold_in_the_old_spelling_sends_nothing_anywhere(peer: Peer) -> None:
    peer.negotiate()
    peer.negotiate(remote_host="0.0.0.0")
    assert not peer.session.sender.send(None)
    assert peer.heard() == []


@pytest.mark.parametrize("direction", [Direction.SENDONLY, Direction.RECVONLY, Direction.INACTIVE])
def test_on_hold_neither_music_nor_the_room_is_heard(peer: Peer, direction: Direction) -> None:
    peer.negotiate(direction=direction)
    peer.say(1)
    assert peer.session.receiver.frame(0.0) is None


def press(peer: Peer, code: int, sequence: int, *, ends: int = 3) -> None:
    for step in range(1, 4):
        payload = bytes((code, 10)) + (step * 160).to_bytes(2)
        peer.say(sequence, payload, payload_type=101, timestamp=5000)
        sequence += 1
    for _ in range(ends):
        peer.say(sequence, bytes((code, 0x8A)) + (480).to_bytes(2), payload_type=101, timestamp=5000)
        sequence += 1


def test_a_key_is_told_once_and_its_sound_is_not_heard(peer: Peer) -> None:
    peer.negotiate()
    peer.say(1)
    assert is_loud(peer.session.receiver.frame(0.0))
    press(peer, 5, 2, ends=0)
    peer.say(5, LOUD)  # some send the tone as audio as well
    assert peer.session.receiver.frame(0.0) is None
    press(peer, 5, 6)
    assert peer.digits == [Digit("5", 60)]
    assert peer.session.receiver.received.lost == 0


def test_a_key_whose_end_is_lost_is_found_by_housekeeping(peer: Peer) -> None:
    peer.negotiate()
    press(peer, 7, 1, ends=0)
    peer.session.housekeeping(1.0)
    assert [digit.digit for digit in peer.digits] == ["7"]


def test_comfort_noise_is_a_sign_of_life_and_heard_at_the_level_it_tells(peer: Peer) -> None:
    peer.negotiate()
    peer.say(1, b"\x3c", payload_type=13, now=3.0)  # -60 dBov
    assert peer.session.last_packet_at == 3.0
    frames = [peer.session.receiver.frame(0.0) for _ in range(50)]
    heard = np.frombuffer(b"".join(frame for frame in frames if frame is not None), dtype="<i2")
    assert abs(level_dbfs(heard.astype(np.int16)) + 60) < 1
    assert peer.session.receiver.inbound.frames_concealed == 0
    assert peer.session.ignored == 0


def wideband(codec: str, clock_rate: int, payload_type: int, fmtp: str = "") -> dict[str, object]:
    return {"codec": codec, "clock_rate": clock_rate, "payload_type": payload_type, "fmtp": fmtp}


@pytest.mark.parametrize(
    ("codec", "clock_rate", "ticks"), [("G722", 8000, 160), ("OPUS", 48000, 960), ("L16", 16000, 320)]
)
def test_wideband_goes_both_ways_on_the_clock_of_its_codec(
    peer: Peer, codec: str, clock_rate: int, ticks: int
) -> None:
    peer.negotiate(**wideband(codec, clock_rate, 96))
    assert peer.session.sample_rate == 16000
    far_end = create_codec(codec, clock_rate)
    audio = tone(3000, 400, rate=16000)  # not a frequency that 8 kHz audio carries well
    said = tone(5000, 400, rate=16000)
    inbound, outbound = b"", b""
    for index in range(20):
        frame = slice(index * 320, (index + 1) * 320)
        peer.say(index + 1, far_end.encode(audio[frame].tobytes()), payload_type=96, timestamp=index * ticks)
        inbound += peer.session.receiver.frame(0.0) or b""
        assert peer.session.sender.send(said[frame].tobytes())
    packets = peer.heard()
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {ticks}
    outbound = b"".join(far_end.decode(packet.payload) for packet in packets)
    for heard, frequency in ((inbound, 3000), (outbound, 5000)):
        samples = np.frombuffer(heard, dtype="<i2").astype(np.int16)
        assert len(samples) == len(audio)
        assert abs(dominant_tone(samples[3200:], 16000)[0] - frequency) < 10


def test_silence_between_words_is_encoded_so_that_both_ends_stay_together(peer: Peer) -> None:
    peer.negotiate(**wideband("G722", 8000, 9))
    word = tone(700, 20, rate=16000).tobytes()
    for pcm in (word, None, None, word, None):
        peer.session.sender.send(pcm)
    far_end, alike = create_codec("G722", 8000), create_codec("G722", 8000)
    heard = [far_end.decode(packet.payload) for packet in peer.heard()]
    expected = [alike.encode(pcm) for pcm in (word, bytes(640), bytes(640), word, bytes(640))]
    fresh = create_codec("G722", 8000)
    assert heard == [fresh.decode(payload) for payload in expected]


def test_nothing_is_sent_in_silence_when_the_peer_wants_it_so_and_time_goes_on(peer: Peer) -> None:
    peer.negotiate(**wideband("OPUS", 48000, 96, "usedtx=1"))
    for _ in range(60):
        assert peer.session.sender.send(None), "the stream stands, also while it is silent"
    assert peer.session.sender.send(tone(700, 20, rate=16000).tobytes())
    packets = peer.heard()
    assert len(packets) < 40
    last, before = packets[-1], packets[-2]
    assert last.marker
    assert (last.timestamp - packets[0].timestamp) & 0xFFFFFFFF == 60 * 960
    assert last.sequence == (before.sequence + 1) & 0xFFFF


def test_a_lost_opus_packet_is_recovered_from_the_one_behind_it(peer: Peer) -> None:
    peer.negotiate(**wideband("OPUS", 48000, 96, "useinbandfec=1"))
    far_end = create_codec("OPUS", 48000, "useinbandfec=1")
    speech = spoken("Seven wizards make a vexing brew.", 16000)
    for index in range(24):
        payload = far_end.encode(speech[index * 320 : (index + 1) * 320].tobytes())
        if index != 20:
            peer.say(index + 1, payload, payload_type=96, timestamp=index * 960)
        if index >= 3:  # the buffer holds a few packets
            assert peer.session.receiver.frame(0.0) is not None
    for _ in range(3):
        peer.session.receiver.frame(0.0)
    codec = peer.session.receiver.inbound.codec
    assert isinstance(codec, Opus)
    assert codec.recovered == 1
    assert peer.session.receiver.inbound.frames_concealed == 1


def test_jitter_is_told_in_the_time_of_the_new_clock_after_the_codec_has_changed(peer: Peer) -> None:
    peer.negotiate()
    for index in range(50):
        peer.say(index + 1, now=index * 0.02 + (0.004 if index % 2 else 0))
    before = peer.session.receiver.received.jitter_ms
    peer.negotiate(**wideband("OPUS", 48000, 96))
    assert peer.session.receiver.received.jitter_ms == pytest.approx(before)
    assert before > 2


def test_keys_are_sent_in_place_of_audio_and_audio_resumes_in_time(peer: Peer) -> None:
    peer.negotiate()
    pcm = tone(500, 20).tobytes()
    peer.session.sender.send(pcm)
    peer.session.sender.send_digits("12", 100, 80)
    frames = 1
    while peer.session.sender.sending_digits:
        peer.session.sender.send(None)
        frames += 1
    peer.session.sender.send(pcm)
    packets = peer.heard()
    receiver = DtmfReceiver(8000)
    digits = [
        digit.digit
        for packet in packets
        if packet.payload_type == 101
        for digit in receiver.receive(packet.payload, packet.timestamp, 0.0)
    ]
    assert digits == ["1", "2"]
    assert peer.session.sender.digits_sent == ["12"]
    assert [(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(packets)] == [1] * (
        len(packets) - 1
    )
    assert (packets[-1].timestamp - packets[0].timestamp) & 0xFFFFFFFF == frames * 160
    assert packets[-1].payload == mu_law(tone(500, 20))


def test_a_new_stream_of_the_same_party_is_taken_over(peer: Peer) -> None:
    peer.negotiate()
    peer.say(40000)
    peer.session.receiver.frame(0.0)
    peer.say(5, ssrc=2, timestamp=77)
    assert is_loud(peer.session.receiver.frame(0.0))
    assert peer.session.receiver.inbound.buffer.late == 0


def test_reports_go_to_the_rtcp_port_and_their_answers_are_read(peer: Peer) -> None:
    peer.negotiate()
    peer.say(1)
    peer.session.sender.send(None)
    peer.session.housekeeping(100.0)
    data = receive(peer.rtcp)
    assert data is not None
    report = rtcp.parse(data)[0]
    assert isinstance(report, rtcp.SenderReport)
    assert report.packets == 1
    assert report.reports[0].ssrc == 1
    block = rtcp.ReportBlock(report.ssrc, 128, 4, 9, 80, rtcp.middle(report.ntp_timestamp), 0)
    peer.rtcp.sendto(rtcp.serialize(rtcp.ReceiverReport(1, (block,))), peer.ours[1].getsockname())
    peer.session.rtcp_readable(100.1)
    assert peer.session.rtcp.remote_loss_fraction == 0.5
    assert peer.session.rtcp.round_trip_ms is not None
    assert peer.session.rtcp.round_trip_ms < 1000


def test_reports_share_the_port_when_that_was_settled(peer: Peer) -> None:
    peer.negotiate(rtcp_mux=True)
    peer.say(1)
    peer.session.housekeeping(100.0)
    data = receive(peer.rtp)
    assert data is not None
    assert isinstance(rtcp.parse(data)[0], rtcp.ReceiverReport)
    peer.rtp.sendto(rtcp.serialize(rtcp.SenderReport(1, 1 << 40, 0, 1, 1)), peer.ours[0].getsockname())
    peer.session.receiver.readable(100.1)
    assert peer.session.rtcp.reports_received == 1


def test_reports_of_a_stranger_are_not_believed(peer: Peer) -> None:
    peer.negotiate(remote_host="192.0.2.1")
    peer.rtcp.sendto(rtcp.serialize(rtcp.ReceiverReport(1)), peer.ours[1].getsockname())
    peer.session.rtcp_readable(0.0)
    assert peer.session.rtcp.reports_received == 0
    assert peer.session.ignored == 1


def test_the_end_is_told_by_a_goodbye(peer: Peer) -> None:
    peer.negotiate()
    peer.session.goodbye(0.0)
    assert receive(peer.rtcp) is None, "who never sent has nothing to end"
    peer.session.sender.send(None)
    peer.session.goodbye(0.0)
    data = receive(peer.rtcp)
    assert data is not None
    assert isinstance(rtcp.parse(data)[-1], rtcp.Goodbye)


def test_a_peer_that_wants_to_know_how_it_is_heard_is_told_in_extended_reports(peer: Peer) -> None:
    peer.session.voip_metrics = lambda: VoipMetrics(ssrc=1, loss=0.25, discard=0, mos_listening=3.1)
    for wanted in (True, False):
        peer.negotiate(rtcp_xr=wanted)
        peer.say(wanted)
        peer.session.housekeeping(peer.session.rtcp.due_at)
        data = receive(peer.rtcp)
        assert data is not None
        told = [packet for packet in rtcp.parse(data) if isinstance(packet, ExtendedReport)]
        assert [packet.blocks for packet in told] == ([(peer.session.voip_metrics(),)] if wanted else [])


def test_what_the_peer_says_of_our_sound_is_kept(peer: Peer) -> None:
    peer.negotiate()
    ours = peer.session.sender.stream.ssrc
    metrics = VoipMetrics(ssrc=ours, loss=0.5, discard=0.25, mos_listening=2.5)
    packets = (
        rtcp.ReceiverReport(1, ()),
        ExtendedReport(1, (VoipMetrics(ssrc=7, loss=0, discard=0), metrics)),
    )
    peer.rtcp.sendto(rtcp.serialize(*packets), peer.ours[1].getsockname())
    peer.session.rtcp_readable(0.0)
    assert peer.session.rtcp.remote_metrics == metrics
