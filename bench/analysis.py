"""From what was sent and received to the figures of a run. Pure functions over recordings; times are
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from bench.audio_formats import PCMU, AudioFormat
from bench.markers import NO_NUMBER, NUMBERS, PACKET_MS

HEADER_BYTES = 12
# A mark may take so long to come back; those sent later in the window are left out.
GRACE_NS = 1_000_000_000
Integers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Recording:
    """One call: every packet received with its capture time, and when each mark was sent."""

    packets: list[bytes] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    marks_sent: list[int] = field(default_factory=list)  # the n-th mark's packet left at this time
    packets_sent: int = 0
    setup_ms: float | None = None
    audio: AudioFormat = PCMU


class Spread(msgspec.Struct, frozen=True):
    """A distribution in brief."""

    p50: float
    p95: float
    p99: float
    maximum: float
    count: int


class AudioFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the callers of one run got, over the steady window."""

    packets_per_second: float  # returned, per call
    packets_per_second_worst: float  # of the call that got fewest
    packets_lost: int
    packets_out_of_order: int
    spacing_deviation_ms: Spread | None  # |spacing - 20 ms| of packets with consecutive numbers
    round_trip_ms: Spread | None  # of the caller's audio: from a packet sent to the same audio received
    round_trip_first_third_ms: float | None  # medians: they differ when delay grows
    round_trip_last_third_ms: float | None
    round_trip_drift_ms: float | None
    marks_sent: int
    marks_lost: int
    calls_without_audio: int


def spread(values: Sequence[float] | npt.NDArray[np.float64]) -> Spread | None:
    """Percentiles, or None of nothing."""
    if len(values) == 0:
        return None
    p50, p95, p99 = np.percentile(values, (50, 95, 99)).tolist()
    return Spread(round(p50, 3), round(p95, 3), round(p99, 3), round(float(np.max(values)), 3), len(values))


@dataclass(frozen=True, slots=True)
class _Call:
    """One call's share of the figures."""

    packets: int
    lost: int
    out_of_order: int
    deviations_ms: npt.NDArray[np.float64]
    marks_sent: int
    trips: list[tuple[int, float]]  # sent at, milliseconds


def _measure(recording: Recording, start: int, end: int, *, decode: bool) -> _Call:
    arrivals = np.array(recording.arrivals, dtype=np.int64)
    inside = (arrivals >= start) & (arrivals < end)
    sequence = np.array([packet[2] << 8 | packet[3] for packet in recording.packets], dtype=np.int64)
    marks_sent = recording.marks_sent if decode else []
    due = [n for n, sent in enumerate(marks_sent) if start <= sent < end - GRACE_NS]
    if not inside.any():
        return _Call(0, 0, 0, np.zeros(0), len(due), [])
    # 16-bit numbers to a running count, against the first one.
    running = (sequence - sequence[0] + 0x8000 & 0xFFFF) - 0x8000
    wraps = np.cumsum(np.diff(running, prepend=running[0]) < -0x8000) - np.cumsum(
        np.diff(running, prepend=running[0]) > 0x8000
    )
    running = running + wraps * 0x10000
    window = running[inside]
    unique = np.unique(window)
    lost = int(unique[-1] - unique[0] + 1 - len(unique))
    steps = np.diff(window)
    spacing = np.diff(arrivals[inside]) / 1e6
    deviations = np.abs(spacing[steps == 1] - PACKET_MS)
    return _Call(
        len(window),
        lost,
        int((steps < 0).sum()),
        deviations,
        len(due),
        _round_trips(recording, running, due) if decode else [],
    )


def _round_trips(
    recording: Recording, running: npt.NDArray[np.int64], due: list[int]
) -> list[tuple[int, float]]:
    """For each mark that came back: when it was sent, and how many milliseconds later it was received.

    The offset of the onset within its packet is counted, since that sample is played so much later; the 20 ms
    that a packet takes to fill before it is sent are not, on either side.
    """
    _, order = np.unique(running, return_index=True)
    payloads = [recording.packets[index][HEADER_BYTES:] for index in order.tolist()]
    trips = []
    waiting = set(due)
    audio = recording.audio
    for found in audio.find(payloads):
        packet, offset = divmod(found.sample, audio.packet_samples)
        if packet >= len(payloads):
            continue
        received = recording.arrivals[int(order[packet])] + offset * 1_000_000_000 // audio.rate
        # Numbers come round again: the last mark of this number that was sent before. Without a number it is
        # the last mark at all, which holds for delays below the half second between two.
        every = NUMBERS if found.number != NO_NUMBER else 1
        same = range(max(found.number, 0), len(recording.marks_sent), every)
        sent = [n for n in same if recording.marks_sent[n] <= received]
        if sent and sent[-1] in waiting:
            waiting.remove(sent[-1])
            left = recording.marks_sent[sent[-1]]
            trips.append((left, (received - left) / 1e6))
    return trips


def analyse(
    recordings: Sequence[Recording], start: int, end: int, *, decoded: int | None = None
) -> AudioFigures:
    """Figures of all calls between two moments, which are more than a second apart. Marks are looked for in
    the first `decoded` calls, or in all.
    """
    seconds = (end - start) / 1e9
    first = len(recordings) if decoded is None else decoded
    calls = [
        _measure(recording, start, end, decode=index < first) for index, recording in enumerate(recordings)
    ]
    trips = [trip for call in calls for trip in call.trips]
    third = (end - GRACE_NS - start) // 3
    begin = [ms for sent, ms in trips if sent < start + third]
    last = [ms for sent, ms in trips if sent >= end - GRACE_NS - third]
    early = float(np.median(begin)) if begin else None
    late = float(np.median(last)) if last else None
    rates = [call.packets / seconds for call in calls]
    marks = sum(call.marks_sent for call in calls)
    return AudioFigures(
        packets_per_second=round(float(np.mean(rates)), 3) if rates else 0.0,
        packets_per_second_worst=round(min(rates), 3) if rates else 0.0,
        packets_lost=sum(call.lost for call in calls),
        packets_out_of_order=sum(call.out_of_order for call in calls),
        spacing_deviation_ms=spread(np.concatenate([call.deviations_ms for call in calls]) if calls else []),
        round_trip_ms=spread([ms for _, ms in trips]),
        round_trip_first_third_ms=None if early is None else round(early, 3),
        round_trip_last_third_ms=None if late is None else round(late, 3),
        round_trip_drift_ms=None if early is None or late is None else round(late - early, 3),
        marks_sent=marks,
        marks_lost=marks - len(trips),
        calls_without_audio=sum(call.packets == 0 for call in calls),
    )


def one_way_ms(
    marks_sent: Mapping[str, Sequence[int]], heard: Mapping[str, Sequence[tuple[int, int]]]
) -> list[float]:
    """How long each mark took from its caller to the engine. By the caller's number: when its n-th mark was
    sent, and which marks came when (number, nanoseconds). The last one sent before counts.
    """
    delays = []
    for caller, arrivals in heard.items():
        sent = marks_sent.get(caller, ())
        for number, at in arrivals:
            before = [n for n in range(number, len(sent), NUMBERS) if sent[n] <= at]
            if before:
                delays.append((at - sent[before[-1]]) / 1e6)
    return delays
