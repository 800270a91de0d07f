import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtp
from media.rtp import RtpError, RtpPacket, RtpStream
from tests.media.golden import vectors


@given(
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.booleans(),
    st.binary(max_size=400),
)
def test_a_packet_survives_the_wire(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool, payload: bytes
) -> None:
    packet = RtpPacket(payload_type, sequence, timestamp, ssrc, marker, payload)
    assert rtp.parse(packet.serialize()) == packet


def test_csrc_list_extension_and_padding_are_skipped() -> None:
    first = 0x80 | 0x20 | 0x10 | 2
    header = bytes((first, 0x80 | 8)) + (5).to_bytes(2) + (1000).to_bytes(4) + (7).to_bytes(4)
    extension = bytes.fromhex("bede0001 10ff0000")
    packet = rtp.parse(header + bytes(8) + extension + b"audio" + b"\0\0\x03")
    assert (packet.payload, packet.payload_type, packet.marker, packet.sequence) == (b"audio", 8, True, 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        bytes((0x40,)) + bytes(20),  # version 1
        bytes((0x8F,)) + bytes(20),  # 15 CSRCs that are not there
        bytes((0x90,)) + bytes(11) + b"\0\0\0\x09",  # extension longer than the packet
        bytes((0xA0,)) + bytes(11) + b"\x09",  # padding longer than the payload
        bytes((0xA0,)) + bytes(12),  # padding of length 0
    ],
)
def test_what_is_no_rtp_is_refused(data: bytes) -> None:
    with pytest.raises(RtpError):
        rtp.parse(data)


@given(st.binary(max_size=60))
def test_any_datagram_parses_or_is_refused(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except RtpError:
        return
    assert len(packet.payload) <= len(data) - 12


def test_rtcp_on_the_same_port_is_told_apart_by_its_packet_type() -> None:
    assert rtp.is_rtcp(bytes((0x80, 200)) + bytes(6))
    assert not rtp.is_rtcp(bytes((0x80, 0x80)) + bytes(10))
    assert not rtp.is_rtcp(b"\x80")


def test_a_stream_counts_sequence_and_time_and_wraps_both() -> None:
    stream = RtpStream(0, ssrc=1, sequence=0xFFFF, timestamp=0xFFFFFFFF - 100)
    first, second = rtp.parse(stream.packet(b"x" * 160, 160)), rtp.parse(stream.packet(b"y" * 160, 160))
    assert (first.sequence, second.sequence) == (0xFFFF, 0)
    assert second.timestamp == (first.timestamp + 160) & 0xFFFFFFFF
    assert (stream.packets, stream.octets) == (2, 320)


def test_only_the_first_packet_of_a_talkspurt_bears_the_marker() -> None:
    stream = RtpStream(0)
    markers = [rtp.parse(stream.packet(b"", 160)).marker for _ in range(2)]
    stream.pause()
    stream.advance(1600)
    markers += [rtp.parse(stream.packet(b"", 160)).marker for _ in range(2)]
    assert markers == [True, False, True, False]


def test_time_runs_on_while_nothing_is_sent_but_the_sequence_does_not() -> None:
    stream = RtpStream(0, sequence=10, timestamp=0)
    stream.packet(b"", 160)
    stream.advance(800)
    packet = rtp.parse(stream.packet(b"", 160))
    assert (packet.sequence, packet.timestamp) == (11, 960)


def test_audio_after_an_event_begins_with_the_marker() -> None:
    stream = RtpStream(0)
    stream.packet(b"", 160)
    event = rtp.parse(stream.event_packet(b"1234", 101, 77, marker=True))
    assert (event.payload_type, event.timestamp, event.marker) == (101, 77, True)
    assert rtp.parse(stream.packet(b"", 160)).marker


GOLDEN = vectors("rtp")


@pytest.mark.parametrize("name", GOLDEN)
def test_headers_of_the_standard_are_read(name: str) -> None:
    packet = rtp.parse(GOLDEN[name])
    assert (packet.sequence, packet.timestamp, packet.ssrc) == (0x1234, 0x00010320, 0xDEADBEEF)
    assert packet.payload == (b"" if name == "only-padding" else bytes.fromhex("01020304"))
    expected = {"marker": (8, True), "everything": (101, True)}
    assert (packet.payload_type, packet.marker) == expected.get(name, (0, False))


def test_what_we_send_is_what_the_standard_writes() -> None:
    payload = bytes.fromhex("01020304")
    stream = RtpStream(0, ssrc=0xDEADBEEF, sequence=0x1233, timestamp=0x00010320 - 160)
    stream.packet(payload, 160)  # bears the marker
    assert stream.packet(payload, 160) == GOLDEN["plain"]
    first = RtpStream(8, ssrc=0xDEADBEEF, sequence=0x1234, timestamp=0x00010320)
    assert first.packet(payload, 160) == GOLDEN["marker"]
