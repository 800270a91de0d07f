"""The codecs a leg can speak, by encoding name and RTP clock rate."""

from __future__ import annotations

from collections.abc import Callable

from media.codecs.base import Codec, SelfConcealing, UnknownCodecError
from media.codecs.g711 import Pcma, Pcmu
from media.codecs.g722 import G722
from media.codecs.l16 import L16
from media.codecs.libopus import OpusMissingError
from media.codecs.opus import Opus, OpusPreferences

__all__ = ["Codec", "SelfConcealing", "UnknownCodecError", "create_codec"]

_REGISTRY: dict[tuple[str, int], Callable[[str], Codec]] = {
    ("PCMU", 8000): lambda _: Pcmu(),
    ("PCMA", 8000): lambda _: Pcma(),
    ("G722", 8000): lambda _: G722(),
    ("L16", 8000): lambda _: L16(8000),
    ("L16", 16000): lambda _: L16(16000),
    ("OPUS", 48000): lambda fmtp: Opus(OpusPreferences.parse(fmtp)),
}


def create_codec(name: str, clock_rate: int, fmtp: str = "") -> Codec:
    """A new codec for one leg; `fmtp` is what the peer's session description says of its format parameters.

    Raises `UnknownCodecError`.
    """
    try:
        factory = _REGISTRY[name.upper(), clock_rate]
    except KeyError:
        raise UnknownCodecError(f"no codec {name}/{clock_rate}") from None
    try:
        return factory(fmtp)
    except OpusMissingError as error:
        raise UnknownCodecError(f"no codec {name}/{clock_rate}: {error}") from error
