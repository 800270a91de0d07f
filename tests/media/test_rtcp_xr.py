"""Extended reports, from the layout of RFC 3611 and there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.rtcp_xr import (
    ExtendedReport,
    LastReference,
    ReferenceTime,
    VoipMetrics,
    XrError,
    parse_body,
    serialize_body,
)

# Section 4.7: block type 7, eight words, then each field in its place.
METRICS = bytes.fromhex(
    "07000008"
    "11223344"  # SSRC of source
    "0d06" "0000" "00000000"  # loss 5 %, discard 2.4 %; bursts and gaps not measured
    "0096" "0050"  # round trip 150 ms, end system delay 80 ms
    "7f7f7f10"  # signal and noise level, RERL unavailable; Gmin 16
    "507f2927"  # R 80, external R unavailable, MOS-LQ 4.1, MOS-CQ 3.9
    "f000" "0028" "0078" "00c8"  # buffer: enhanced, adaptive; 40, 120, 200 ms
)  # fmt: skip
PACKET = bytes.fromhex("80cf000a00000001") + METRICS
READ = VoipMetrics(
    ssrc=0x11223344,
    loss=13 / 256,
    discard=6 / 256,
    round_trip_ms=150,
    end_system_delay_ms=80,
    r_factor=80,
    mos_listening=4.1,
    mos_conversational=3.9,
    buffer_nominal_ms=40,
    buffer_maximum_ms=120,
    buffer_bound_ms=200,
)


def test_metrics_stand_where_the_standard_puts_them() -> None:
    assert rtcp.parse(PACKET) == [ExtendedReport(1, (READ,))]
    assert rtcp.serialize(ExtendedReport(1, (READ,))) == PACKET


def test_what_is_not_known_is_said_to_be_unavailable() -> None:
    unknown = VoipMetrics(ssrc=1, loss=0, discard=0)
    assert parse_body(serialize_body(ExtendedReport(1, (unknown,)))).blocks == (unknown,)
    assert rtcp.serialize(ExtendedReport(1, (unknown,)))[-16:-8].hex() == "7f7f7f107f7f7f7f"


def test_values_out_of_range_are_bounded() -> None:
    wild = VoipMetrics(ssrc=1, loss=3.0, discard=-1, round_trip_ms=1 << 20, r_factor=140, mos_listening=9.0)
    (read,) = parse_body(serialize_body(ExtendedReport(1, (wild,)))).blocks
    assert isinstance(read, VoipMetrics)
    assert (read.loss, read.discard, read.round_trip_ms) == (255 / 256, 0, 0xFFFF)
    assert (read.r_factor, read.mos_listening) == (100, 5.0)


def test_reference_times_go_there_and_back() -> None:
    report = ExtendedReport(9, (ReferenceTime(0x0123456789ABCDEF), LastReference(7, 0x456789AB, 65536)))
    assert rtcp.parse(rtcp.serialize(report)) == [report]


def test_blocks_that_nobody_knows_are_passed_over() -> None:
    strange = bytes.fromhex("0100000100000000")
    assert parse_body(bytes(4) + strange + METRICS).blocks == (READ,)


@pytest.mark.parametrize("cut", [1, 8, 20, 31])
def test_a_block_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(XrError):
        parse_body(bytes(4) + METRICS[:-cut])
    with pytest.raises(rtcp.RtcpError):
        rtcp.parse(bytes.fromhex("80cf0003000000010700000100000000"))


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        parse_body(body)
    except XrError:
        return
