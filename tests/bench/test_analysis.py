"""The figures of made-up recordings whose answer is known."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bench.analysis import Recording, analyse, one_way_ms, spread
from bench.markers import PACKETS_BETWEEN_MARKS, mark_payloads, noise_payloads

MS = 1_000_000
SECOND = 1000 * MS
START = 1_700_000_000 * SECOND
MARKS = mark_payloads()
NOISE = noise_payloads()


def echoed(
    *,
    seconds: int = 6,
    delay_ms: float = 45.0,
    growth_ms_per_s: float = 0.0,
    lost: tuple[int, ...] = (),
    first_sequence: int = 65_500,
    jitter_ms: tuple[float, ...] = (0.0,),
) -> Recording:
    """One call whose packets came back after a delay that may grow."""
    recording = Recording(setup_ms=20.0)
    for index in range(seconds * 50):
        sent = START + index * 20 * MS
        mark = index % PACKETS_BETWEEN_MARKS == 3
        payload = MARKS[len(recording.marks_sent) % 256] if mark else NOISE[index % 50]
        if mark:
            recording.marks_sent.append(sent)
        recording.packets_sent += 1
        if index in lost:
            continue
        late = delay_ms + growth_ms_per_s * index / 50 + jitter_ms[index % len(jitter_ms)]
        header = struct.pack("!BBHII", 0x80, 0, (first_sequence + index) & 0xFFFF, index * 160, 7)
        recording.packets.append(header + payload)
        recording.arrivals.append(sent + int(late * MS))
    return recording


def test_even_echo_has_its_delay_and_no_deviation() -> None:
    figures = analyse([echoed(), echoed(first_sequence=5)], START + SECOND, START + 5 * SECOND)
    assert figures.packets_per_second == pytest.approx(50, abs=0.26)
    assert figures.packets_lost == 0
    assert figures.spacing_deviation_ms is not None
    assert figures.spacing_deviation_ms.maximum == pytest.approx(0, abs=0.001)
    assert figures.round_trip_ms is not None
    assert figures.round_trip_ms.p50 == pytest.approx(45, abs=0.001)
    assert figures.round_trip_drift_ms == pytest.approx(0, abs=0.001)
    assert (figures.marks_sent, figures.marks_lost) == (12, 0)


def test_growing_delay_is_seen_as_drift() -> None:
    figures = analyse([echoed(growth_ms_per_s=2.0)], START, START + 6 * SECOND)
    assert figures.round_trip_drift_ms == pytest.approx(6.7, abs=1.1)  # 3.3 s lie between the thirds


def test_lost_packets_are_counted_across_the_wrap_and_not_as_deviation() -> None:
    lost = (20, 35, 36, 37, 100)
    figures = analyse([echoed(lost=lost)], START, START + 6 * SECOND)
    assert figures.packets_lost == 5
    assert figures.spacing_deviation_ms is not None
    assert figures.spacing_deviation_ms.maximum == pytest.approx(0, abs=0.001)


def test_lost_mark_is_counted() -> None:
    figures = analyse([echoed(lost=(3 + 2 * PACKETS_BETWEEN_MARKS,))], START, START + 6 * SECOND)
    assert figures.marks_lost == 1


def test_alternating_spacing_is_the_deviation() -> None:
    figures = analyse([echoed(jitter_ms=(0.0, 3.0))], START, START + 6 * SECOND)
    assert figures.spacing_deviation_ms is not None
    assert figures.spacing_deviation_ms.p50 == pytest.approx(3, abs=0.001)


def test_reordered_packets_are_counted_and_their_audio_is_put_right() -> None:
    recording = echoed()
    recording.packets[60], recording.packets[61] = recording.packets[61], recording.packets[60]
    figures = analyse([recording], START, START + 6 * SECOND)
    assert figures.packets_out_of_order == 1
    assert figures.packets_lost == 0
    assert figures.marks_lost == 0


def test_stream_shifted_by_some_samples_is_measured_to_the_sample() -> None:
    recording = echoed()
    whole = b"\xff" * 40 + b"".join(packet[12:] for packet in recording.packets)
    recording.packets = [
        packet[:12] + whole[index * 160 : (index + 1) * 160] for index, packet in enumerate(recording.packets)
    ]
    figures = analyse([recording], START, START + 6 * SECOND)
    assert figures.round_trip_ms is not None
    assert figures.round_trip_ms.p50 == pytest.approx(45 + 5, abs=0.001)


def test_numbers_of_marks_may_come_round() -> None:
    recording = echoed(seconds=140)
    assert len(recording.marks_sent) > 256
    figures = analyse([recording], START, START + 140 * SECOND)
    assert figures.marks_lost == 0
    assert figures.round_trip_ms is not None
    assert figures.round_trip_ms.maximum == pytest.approx(45, abs=0.001)


def test_call_without_audio_lowers_the_worst_rate_to_nothing() -> None:
    silent = Recording(marks_sent=[START + SECOND])
    figures = analyse([echoed(), silent], START, START + 6 * SECOND)
    assert figures.packets_per_second_worst == 0
    assert figures.calls_without_audio == 1
    assert figures.marks_lost == 1


def test_no_calls_have_no_figures() -> None:
    figures = analyse([], START, START + SECOND)
    assert figures.packets_per_second == 0
    assert figures.round_trip_ms is None


def test_spread_of_a_hundred_values() -> None:
    values = spread(np.arange(1, 101, dtype=np.float64))
    assert values is not None
    assert (values.p50, values.p99, values.maximum, values.count) == (50.5, 99.01, 100.0, 100)
    assert spread([]) is None


def test_delay_to_the_engine_is_counted_from_the_last_mark_of_that_number() -> None:
    sent = {"+1": [n * 500_000_000 for n in range(300)]}
    again = 256 * 500_000_000  # mark 0 for the second time
    heard = {"+1": [(0, 13_000_000), (0, again + 20_000_000)], "+2": [(0, 5)]}
    assert one_way_ms(sent, heard) == [13.0, 20.0]
