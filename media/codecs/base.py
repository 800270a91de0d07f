"""What every codec offers: one object per leg, since most keep state between frames, and each direction has
its own state inside.

Losses are either made up by the codec itself (`SelfConcealing`) or, for all others, from what was heard last
(`media.pitch_concealment`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Codec(Protocol):
    """Turns RTP payloads into s16le mono PCM and back."""

    name: str  # encoding name of the RTP/AVP registry
    clock_rate: int  # Hz, of the RTP timestamp
    sample_rate: int  # Hz, of the PCM
    constant_rate: bool  # payloads of one length all last equally long

    def decode(self, payload: bytes) -> bytes:
        """PCM of one payload, which `ticks` found valid."""

    def encode(self, pcm: bytes | bytearray) -> bytes:
        """Payload for the given PCM; empty when nothing need be sent for it (discontinuous transmission)."""

    def ticks(self, payload: bytes) -> int:
        """How long a payload lasts, in units of the RTP timestamp; 0 when it is not valid."""

    def silence(self, ticks: int) -> bytes | None:
        """A payload of digital silence lasting so many units of the RTP timestamp, fit for any moment.

        None when there is none, since the encoder's state has to follow: silence must be encoded like speech.
        """


@runtime_checkable
class SelfConcealing(Protocol):
    """A codec whose decoder makes up for lost packets by itself and goes on smoothly behind them."""

    def conceal(self, samples: int, following: bytes | None = None) -> bytes:
        """PCM in place of so many lost samples; `following` is the payload right behind them, when it is
        here already, from which they may be recovered. To be called before that payload is decoded.
        """


class UnknownCodecError(ValueError):
    """No codec of that name and clock rate is built in."""
