"""Is a tone steady? A frame that was lost, doubled or late shows in its phase, a hole in its level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.support.audio import RATE, Samples, loud_spans

FRAME = 160  # samples of 20 ms
LARGEST_TURN = 0.35  # radians away from the steady course
DIP = 0.7  # of the median level


@dataclass(frozen=True, slots=True)
class ToneReport:
    """How pure, how loud and how steady a tone is."""

    amplitude: float
    purity: float  # share of the energy that is at the frequency, 0..1
    phase_jumps: int  # 20 ms steps at which the phase leaves its course
    dips: int  # 20 ms steps much quieter than the rest


def examine_tone(samples: Samples, frequency: float) -> ToneReport:
    """Examine `samples` (8 kHz), which should be nothing but that tone.

    A frequency whose period does not divide 20 ms (1013 Hz, not 1000) is needed to see a missing frame.
    """
    steps = len(samples) // FRAME
    used = samples[: steps * FRAME].astype(np.float64)
    time = np.arange(len(used)) / RATE
    vectors = 2 * (used * np.exp(-2j * np.pi * frequency * time)).reshape(steps, FRAME).mean(axis=1)
    amplitudes = np.abs(vectors)
    level = float(np.median(amplitudes))
    energy = float(np.mean(np.square(used)))
    turns = np.angle(vectors[1:] * np.conj(vectors[:-1]))
    course = np.median(turns)  # two clocks differ a little: a steady drift is no jump
    away = np.abs(np.angle(np.exp(1j * (turns - course))))
    return ToneReport(
        amplitude=level,
        purity=float(np.mean(np.square(amplitudes)) / 2 / energy) if energy else 0.0,
        phase_jumps=int(np.sum(away > LARGEST_TURN)),
        dips=int(np.sum(amplitudes < DIP * level)),
    )


def loud_part(samples: Samples, threshold_dbfs: float = -45.0) -> Samples:
    """From the first to the last moment above the threshold; nothing when there is none."""
    spans = loud_spans(samples, threshold_dbfs=threshold_dbfs)
    if not spans:
        return samples[:0]
    return samples[round(spans[0].start_ms * RATE / 1000) : round(spans[-1].end_ms * RATE / 1000)]


def seconds(samples: Samples) -> float:
    return len(samples) / RATE
