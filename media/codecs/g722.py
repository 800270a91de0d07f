"""G.722 at 64 kbit/s (RFC 3551, section 4.5.2): 16 kHz audio on an RTP clock of 8000 Hz, an error of the past
that everybody keeps. One byte holds two samples and lasts one tick.
"""

from __future__ import annotations

import G722 as libg722  # type: ignore[import-not-found]  # noqa: N811

_BIT_RATE = 64_000


class G722:
    """One leg's G.722, with an encoder and a decoder that share nothing."""

    name = "G722"
    clock_rate = 8000
    sample_rate = 16000
    constant_rate = True

    def __init__(self) -> None:
        self._encode = libg722.G722(self.sample_rate, _BIT_RATE).encode
        self._decode = libg722.G722(self.sample_rate, _BIT_RATE).decode

    def decode(self, payload: bytes) -> bytes:
        pcm: bytes = self._decode(payload).tobytes()
        return pcm

    def encode(self, pcm: bytes | bytearray) -> bytes:
        # Plain bytes would be taken for one sample each. A last odd sample has no other to share its byte.
        payload: bytes = self._encode(memoryview(pcm).cast("h"))
        return payload

    def ticks(self, payload: bytes) -> int:
        return len(payload)

    def silence(self, ticks: int) -> None:
        # The code for silence never comes to rest: quantiser and predictor go on with every sample.
        return None
