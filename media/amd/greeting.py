"""The shape of what is said after the answer, from frame levels alone: when speech began, how long it went
on, how long it has been silent since.

Judged backwards over everything heard so far, so that the noise of the line is known before it is decided
what was speech.
"""

from __future__ import annotations

from dataclasses import dataclass

FRAME_MS = 20
# The noise floor is the level that a tenth of the frames stay below.
FLOOR_SHARE = 0.1
# Speech is at least 8 dB louder than the floor, and no more than 26 dB quieter than the loudest frames.
MARGIN = 2.5
LOUD_SHARE = 0.95
BELOW_LOUD = 0.05
LOWEST_THRESHOLD = 150.0
HIGHEST_THRESHOLD = 3_000.0
# Shorter bursts are clicks; shorter gaps are part of a word.
MIN_WORD_FRAMES = 3
MIN_GAP_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Greeting:
    """All in milliseconds. `began_ms` is None when nobody has spoken."""

    began_ms: int | None
    span_ms: int  # first word's begin to last word's end
    speech_ms: int  # the same without the gaps
    words: int  # runs of speech with a gap between them
    silent_ms: int  # since the last word


def measure(levels: list[int]) -> Greeting:
    """The greeting so far, from the levels (root mean square) of its 20 ms frames."""
    threshold = threshold_of(levels)
    began = ended = -1
    speech = words = 0
    run_began = -1
    for index, level in enumerate([*levels, 0]):
        if level > threshold and index < len(levels):
            if run_began < 0:
                run_began = index
            continue
        if run_began < 0:
            continue
        if index - run_began >= MIN_WORD_FRAMES:
            if began < 0:
                began = run_began
            if ended < 0 or run_began - ended >= MIN_GAP_FRAMES:
                words += 1
            else:
                speech += run_began - ended
            speech += index - run_began
            ended = index
        run_began = -1
    if began < 0:
        return Greeting(None, 0, 0, 0, len(levels) * FRAME_MS)
    return Greeting(
        began_ms=began * FRAME_MS,
        span_ms=(ended - began) * FRAME_MS,
        speech_ms=speech * FRAME_MS,
        words=words,
        silent_ms=(len(levels) - ended) * FRAME_MS,
    )


def threshold_of(levels: list[int]) -> float:
    """The level above which a frame counts as speech."""
    if not levels:
        return LOWEST_THRESHOLD
    ordered = sorted(levels)
    floor = ordered[int(FLOOR_SHARE * (len(ordered) - 1))]
    loud = ordered[int(LOUD_SHARE * (len(ordered) - 1))]
    return min(max(floor * MARGIN, loud * BELOW_LOUD, LOWEST_THRESHOLD), HIGHEST_THRESHOLD)
