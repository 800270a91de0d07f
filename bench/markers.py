"""The audio of a measured call: quiet noise with a numbered mark every half second, to be known again when it
comes back.

A mark fills one packet: a loud start, then eight cells for the bits of its number and one for their parity.
Its onset tells the time to one sample, whatever the far end did to the packets in between; its number tells
which one it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.g711 import Law

RATE = 8000
PACKET_SAMPLES = 160
PACKET_MS = 20
CELL_SAMPLES = 16
BITS = 8
NUMBERS = 1 << BITS
LOUD = 20_000
THRESHOLD = 8_000
NOISE_PEAK = 200
# Quiet that must come before an onset: longer than any pause within a mark.
QUIET_SAMPLES = 200
PACKETS_BETWEEN_MARKS = 25
NO_NUMBER = -1


def mark(number: int) -> npt.NDArray[np.int16]:
    """The samples of one mark, for numbers 0 to 255."""
    bits = [number >> shift & 1 for shift in range(BITS)]
    cells = [1, *bits, sum(bits) & 1]
    return np.repeat(np.array(cells, dtype=np.int16) * LOUD, CELL_SAMPLES)


def mark_payloads() -> list[bytes]:
    """Every mark as the payload of one mu-law packet."""
    return [Law.PCMU.encode(mark(number)) for number in range(NUMBERS)]


def noise_payloads(count: int = 50, seed: int = 7) -> list[bytes]:
    """Quiet noise: no two packets alike, so that nothing on the way can take them for silence."""
    generator = np.random.default_rng(seed)
    samples = generator.integers(-NOISE_PEAK, NOISE_PEAK, size=(count, PACKET_SAMPLES), dtype=np.int16)
    return [Law.PCMU.encode(row) for row in samples]


@dataclass(frozen=True, slots=True)
class Found:
    """A mark in a stream: its number and the sample at which it begins."""

    number: int
    sample: int


def find_marks(stream: bytes) -> list[Found]:
    """All whole marks in a mu-law stream."""
    magnitude = np.abs(Law.PCMU.decode(stream).astype(np.int32))
    loud = np.flatnonzero(magnitude >= THRESHOLD)
    if len(loud) == 0:
        return []
    begins = np.concatenate(([True], np.diff(loud) > QUIET_SAMPLES))
    found = []
    for onset in loud[begins].tolist():
        cells = magnitude[onset : onset + PACKET_SAMPLES]
        if len(cells) < PACKET_SAMPLES:
            continue
        # The middle of each cell, so that a sample more or less does not matter.
        levels = cells.reshape(-1, CELL_SAMPLES)[:, 4:12].mean(axis=1) >= THRESHOLD
        bits = levels[1 : 1 + BITS]
        if int(bits.sum()) & 1 == int(levels[-1]):
            found.append(Found(int((bits << np.arange(BITS)).sum()), onset))
    return found


def tone_mark(rate: int) -> npt.NDArray[np.int16]:
    """One loud packet of 1 kHz, for codecs that do not keep the cells of a mark apart."""
    time_s = np.arange(rate * PACKET_MS // 1000) / rate
    return (LOUD * np.sin(2 * np.pi * 1000 * time_s)).astype(np.int16)


def find_onsets(samples: npt.NDArray[np.int16], rate: int) -> list[Found]:
    """Where something loud begins after quiet; marks without numbers."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= THRESHOLD)
    if len(loud) == 0:
        return []
    begins = np.concatenate(([True], np.diff(loud) > QUIET_SAMPLES * rate // RATE))
    return [Found(NO_NUMBER, onset) for onset in loud[begins].tolist()]
