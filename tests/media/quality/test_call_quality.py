import pytest

from media.quality.call_quality import HISTORY_POINTS, MIN_PACKETS, WINDOW_S, CallQuality, StreamCounters
from media.quality.e_model import impairment_of

G711 = impairment_of("PCMU", 8000)


def counters(
    packets: int,
    lost: int = 0,
    *,
    gaps: int | None = None,
    discarded: int = 0,
    jitter_ms: float = 1.0,
    buffer_ms: float = 20.0,
    round_trip_ms: float | None = None,
) -> StreamCounters:
    return StreamCounters(
        packets=packets,
        lost=lost,
        gaps=lost if gaps is None else gaps,
        discarded=discarded,
        jitter_ms=jitter_ms,
        buffer_ms=buffer_ms,
        round_trip_ms=round_trip_ms,
    )


def test_a_clean_stream_is_as_good_as_g711_can_be() -> None:
    quality = CallQuality(0.0)
    quality.sample(WINDOW_S, counters(250), G711)
    assert quality.mos_now == pytest.approx(4.41, abs=0.01)
    assert quality.mos_min == quality.mos_now == quality.mos_average


def test_now_worst_and_average_are_told_apart() -> None:
    quality = CallQuality(0.0)
    quality.sample(5, counters(250), G711)
    quality.sample(10, counters(475, 25), G711)
    quality.sample(15, counters(725, 25), G711)
    assert quality.mos_now == pytest.approx(4.41, abs=0.01)
    assert quality.mos_min is not None
    assert quality.mos_min < 3.6
    assert quality.mos_average is not None
    assert quality.mos_min < quality.mos_average < quality.mos_now
    assert quality.windows == 3


def test_a_packet_that_came_too_late_is_as_lost_as_one_that_never_came() -> None:
    lost, late = CallQuality(0.0), CallQuality(0.0)
    lost.sample(5, counters(240, 10), G711)
    late.sample(5, counters(250, discarded=10), G711)
    assert late.mos_now == pytest.approx(lost.mos_now, abs=0.01)


def test_bursts_and_delay_cost_more_than_single_losses() -> None:
    single, bursts, delayed = CallQuality(0.0), CallQuality(0.0), CallQuality(0.0)
    single.sample(5, counters(240, 10), G711)
    bursts.sample(5, counters(240, 10, gaps=2), G711)
    delayed.sample(5, counters(240, 10, round_trip_ms=600), G711)
    assert single.mos_now is not None
    assert bursts.mos_now is not None
    assert delayed.mos_now is not None
    assert bursts.mos_now < single.mos_now
    assert delayed.mos_now < single.mos_now


def test_a_window_without_packets_is_not_rated() -> None:
    quality = CallQuality(0.0)
    quality.sample(5, counters(250), G711)
    quality.sample(10, counters(250 + MIN_PACKETS - 1), G711)
    assert quality.windows == 1


def test_what_was_lost_on_hold_does_not_count() -> None:
    quality = CallQuality(0.0)
    quality.sample(5, counters(250), G711)
    quality.restart(10, counters(250, 200))
    quality.sample(15, counters(500, 200), G711)
    assert quality.mos_min == pytest.approx(4.41, abs=0.01)


def test_a_call_shorter_than_a_window_is_rated_when_it_is_asked_for() -> None:
    quality = CallQuality(0.0)
    assert not quality.due(4.9)
    quality.settle(counters(100), G711)
    assert quality.mos_now == pytest.approx(4.41, abs=0.01)
    assert quality.windows == 1
    assert quality.due(10.1)


def test_the_worst_jitter_and_the_deepest_buffer_are_kept() -> None:
    quality = CallQuality(0.0)
    quality.sample(5, counters(250, jitter_ms=30, buffer_ms=80), G711)
    quality.sample(10, counters(500, jitter_ms=2, buffer_ms=20), G711)
    assert quality.jitter_max_ms == 30
    assert quality.buffer_max_ms == 80


def test_the_course_of_a_call_is_kept_and_a_long_call_costs_no_more() -> None:
    quality = CallQuality(100.0)
    packets = lost = 0
    for window in range(1, 1_001):
        bad = window > 500
        packets, lost = packets + (200 if bad else 250), lost + (50 if bad else 0)
        quality.sample(100.0 + window * WINDOW_S, counters(packets, lost, jitter_ms=window), G711)
    points = quality.history
    assert HISTORY_POINTS / 2 <= len(points) <= HISTORY_POINTS
    assert points == sorted(points, key=lambda point: point.t)
    assert points[-1].t > 0.9 * 1_000 * WINDOW_S
    assert points[0].loss == 0
    assert points[-1].loss == pytest.approx(0.2)
    assert points[0].mos > 4.3 > 3.5 > points[-1].mos
    assert points[-1].jitter_ms > points[0].jitter_ms
    assert points[-1].buffer_ms == 20


def test_a_short_call_has_a_point_for_each_window() -> None:
    quality = CallQuality(0.0)
    for window in range(1, 4):
        quality.sample(window * WINDOW_S, counters(250 * window), G711)
    assert [point.t for point in quality.history] == [5.0, 10.0, 15.0]
