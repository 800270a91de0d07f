import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.rtcp import Goodbye, ReceiverReport, ReportBlock, RtcpError, SenderReport, SourceDescription
from tests.media.golden import vectors

words = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock, words, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), words, words, words, words
)
reports = st.lists(blocks, max_size=3).map(tuple)
packets = st.one_of(
    st.builds(SenderReport, words, st.integers(0, 2**64 - 1), words, words, words, reports),
    st.builds(ReceiverReport, words, reports),
    st.builds(SourceDescription, words, st.text("abc@.-", max_size=40)),
    st.builds(Goodbye, st.lists(words, min_size=1, max_size=4).map(tuple)),
)


@given(st.lists(packets, min_size=1, max_size=4))
def test_a_compound_packet_survives_the_wire(compound: list[rtcp.RtcpPacket]) -> None:
    data = rtcp.serialize(*compound)
    assert len(data) % 4 == 0
    assert rtcp.parse(data) == compound


def test_unknown_packets_are_skipped() -> None:
    of_an_application = bytes((0x80, 204, 0, 1)) + bytes(4)
    assert rtcp.parse(rtcp.serialize(ReceiverReport(5)) + of_an_application) == [ReceiverReport(5)]


@pytest.mark.parametrize(
    "data",
    [
        bytes(3),
        bytes((0x80, 200, 0, 20)) + bytes(8),  # says more than there is
        bytes((0x40, 200, 0, 1)) + bytes(4),  # version 1
        bytes((0x80, 200, 0, 1)) + bytes(4),  # a sender report without sender information
        bytes((0x81, 201, 0, 1)) + bytes(4),  # a report block that is not there
        bytes((0x80, 0, 0, 1)) + bytes(4),  # RTP
    ],
)
def test_what_is_no_rtcp_is_refused(data: bytes) -> None:
    with pytest.raises(RtcpError):
        rtcp.parse(data)


@given(st.binary(max_size=80))
def test_any_datagram_parses_or_is_refused(data: bytes) -> None:
    try:
        assert len(rtcp.parse(data)) <= len(data) // 4
    except RtcpError:
        pass


def test_the_round_trip_of_the_standard_s_example() -> None:
    # RFC 3550, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000 give 6.125 s.
    block = ReportBlock(1, 0, 0, 0, 0, 0xB7052000, 0x00054000)
    assert rtcp.round_trip_s(block, 0xB7108000 << 16) == 6.125


def test_a_report_without_a_sender_report_tells_no_round_trip() -> None:
    assert rtcp.round_trip_s(ReportBlock(1, 0, 0, 0, 0, 0, 0), 0xB7108000 << 16) is None


def test_a_clock_that_runs_ahead_gives_no_negative_round_trip() -> None:
    block = ReportBlock(1, 0, 0, 0, 0, 0xB7108000, 10)
    assert rtcp.round_trip_s(block, 0xB7108000 << 16) == 0.0


def test_an_absurd_round_trip_is_not_believed() -> None:
    assert rtcp.round_trip_s(ReportBlock(1, 0, 0, 0, 0, 1, 0), (100 << 16 | 0) << 16) is None


def test_ntp_time_counts_from_1900() -> None:
    assert rtcp.ntp_timestamp(0.5) == (2_208_988_800 << 32) + (1 << 31)


GOLDEN = vectors("rtcp")
SSRC, OTHER = 0xDEADBEEF, 0xCAFEBABE
STANDARD: dict[str, list[rtcp.RtcpPacket]] = {
    "sender-report": [
        SenderReport(
            SSRC,
            ntp_timestamp=rtcp.ntp_timestamp(0.5),
            rtp_timestamp=0x00010320,
            packets=1000,
            octets=160_000,
            reports=(ReportBlock(OTHER, 64, 25, 0x1ABCD, 40, 0xB7052000, 0x00054000),),
        )
    ],
    "receiver-report-empty": [ReceiverReport(SSRC)],
    "receiver-report-two": [
        ReceiverReport(
            SSRC,
            (
                ReportBlock(0x11111111, 0, -1, 16, 0, 0, 0),
                ReportBlock(0x22222222, 255, 0x7FFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0xFFFFFFFF),
            ),
        )
    ],
    "description": [SourceDescription(SSRC, "a@b.exam")],
    "description-cname-second": [SourceDescription(SSRC, "x@z")],
    "goodbye": [Goodbye((SSRC,))],
    "goodbye-reason": [Goodbye((SSRC, OTHER))],
    "padded-report": [ReceiverReport(SSRC)],
}


@pytest.mark.parametrize("name", STANDARD)
def test_packets_of_the_standard_are_read(name: str) -> None:
    assert rtcp.parse(GOLDEN[name]) == STANDARD[name]


@pytest.mark.parametrize("name", ["sender-report", "receiver-report-empty", "receiver-report-two", "goodbye"])
def test_what_we_send_is_what_the_standard_writes(name: str) -> None:
    assert rtcp.serialize(*STANDARD[name]) == GOLDEN[name]


def test_a_compound_of_the_standard_is_read_whatever_else_it_holds() -> None:
    order = ["sender-report", "description", "application", "feedback", "goodbye-reason"]
    compound = b"".join(GOLDEN[name] for name in order)
    known = STANDARD["sender-report"] + STANDARD["description"] + STANDARD["goodbye-reason"]
    found = rtcp.parse(compound)
    assert [packet for packet in found if packet in known] == known
