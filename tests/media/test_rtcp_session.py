import pytest

from media import rtcp
from media.rtcp_session import RtcpSession
from media.rtp import RtpStream
from media.rtp_statistics import RtpReceiveStatistics

WALL = 1_700_000_000.0


def session() -> RtcpSession:
    return RtcpSession("someone", 5.0, now=0.0)


def test_reports_are_due_about_every_interval_and_not_all_at_once() -> None:
    first = {session().due_at for _ in range(20)}
    assert len(first) > 1
    assert all(1.25 <= due <= 3.75 for due in first)
    one = session()
    one.report(RtpStream(0), None, now=10.0, wall_clock=WALL)
    assert 12.5 <= one.due_at <= 17.5


def test_who_has_sent_nothing_sends_a_receiver_report() -> None:
    stream = RtpStream(0, ssrc=42)
    report, description = rtcp.parse(session().report(stream, None, 1.0, WALL))
    assert report == rtcp.ReceiverReport(42)
    assert description == rtcp.SourceDescription(42, "someone")


def test_a_sender_report_counts_what_was_sent_and_reports_what_came() -> None:
    stream = RtpStream(0, ssrc=42, timestamp=1000)
    stream.packet(b"x" * 160, 160)
    received = RtpReceiveStatistics(8000)
    received.begin(7, 1)
    for sequence in (1, 2, 4, 5):
        received.received(sequence, sequence * 160, 160, sequence * 0.02)
    report = rtcp.parse(session().report(stream, received, 1.0, WALL))[0]
    assert isinstance(report, rtcp.SenderReport)
    assert (report.packets, report.octets, report.rtp_timestamp) == (1, 160, 1160)
    block = report.reports[0]
    assert (block.ssrc, block.cumulative_lost, block.fraction_lost, block.highest_sequence) == (7, 1, 51, 5)


def test_the_round_trip_is_found_from_our_own_report_coming_back() -> None:
    ours, theirs = session(), session()
    stream, other = RtpStream(0, ssrc=1), RtpStream(0, ssrc=2)
    stream.packet(b"", 160)
    heard = RtpReceiveStatistics(8000)
    heard.begin(1, 0)
    heard.received(0, 0, 0, 0.0)
    theirs.receive(ours.report(stream, None, 0.0, WALL), other, now=50.010, wall_clock=WALL + 0.010)
    back = theirs.report(other, heard, now=50.210, wall_clock=WALL + 0.210)
    ours.receive(back, stream, now=0.220, wall_clock=WALL + 0.220)
    assert ours.round_trip_ms == pytest.approx(20.0, abs=0.1)


def test_loss_reported_by_the_far_party_is_kept() -> None:
    ours = session()
    block = rtcp.ReportBlock(1, 64, 12, 99, 80, 0, 0)
    ours.receive(rtcp.serialize(rtcp.ReceiverReport(9, (block,))), RtpStream(0, ssrc=1), 0.0, WALL)
    assert (ours.remote_loss_fraction, ours.remote_lost, ours.remote_jitter) == (0.25, 12, 80)


def test_a_report_about_somebody_else_is_ignored() -> None:
    ours = session()
    block = rtcp.ReportBlock(555, 64, 12, 99, 80, 0, 0)
    ours.receive(rtcp.serialize(rtcp.ReceiverReport(9, (block,))), RtpStream(0, ssrc=1), 0.0, WALL)
    assert ours.remote_loss_fraction is None


def test_garbage_is_counted() -> None:
    ours = session()
    ours.receive(b"\x80\xc8\x00\x30", RtpStream(0), 0.0, WALL)
    assert (ours.malformed, ours.reports_received) == (1, 0)


def test_the_last_report_says_goodbye() -> None:
    stream = RtpStream(0, ssrc=42)
    assert rtcp.parse(session().goodbye(stream, None, 1.0, WALL))[-1] == rtcp.Goodbye((42,))
