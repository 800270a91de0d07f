"""The codecs a leg can speak, by encoding name and RTP clock rate."""

from __future__ import annotations

from collections.abc import Callable

from media.codecs.base import Codec, UnknownCodecError
from media.codecs.g711 import Pcma, Pcmu

__all__ = ["Codec", "UnknownCodecError", "create_codec"]

_REGISTRY: dict[tuple[str, int], Callable[[], Codec]] = {
    ("PCMU", 8000): Pcmu,
    ("PCMA", 8000): Pcma,
}


def create_codec(name: str, clock_rate: int) -> Codec:
    """A new codec for one leg. Raises `UnknownCodecError`."""
    try:
        factory = _REGISTRY[name.upper(), clock_rate]
    except KeyError:
        raise UnknownCodecError(f"no codec {name}/{clock_rate}") from None
    return factory()
