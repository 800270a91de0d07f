"""What arrived of what was said, piece by piece: how late each piece is and how alike, and whether it
clicks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.support.audio import Samples, find, level_dbfs

PIECE_MS = 200
SEARCH_MS = 300  # how far the delay may move from one piece to the next


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of what was said, and where it was found; milliseconds."""

    start_ms: float
    delay_ms: float
    likeness: float  # correlation, 0 to 1


def pieces(said: Samples, heard: Samples, rate: int, *, quiet_dbfs: float = -35.0) -> list[Piece]:
    """The pieces of `said` that are loud enough to be recognised."""
    size = PIECE_MS * rate // 1000
    loud = [
        at for at in range(0, len(said) - size + 1, size) if level_dbfs(said[at : at + size]) > quiet_dbfs
    ]
    assert loud, "nothing was said"
    # The first second is sought everywhere, each piece then near where the one before it was.
    place, _ = find(said[loud[0] : loud[0] + rate], heard, rate)
    delay = place - loud[0] * 1000 / rate
    found: list[Piece] = []
    for at in loud:
        start = max(0, round(at + (delay - SEARCH_MS) * rate / 1000))
        window = heard[start : round(at + (delay + SEARCH_MS) * rate / 1000) + size]
        within, likeness = find(said[at : at + size], window, rate)
        here = (start - at) * 1000 / rate + within
        found.append(Piece(at * 1000 / rate, here, likeness))
        if likeness > 0.8:
            delay = here
    return found


def untouched(found: list[Piece], lost_ms: list[float], *, before_ms: float, after_ms: float) -> list[Piece]:
    """The pieces that no lost packet could have changed: none from `before_ms` in front of the piece (what a
    decoder or a concealment needs to find back) to `after_ms` behind it.
    """
    return [
        piece
        for piece in found
        if not any(
            piece.start_ms - before_ms <= lost < piece.start_ms + PIECE_MS + after_ms for lost in lost_ms
        )
    ]


def largest_bend(samples: Samples) -> float:
    """The largest second difference, as a share of the peak: a click is a bend that the tone itself lacks."""
    wave = samples.astype(np.float64)
    return float(np.abs(np.diff(wave, 2)).max() / np.abs(wave).max())


def median_delay(found: list[Piece]) -> float:
    return float(np.median([piece.delay_ms for piece in found]))
