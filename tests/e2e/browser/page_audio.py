"""What a page heard and said, as samples with the machine's time: read out of the notes that `page_audio.js`
takes in the page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support.audio import Samples

PAGE_RATE = 48_000
TEST_RATE = 8_000
LONGEST_SLIP_MS = 15.0  # frames whose stamps lie further apart than this have a hole between them


@dataclass(frozen=True, slots=True)
class Recording:
    """One track of a page: 48 kHz samples, holes in it filled with silence, and when the first was there."""

    samples: Samples
    begun_at: float  # Unix time, seconds

    def at_rate(self, rate: int = TEST_RATE) -> Samples:
        """The same at a lower rate."""
        return resampled(self.samples, PAGE_RATE, rate)

    def since(self, moment: float) -> Recording:
        """What came after a Unix time."""
        skipped = max(0, round((moment - self.begun_at) * PAGE_RATE))
        return Recording(self.samples[skipped:], self.begun_at + skipped / PAGE_RATE)


EMPTY = Recording(np.zeros(0, dtype=np.int16), 0.0)


def recording_of(notes: dict[str, Any], clock_offset_s: float) -> Recording:
    """A recording from a track's notes; `clock_offset_s` is what the page's clock is ahead of ours."""
    frames = notes["frames"]
    if not frames:
        return EMPTY
    samples = np.frombuffer(base64.b64decode(notes["samples"]), dtype="<i2").astype(np.int16)
    # A frame is noted as soon as the page has time for it, so that the one noted most promptly tells how the
    # stamps relate to the clock.
    offset_ms = min(at - stamp for stamp, at, _, _ in frames)
    pieces: list[Samples] = []
    length = taken = 0
    for run in _runs(frames):
        stamp, _, rate, _ = run[0]
        count = sum(frame[3] for frame in run)
        hole = round((stamp - frames[0][0]) * PAGE_RATE / 1000) - length
        if hole > LONGEST_SLIP_MS * PAGE_RATE / 1000:
            pieces.append(np.zeros(hole, dtype=np.int16))
            length += hole
        pieces.append(resampled(samples[taken : taken + count], rate, PAGE_RATE))
        taken += count
        length += len(pieces[-1])
    # A frame is there when its last sample is.
    first_ms = frames[0][0] + offset_ms - frames[0][3] * 1000 / frames[0][2]
    return Recording(np.concatenate(pieces), first_ms / 1000 - clock_offset_s)


def _runs(frames: list[list[float]]) -> Iterator[list[Any]]:
    """Stretches of frames of one rate without a hole."""
    run: list[Any] = []
    for frame in frames:
        if run and (
            frame[2] != run[-1][2] or frame[0] - run[-1][0] - run[-1][3] * 1000 / run[-1][2] > LONGEST_SLIP_MS
        ):
            yield run
            run = []
        run.append(frame)
    if run:
        yield run


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at another rate, by its spectrum: nothing is moved in time."""
    if rate == wanted or len(samples) == 0:
        return samples
    # Whole hundredths of a second have a whole number of samples at both rates.
    step, new_step = rate // 100, wanted // 100
    steps = -(-len(samples) // step)
    wave = np.zeros(steps * step)
    wave[: len(samples)] = samples
    spectrum = np.fft.rfft(wave)
    kept = np.zeros(steps * new_step // 2 + 1, dtype=complex)
    size = min(len(spectrum), len(kept)) - 1
    kept[:size] = spectrum[:size]
    changed = np.fft.irfft(kept, steps * new_step) * wanted / rate
    length = round(len(samples) * wanted / rate)
    return np.clip(np.round(changed[:length]), -32768, 32767).astype(np.int16)
