import pytest

from media.rtp_statistics import RtpReceiveStatistics


def receive(
    statistics: RtpReceiveStatistics, sequences: list[int], *, ssrc: int = 1, start: float = 0.0
) -> None:
    if statistics.ssrc != ssrc:
        statistics.begin(ssrc, sequences[0])
    for index, sequence in enumerate(sequences):
        statistics.received(sequence, index * 160, 160, start + index * 0.02)


def test_loss_is_what_was_expected_less_what_came() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [10, 11, 13, 14, 17])
    assert (statistics.packets, statistics.lost, statistics.octets) == (5, 3, 800)


def test_a_packet_out_of_order_is_not_lost() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [1, 3, 2, 4])
    assert (statistics.lost, statistics.out_of_order, statistics.highest_sequence) == (0, 1, 4)


@pytest.mark.parametrize("first", [65533, 65535, 0])
def test_the_sequence_is_extended_over_its_wrap(first: int) -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [(first + step) & 0xFFFF for step in range(5)])
    assert statistics.highest_sequence == first + 4
    assert statistics.lost == 0


def test_loss_across_the_wrap_is_counted() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [65534, 2])
    assert (statistics.lost, statistics.highest_sequence) == (3, 65538)


def test_the_fraction_is_that_of_the_interval() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [0, 1, 3])
    assert statistics.fraction_lost() == 64  # one of four
    receive(statistics, [4, 5])
    assert statistics.fraction_lost() == 0
    assert statistics.cumulative_lost == 1


def test_duplicates_can_make_the_reported_loss_negative_but_not_ours() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [0, 1, 1, 1])
    assert statistics.cumulative_lost == -2
    assert statistics.lost == 0
    assert statistics.fraction_lost() == 0


def test_even_arrivals_have_no_jitter() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, list(range(100)), start=1000.0)
    assert statistics.jitter_ms == pytest.approx(0.0, abs=0.01)


def test_jitter_follows_the_formula_of_the_standard() -> None:
    statistics = RtpReceiveStatistics(8000)
    statistics.begin(1, 0)
    expected = 0.0
    arrival = previous = 0.0
    for index in range(50):
        arrival = index * 0.02 + (0.004 if index % 2 else 0.0)
        statistics.received(index, index * 160, 160, arrival)
        if index:
            difference = abs((arrival - previous) * 8000 - 160)
            expected += (difference - expected) / 16
        previous = arrival
    assert statistics.jitter == int(expected)
    assert 3.5 < statistics.jitter_ms < 4.1


def test_a_pause_of_the_sender_and_a_wrapped_timestamp_are_no_jitter() -> None:
    statistics = RtpReceiveStatistics(8000)
    statistics.begin(1, 0)
    statistics.received(0, 0xFFFFFFFF - 159, 160, 0.0)
    statistics.received(1, 0, 160, 0.02)
    statistics.received(2, 160, 160, 30.0)
    statistics.received(3, 320, 160, 30.02)
    assert statistics.jitter_ms == pytest.approx(0.0, abs=0.01)


def test_another_source_begins_anew_and_keeps_the_totals() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [100, 102])
    receive(statistics, [7, 9], ssrc=2)
    assert (statistics.packets, statistics.lost, statistics.ssrc_changes) == (4, 2, 1)
    assert statistics.cumulative_lost == 1
    assert statistics.highest_sequence == 9


def test_a_sender_that_restarts_its_sequence_is_followed_from_the_second_packet_on() -> None:
    statistics = RtpReceiveStatistics(8000)
    receive(statistics, [1, 2, 3, 30000])
    assert statistics.lost == 0, "one stray packet must not count as thirty thousand lost"
    receive(statistics, [30001, 30002])
    assert (statistics.lost, statistics.highest_sequence) == (0, 30002)
