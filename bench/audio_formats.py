"""What callers send: G.711, G.722 or Opus, encoded before the run as one cycle of payloads that every call
repeats, each from its own place.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.markers import (
    NOISE_PEAK,
    NUMBERS,
    PACKET_MS,
    PACKETS_BETWEEN_MARKS,
    Found,
    find_marks,
    find_onsets,
    mark_payloads,
    noise_payloads,
    tone_mark,
)
from tests.support.wideband_peer import G722, OPUS, Encoder, WidebandCodec, decode

WIDE_CYCLE_PACKETS = 20 * PACKETS_BETWEEN_MARKS
NAMES = ("PCMU", "G722", "OPUS")


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A codec as callers offer it. The mark of a cycle is the last packet of each
    `PACKETS_BETWEEN_MARKS`.
    """

    name: str
    payload_type: int
    rtpmap: str
    ticks: int  # of the RTP clock in a packet
    rate: int  # Hz, after decoding
    wide: WidebandCodec | None = None

    @property
    def packet_samples(self) -> int:
        return self.rate * PACKET_MS // 1000

    def find(self, payloads: Sequence[bytes]) -> list[Found]:
        """The marks in consecutive packets. Only G.711 keeps the numbers of marks readable; of the others the
        onset is told, and their number is -1.
        """
        if self.wide is None:
            return find_marks(b"".join(payloads))
        if not payloads:
            return []
        return find_onsets(decode(self.wide, list(payloads)), self.rate)


PCMU = AudioFormat("PCMU", 0, "PCMU/8000", 160, 8000)
_FORMATS = {
    "PCMU": PCMU,
    "G722": AudioFormat("G722", G722.payload_type, "G722/8000", G722.ticks, 16_000, G722),
    "OPUS": AudioFormat("OPUS", OPUS.payload_type, "OPUS/48000/2", OPUS.ticks, 16_000, OPUS),
}


def audio_format(name: str) -> AudioFormat:
    """By its name in SDP. Raises `KeyError`."""
    return _FORMATS[name]


@functools.cache
def cycle(audio: AudioFormat) -> tuple[bytes, ...]:
    """The payloads to be sent one after the other and again: noise, with a mark every half second."""
    if audio.wide is not None:
        return _wide_cycle(audio, audio.wide)
    noise, marks = noise_payloads(), mark_payloads()
    quiet = PACKETS_BETWEEN_MARKS - 1
    payloads: list[bytes] = []
    for number in range(NUMBERS):
        payloads += [noise[(number * quiet + index) % len(noise)] for index in range(quiet)]
        payloads.append(marks[number])
    return tuple(payloads)


def _wide_cycle(audio: AudioFormat, codec: WidebandCodec) -> tuple[bytes, ...]:
    """Encoded in one go, after half a second that settles the encoder."""
    generator = np.random.default_rng(7)
    encoder = Encoder(codec)
    payloads: list[bytes] = []
    waiting = -PACKETS_BETWEEN_MARKS
    while len(payloads) < WIDE_CYCLE_PACKETS:
        frame: npt.NDArray[np.int16] = generator.integers(
            -NOISE_PEAK, NOISE_PEAK, size=audio.packet_samples, dtype=np.int16
        )
        if waiting % PACKETS_BETWEEN_MARKS == PACKETS_BETWEEN_MARKS - 1:
            frame = tone_mark(audio.rate)
        payload = encoder.encode(frame)
        if waiting >= 0 and payload:
            payloads.append(payload)
        waiting += 1
    return tuple(payloads)
