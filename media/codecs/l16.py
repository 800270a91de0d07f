"""L16: uncompressed 16-bit samples in network byte order (RFC 3551, section 4.5.11), one channel, at 8000 or
16000 Hz under a dynamic payload type.
"""

from __future__ import annotations

import audioop


class L16:
    """One leg's L16; it keeps no state."""

    name = "L16"
    constant_rate = True

    def __init__(self, rate: int) -> None:
        self.clock_rate = self.sample_rate = rate

    def decode(self, payload: bytes) -> bytes:
        # Our PCM is s16le on any machine.
        return audioop.byteswap(payload, 2)

    def encode(self, pcm: bytes | bytearray) -> bytes:
        return audioop.byteswap(pcm, 2)

    def ticks(self, payload: bytes) -> int:
        return 0 if len(payload) % 2 else len(payload) // 2

    def silence(self, ticks: int) -> bytes:
        return bytes(2 * ticks)
