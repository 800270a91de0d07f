import itertools

import pytest

from media import rtp
from media.codecs import create_codec
from media.dtmf_sender import DigitsError
from media.latching import Latch
from media.rtp import RtpPacket
from media.rtp_sender import RtpSender
from tests.support.audio import tone

TARGET = ("192.0.2.1", 4000)
FRAME = tone(500, 20).tobytes()


class Wire:
    """Keeps what is sent; refuses everything when told to."""

    def __init__(self, ptime_ms: int = 20, sending: bool = True) -> None:
        self.sent: list[RtpPacket] = []
        self.targets: list[object] = []
        self.down = False
        self.latch = Latch(silence_s=2.0, relatch_silence_s=0.3)
        self.sender = RtpSender(self._send_to, self.latch)
        self.sender.set_payload_types(0, 101, 8000)
        self.sender.set_pacing(ptime_ms, sending)

    def _send_to(self, data: bytes, target: object) -> int:
        if self.down:
            raise BlockingIOError
        self.sent.append(rtp.parse(data))
        self.targets.append(target)
        return len(data)


def test_without_a_target_nothing_is_sent_and_time_goes_on() -> None:
    wire = Wire()
    before = wire.sender.stream.timestamp
    assert not wire.sender.send(FRAME)
    assert wire.sender.stream.timestamp == (before + 160) & 0xFFFFFFFF
    assert wire.sent == []


def test_audio_follows_the_latch() -> None:
    wire = Wire()
    wire.latch.signalled(*TARGET, now=0.0)
    wire.sender.send(FRAME)
    wire.latch.heard(("198.51.100.7", 9), 0.0)
    wire.sender.send(FRAME)
    assert wire.targets == [TARGET, ("198.51.100.7", 9)]


def test_a_full_socket_costs_a_packet_and_not_the_call() -> None:
    wire = Wire()
    wire.latch.signalled(*TARGET, now=0.0)
    wire.down = True
    assert not wire.sender.send(FRAME)
    wire.down = False
    assert wire.sender.send(FRAME)
    assert wire.sender.errors == 1


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
def test_the_clock_is_right_at_every_packet_time(ptime_ms: int) -> None:
    wire = Wire(ptime_ms)
    wire.latch.signalled(*TARGET, now=0.0)
    for _ in range(30):
        wire.sender.send(FRAME)
    assert len(wire.sent) == 600 // ptime_ms
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(wire.sent)}
    assert steps == {ptime_ms * 8}
    assert b"".join(packet.payload for packet in wire.sent) == create_codec("PCMU", 8000).encode(FRAME) * 30


@pytest.mark.parametrize("ptime_ms", [0, 5, 200])
def test_packet_times_nobody_needs_are_brought_into_range(ptime_ms: int) -> None:
    wire = Wire(ptime_ms)
    wire.latch.signalled(*TARGET, now=0.0)
    for _ in range(3):
        wire.sender.send(FRAME)
    assert {len(packet.payload) for packet in wire.sent} <= {80, 480}


def test_keys_pause_while_the_call_is_on_hold() -> None:
    wire = Wire()
    wire.latch.signalled(*TARGET, now=0.0)
    wire.sender.send_digits("1", 100, 80)
    wire.sender.set_pacing(20, sending=False)
    for _ in range(20):
        wire.sender.send(None)
    assert wire.sent == []
    assert wire.sender.sending_digits
    wire.sender.set_pacing(20, sending=True)
    for _ in range(20):
        wire.sender.send(None)
    assert [packet.payload_type for packet in wire.sent].count(101) == 7
    assert wire.sender.digits_sent == ["1"]


def test_without_telephone_event_keys_are_refused() -> None:
    wire = Wire()
    wire.sender.set_payload_types(0, None, 8000)
    with pytest.raises(DigitsError):
        wire.sender.send_digits("1", 100, 80)
    assert not wire.sender.sending_digits
