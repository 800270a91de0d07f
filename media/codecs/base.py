"""What every codec offers: one object per direction pair and leg, since some keep state between frames."""

from __future__ import annotations

from typing import Protocol


class Codec(Protocol):
    """Turns RTP payloads into s16le mono PCM and back."""

    name: str  # encoding name of the RTP/AVP registry
    clock_rate: int  # Hz, of the RTP timestamp
    sample_rate: int  # Hz, of the PCM
    constant_rate: bool  # payloads of one length all last equally long

    def decode(self, payload: bytes) -> bytes:
        """PCM of one payload."""

    def encode(self, pcm: bytes | bytearray) -> bytes:
        """Payload for the given PCM."""

    def ticks(self, payload: bytes) -> int:
        """How long a payload lasts, in units of the RTP timestamp; 0 when it is not valid."""

    def silence(self, ticks: int) -> bytes:
        """A payload of digital silence lasting so many units of the RTP timestamp."""


class UnknownCodecError(ValueError):
    """No codec of that name and clock rate is built in."""
