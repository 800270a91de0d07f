"""G.711 from the formulas of ITU-T G.711, independent of the product's codec, so that each can prove the
other wrong.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

MULAW_BIAS = 132
MULAW_CLIP = 32_635


def _mulaw_decode_table() -> Samples:
    codes = ~np.arange(256) & 0xFF
    segment = (codes >> 4) & 7
    magnitude = (((codes & 0x0F) << 3) + MULAW_BIAS << segment) - MULAW_BIAS
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> Samples:
    codes = np.arange(256) ^ 0x55
    segment = (codes >> 4) & 7
    mantissa = ((codes & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, mantissa, (mantissa + 256) << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


_MULAW = _mulaw_decode_table()
_ALAW = _alaw_decode_table()


def _nearest_encode_table(decode: Samples) -> npt.NDArray[np.uint8]:
    """For each of the 65,536 samples the code whose value is nearest."""
    order = np.argsort(decode, kind="stable")
    values = decode[order].astype(np.int32)
    samples = np.arange(-32_768, 32_768, dtype=np.int32)
    above = np.clip(np.searchsorted(values, samples), 1, len(values) - 1)
    lower_is_nearer = samples - values[above - 1] <= values[above] - samples
    return order[np.where(lower_is_nearer, above - 1, above)].astype(np.uint8)


_TO_MULAW = _nearest_encode_table(_MULAW)
_TO_ALAW = _nearest_encode_table(_ALAW)


class Law(Enum):
    """A companding law with its RTP payload type (RFC 3551)."""

    PCMU = 0
    PCMA = 8

    def encode(self, samples: Samples) -> bytes:
        table = _TO_MULAW if self is Law.PCMU else _TO_ALAW
        return table[samples.astype(np.int32) + 32_768].tobytes()

    def decode(self, payload: bytes) -> Samples:
        table = _MULAW if self is Law.PCMU else _ALAW
        return table[np.frombuffer(payload, dtype=np.uint8)]

    @property
    def silence(self) -> int:
        """The code of the sample nearest to zero."""
        return 0xFF if self is Law.PCMU else 0xD5
