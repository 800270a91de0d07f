"""Speech made shorter by one period of its voice (overlap-add in the time domain, as in WSOLA): the pitch
stays, and the seam lies where the signal repeats itself.
"""

from __future__ import annotations

import numpy as np

# What may be cut out at once: from the period of a high voice to that of a low one, or a few of a high one's.
SHORTEST_MS = 2.5
LONGEST_MS = 18
# Over so long the signal before the cut fades into that behind it.
SEAM_MS = 10


def without_a_period(pcm: bytes, rate: int) -> bytes:
    """`pcm` (s16le, 40 ms) without one stretch of 2.5 to 18 ms, that which is missed least."""
    audio = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    seam = rate * SEAM_MS // 1000
    shortest = int(rate * SHORTEST_MS / 1000)
    longest = min(rate * LONGEST_MS // 1000, len(audio) - seam)
    template = audio[:seam]
    behind = audio[shortest : longest + seam]
    likeness = np.correlate(behind, template, "valid")
    sums = np.concatenate(([0.0], np.cumsum(behind.astype(np.float64) ** 2)))
    energies = sums[seam:] - sums[:-seam]
    scores = likeness / np.sqrt(np.maximum(energies, 1.0))
    # The longest stretch that is nearly as good as the best: fewer cuts do less.
    period = (
        shortest + int(np.flatnonzero(scores >= 0.98 * scores.max())[-1]) if scores.max() > 0 else longest
    )
    rise = np.arange(1, seam + 1, dtype=np.float32) / (seam + 1)
    joined = template * (1 - rise) + audio[period : period + seam] * rise
    return bytes(np.rint(joined).astype("<i2").tobytes()) + pcm[2 * (period + seam) :]
