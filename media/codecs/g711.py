"""G.711: mu-law (PCMU) and A-law (PCMA), RFC 3551, section 4.5.14. One byte a sample, 8000 Hz, no state."""

from __future__ import annotations

import audioop


class Pcmu:
    """G.711 mu-law."""

    name = "PCMU"
    clock_rate = 8000
    sample_rate = 8000
    constant_rate = True

    def decode(self, payload: bytes) -> bytes:
        return audioop.ulaw2lin(payload, 2)

    def encode(self, pcm: bytes | bytearray) -> bytes:
        return audioop.lin2ulaw(pcm, 2)

    def ticks(self, payload: bytes) -> int:
        return len(payload)

    def silence(self, ticks: int) -> bytes:
        return b"\xff" * ticks


class Pcma:
    """G.711 A-law; it has no code for zero, the two nearest are +-8 of 32768."""

    name = "PCMA"
    clock_rate = 8000
    sample_rate = 8000
    constant_rate = True

    def decode(self, payload: bytes) -> bytes:
        return audioop.alaw2lin(payload, 2)

    def encode(self, pcm: bytes | bytearray) -> bytes:
        return audioop.lin2alaw(pcm, 2)

    def ticks(self, payload: bytes) -> int:
        return len(payload)

    def silence(self, ticks: int) -> bytes:
        return b"\xd5" * ticks
