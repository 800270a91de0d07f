from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import create_codec
from media.dtmf import Digit
from media.latching import Latch, Source
from media.rtp import RtpPacket
from media.rtp_receiver import RtpReceiver
from tests.support.audio import tone

CALLER: Source = ("192.0.2.1", 4000)
LOUD = create_codec("PCMU", 8000).encode(tone(400, 20).tobytes())


class Wire:
    """Feeds a receiver with datagrams."""

    def __init__(self, *, negotiated: bool = True) -> None:
        self.waiting: list[tuple[bytes, Source]] = []
        self.digits: list[Digit] = []
        self.first: list[Source] = []
        self.reports: list[bytes] = []
        self.others: list[bytes] = []
        self.receiver = RtpReceiver(
            self._receive_from,
            Latch(silence_s=2.0, relatch_silence_s=0.3),
            200,
            first_packet=lambda source, now: self.first.append(source),
            digit=self.digits.append,
            rtcp_received=lambda data, source, now: self.reports.append(data),
            other_than_rtp=self._other_than_rtp,
        )
        if negotiated:
            self.receiver.set_codec(create_codec("PCMU", 8000))
            self.receiver.set_payload_types(0, 101, 8000)
            self.receiver.set_expecting(True)

    def _receive_from(self, size: int) -> tuple[bytes, Any]:
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(0)

    def _other_than_rtp(self, data: bytes, source: Source, now: float) -> bool:
        self.others.append(data)
        return data[0] < 64

    def put(self, data: bytes, source: Source = CALLER, now: float = 0.0) -> None:
        self.waiting.append((data, source))
        self.receiver.readable(now)

    def heard(self) -> bool:
        frame = self.receiver.frame(0.0)
        return frame is not None and bool(np.frombuffer(frame, dtype="<i2").any())


def packet(sequence: int, *, payload: bytes = LOUD, payload_type: int = 0, ssrc: int = 1) -> bytes:
    return RtpPacket(payload_type, sequence, sequence * 160, ssrc, False, payload).serialize()


def test_an_empty_socket_is_no_error() -> None:
    wire = Wire()
    wire.receiver.readable(0.0)
    assert wire.receiver.malformed == 0


def test_a_header_with_an_extension_does_not_stop_the_audio() -> None:
    wire = Wire()
    plain = packet(1)
    wire.put(bytes((0x90,)) + plain[1:12] + bytes.fromhex("bede0001 10ff0000") + plain[12:])
    assert wire.heard()


def test_audio_with_the_marker_is_audio() -> None:
    wire = Wire()
    wire.put(packet(1))
    marked = bytearray(packet(2))
    marked[1] |= 0x80
    wire.put(bytes(marked))
    assert wire.heard()
    assert wire.heard()
    assert wire.first == [CALLER]


def test_a_payload_that_is_no_audio_is_counted() -> None:
    wire = Wire()
    wire.put(packet(1, payload=b""))
    assert wire.receiver.malformed == 1


def test_reports_on_the_same_port_are_passed_on() -> None:
    wire = Wire()
    wire.put(bytes((0x80, 201, 0, 1, 0, 0, 0, 9)) + bytes(4))
    assert len(wire.reports) == 1
    assert wire.receiver.wrong_payload_type == 0


def test_each_stream_of_the_caller_is_counted_by_itself() -> None:
    wire = Wire()
    for sequence in (1, 2):
        wire.put(packet(sequence))
    for sequence in (50_000, 50_001):
        wire.put(packet(sequence, ssrc=2))
    assert wire.receiver.received.packets == 4
    assert wire.receiver.received.lost == 0


def test_another_codec_in_mid_call_is_heard_at_once() -> None:
    wire = Wire()
    wire.put(packet(1))
    wire.receiver.set_codec(create_codec("PCMA", 8000))
    wire.receiver.set_payload_types(8, 101, 8000)
    a_law = create_codec("PCMA", 8000).encode(tone(400, 20).tobytes())
    wire.put(packet(2))
    wire.put(packet(3, payload=a_law, payload_type=8))
    assert wire.receiver.wrong_payload_type == 1
    assert wire.receiver.frame(0.0) == create_codec("PCMA", 8000).decode(a_law)
    assert wire.receiver.received.packets == 2


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_datagram_of_anybody_breaks_the_receiver(datagrams: list[bytes]) -> None:
    wire = Wire()
    for data in datagrams:
        wire.put(data)
        wire.put(bytes((0x80,)) + data)
    wire.put(packet(1, ssrc=77))
    frame = wire.receiver.frame(0.0)
    assert frame is None or len(frame) == 320


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.binary(max_size=480)), max_size=30
    )
)
def test_any_order_of_sequence_and_time_keeps_the_frames_coming(
    packets: list[tuple[int, int, bytes]],
) -> None:
    wire = Wire()
    for sequence, timestamp, payload in packets:
        wire.put(RtpPacket(0, sequence, timestamp, 1, False, payload).serialize())
        frame = wire.receiver.frame(0.0)
        assert frame is None or len(frame) == 320
    assert wire.receiver.inbound.buffer.depth <= 1600


def test_stun_and_dtls_go_their_own_way_at_any_time() -> None:
    for wire in (Wire(negotiated=False), Wire()):
        stun, dtls = bytes([0, 1]) + bytes(18), bytes([22, 0xFE, 0xFD]) + bytes(40)
        wire.put(stun)
        wire.put(dtls)
        assert wire.others == [stun, dtls]
        assert wire.receiver.malformed == 0
        assert not wire.first
        wire.put(bytes([200]) * 40)
        assert wire.receiver.malformed == 1
