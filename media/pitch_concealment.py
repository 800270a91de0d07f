"""Packet loss concealment for codecs that have none, in the manner of ITU-T G.711, Appendix I: the last pitch
periods go on, fade from 10 ms on and are gone after 60 ms; then comfort noise at the far party's own level.

A packet that comes costs one append to the history. All work is done when one is missing: it is then that the
history is searched for the pitch, and all of the 60 ms are made at once. Unlike the Appendix no audio is kept
back to prepare for a loss, so that nothing is delayed: the seam is closed by leading the first made-up
samples from the last real one.
"""

from __future__ import annotations

import audioop
from collections import deque

import numpy as np
from numpy.typing import NDArray

from media.comfort_noise import ComfortNoise
from media.concealment import CONCEAL_MS, EDGE_MS, fade_out_tail

_Audio = NDArray[np.float32]

# Pitch is looked for from 200 Hz down to 66 Hz; higher voices show a multiple of their period.
SHORTEST_PERIOD_MS = 5
LONGEST_PERIOD_MS = 15
TEMPLATE_MS = 20
# Made-up speech is at full level for so long.
FULL_MS = 10
# Every so often one more period is taken up, up to three: a single one repeated buzzes.
PERIODS_STEP_MS = 10
MOST_PERIODS = 3
# Where made-up and real audio meet, by G.711, Appendix I: a little longer after a longer loss.
OVERLAP_MS = 4
LONGEST_OVERLAP_MS = 10
# A match worse than this is no voice: more periods at once sound less like a tone.
VOICED = 0.4
HISTORY_FRAMES = 32
# What 60 ms of made-up speech are made of: three of the longest periods and a quarter to smooth the seam.
NEEDED_MS = 50
# Fewer frames say little about what the background is like.
ENOUGH_FRAMES = 12
# Anything louder (about -50 dBFS) is speech rather than background.
LOUDEST_NOISE = 104.0
QUIETEST_NOISE = 4.0


class PitchConcealer:
    """Makes up for missing audio of one stream of s16le at `sample_rate` Hz."""

    __slots__ = (
        "_announced",
        "_background",
        "_concealed",
        "_frame_samples",
        "_gain",
        "_history",
        "_limit",
        "_made",
        "_noise",
        "_rate",
        "faded",
        "remember",
    )

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frame_samples = sample_rate // 50
        self._limit = sample_rate * CONCEAL_MS // 1000
        self._history: deque[bytes] = deque(maxlen=HISTORY_FRAMES)
        self.remember = self._history.append  # to be called with each real frame
        self.faded = 0  # samples made up since then; when not 0 the next real frame must pass `resume`
        self._made: _Audio | None = None  # the made-up speech of this loss
        self._noise = ComfortNoise()
        self._background: float | None = None  # RMS of what is heard between words
        self._announced: float | None = None  # RMS that the far party's own comfort noise packets tell
        self._concealed = 0  # samples of made-up speech
        self._gain = _gain(sample_rate)

    @property
    def frames_concealed(self) -> int:
        """20 ms frames of made-up speech; pauses of the far party do not count."""
        return -(-self._concealed // self._frame_samples)

    def announce(self, rms: float | None) -> None:
        """The far party sends no more until it has something to say, and wants noise of this level heard."""
        self._announced = rms

    def conceal(self, length: int, following: bytes | None = None) -> bytes:
        """`length` bytes in place of what is missing. `following` tells that the packet behind it is here."""
        samples = length // 2
        if self._announced is not None and following is None:
            return self._pause(samples)
        start = self.faded
        self.faded = start + samples
        if start == 0:
            self._begin()
        if start >= self._limit:
            return self._noise.take(samples, self._background) if self._background else bytes(length)
        made = self._piece(start, samples)
        if self._made is not None:
            self._concealed += min(samples, self._limit - start)
            self._history.append(made)
        return made

    def resume(self, frame: bytes) -> bytes:
        """The first real frame after made-up ones: it overlaps with how they would have gone on."""
        start, self.faded = self.faded, 0
        self._announced = None
        milliseconds = min(LONGEST_OVERLAP_MS, OVERLAP_MS + OVERLAP_MS * (start * 100 // self._rate))
        overlap = min(self._rate * milliseconds // 1000, len(frame) // 2)
        if start + overlap <= len(self._gain):
            made = np.frombuffer(self._piece(start, overlap), dtype="<i2")
        elif self._background:
            made = np.frombuffer(self._noise.take(overlap, self._background), dtype="<i2")
        else:
            made = np.zeros(overlap, dtype="<i2")
        self._made = None
        real = np.frombuffer(frame, dtype="<i2")
        weight = np.arange(1, overlap + 1, dtype=np.float32) / (overlap + 1)
        joined = made * (1 - weight) + real[:overlap] * weight
        return bytes(np.rint(joined).astype("<i2").tobytes()) + frame[2 * overlap :]

    def _pause(self, samples: int) -> bytes:
        """The far party is silent on purpose: noise of the level it told, behind the end of its last word."""
        noise = self._noise.take(samples, min(self._announced or 0.0, 4 * LOUDEST_NOISE))
        if self.faded == 0 and self._history:
            edge = self._rate * EDGE_MS // 1000
            noise = audioop.add(noise, fade_out_tail(self._history[-1], 2 * samples, edge), 2)
        self.faded += samples
        return noise

    def _begin(self) -> None:
        """A loss begins: find out how the last word and the background sound."""
        history = self._history
        if len(history) >= ENOUGH_FRAMES:
            quietest = float(min(audioop.rms(frame, 2) for frame in history))
            if self._background is not None:
                # A stretch of speech without a pause must not lift it all at once.
                quietest = min(quietest, 1.5 * max(self._background, QUIETEST_NOISE))
            self._background = min(quietest, LOUDEST_NOISE)
        needed = self._rate * NEEDED_MS // 1000 * 2
        recent: list[bytes] = []
        for frame in reversed(history):
            recent.append(frame)
            needed -= len(frame)
            if needed <= 0:
                break
        heard = np.frombuffer(b"".join(reversed(recent)), dtype="<i2").astype(np.float32)
        self._made = _continue(heard, self._rate, len(self._gain))

    def _piece(self, start: int, samples: int) -> bytes:
        """Made-up speech from `start` samples behind the loss on, with the background coming up under it."""
        made = np.zeros(samples, dtype=np.float32)
        gain = np.zeros(samples, dtype=np.float32)
        if self._made is not None:
            piece = self._gain[start : start + samples]
            gain[: len(piece)] = piece
            made[: len(piece)] = self._made[start : start + samples]
        made *= gain
        if self._background:
            noise = np.frombuffer(self._noise.take(samples, self._background), dtype="<i2")
            made += noise * (1 - gain)
        return bytes(np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes())


def _gain(rate: int) -> _Audio:
    """Full for 10 ms, nothing from 60 ms on, and as much more nothing as an overlap may need."""
    at = np.arange(rate * (CONCEAL_MS + LONGEST_OVERLAP_MS) // 1000, dtype=np.float32) * 1000 / rate
    return np.clip((CONCEAL_MS - at) / (CONCEAL_MS - FULL_MS), 0, 1).astype(np.float32)


def _continue(heard: _Audio, rate: int, length: int) -> _Audio | None:
    """How `heard` would go on for `length` samples; None when there is too little of it."""
    period, match = _find_period(heard, rate)
    if period == 0:
        return None
    step = rate * PERIODS_STEP_MS // 1000
    blend = period // 4
    rise = np.arange(1, blend + 1, dtype=np.float32) / (blend + 1)
    most = min(MOST_PERIODS, (len(heard) - blend) // period)
    periods = 1 if match >= VOICED else most
    made = _repeat(heard, periods * period, blend, length)
    # From the last real sample on, instead of from where the first period happened to begin.
    made[:blend] += (heard[-1] - heard[-1 - periods * period]) * (1 - rise)
    start = step
    while periods < most and start + blend < length:
        periods += 1
        more = _repeat(heard, periods * period, blend, length)
        made[start : start + blend] += (more[start : start + blend] - made[start : start + blend]) * rise
        made[start + blend :] = more[start + blend :]
        start += step
    return made


def _repeat(heard: _Audio, span: int, blend: int, length: int) -> _Audio:
    """The last `span` samples over and over, the end of each led over into its beginning."""
    cycle = heard[-span:].copy()
    if blend:
        rise = np.arange(1, blend + 1, dtype=np.float32) / (blend + 1)
        before = heard[-span - blend : -span]
        cycle[-blend:] += (before - cycle[-blend:]) * rise
    return np.resize(cycle, length)


def _find_period(heard: _Audio, rate: int) -> tuple[int, float]:
    """The lag in samples at which the last 20 ms are most like what was before, and how much (0 to 1)."""
    shortest = rate * SHORTEST_PERIOD_MS // 1000
    longest = min(rate * LONGEST_PERIOD_MS // 1000, len(heard) * 2 // 5)
    if longest < shortest:
        return 0, 0.0
    width = min(rate * TEMPLATE_MS // 1000, len(heard) - longest)
    template = heard[-width:]
    before = heard[-width - longest : len(heard) - shortest]
    likeness = np.correlate(before, template, "valid")
    sums = np.concatenate(([0.0], np.cumsum(before.astype(np.float64) ** 2)))
    energies = sums[width:] - sums[:-width]
    scores = likeness / np.sqrt(np.maximum(energies, 1.0))
    best = int(np.argmax(scores))
    own = float(np.sqrt(max(float(np.dot(template, template)), 1.0)))
    return longest - best, max(0.0, float(scores[best]) / own)
