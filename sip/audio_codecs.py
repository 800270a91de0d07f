"""How each audio codec is named in SDP: payload type, rtpmap, format parameters, packet times (RFC 3551, RFC
7587).

Nothing here encodes audio; `sample_rate` is what the far end of the conversation should run at, so that the
audio of the codec needs no conversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sip.sdp import RtpMap

PTIMES_MS: Final = (10, 20, 30, 40, 60)
NARROW_BAND_HZ: Final = 8000
WIDE_BAND_HZ: Final = 16000


@dataclass(frozen=True)
class AudioCodec:
    """One codec at one clock rate. `payload_type` is ours for offers: static, or dynamic from 96 on."""

    payload_type: int
    name: str  # as written in an rtpmap
    clock_rate: int
    channels: int = 1
    sample_rate: int = NARROW_BAND_HZ
    ptimes_ms: tuple[int, ...] = PTIMES_MS
    fmtp: str = ""  # what we ask for in an offer

    @property
    def key(self) -> str:
        """The name by which trunks list it."""
        return self.name.upper()

    @property
    def rtpmap(self) -> RtpMap:
        return RtpMap(self.key, self.clock_rate, self.channels)

    def is_called(self, entry: RtpMap) -> bool:
        """Whether a peer's rtpmap means this codec."""
        if (entry.encoding, entry.clock_rate) != (self.key, self.clock_rate):
            return False
        # RFC 7587, section 7, wants two channels in every rtpmap of Opus; some phones forget them.
        return entry.channels == self.channels or self.key == "OPUS"


_OPUS: Final = AudioCodec(
    111,
    "opus",
    48000,
    2,
    sample_rate=WIDE_BAND_HZ,
    ptimes_ms=(10, 20, 40, 60),  # it has no frames of 30 ms
    # We hear at most 16 kHz and in mono; bits for more would be wasted.
    fmtp="minptime=10;useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000",
)

#: By name, in the order in which the clock rates of one name are preferred.
AUDIO_CODECS: Final[dict[str, tuple[AudioCodec, ...]]] = {
    "PCMU": (AudioCodec(0, "PCMU", 8000),),
    "PCMA": (AudioCodec(8, "PCMA", 8000),),
    # 16 kHz audio; RFC 3551, section 4.5.2, has the clock at 8000.
    "G722": (AudioCodec(9, "G722", 8000, sample_rate=WIDE_BAND_HZ),),
    "OPUS": (_OPUS,),
    "L16": (
        # 60 ms would not fit into one packet of the usual 1500 bytes.
        AudioCodec(112, "L16", 16000, sample_rate=WIDE_BAND_HZ, ptimes_ms=(10, 20, 30, 40)),
        AudioCodec(113, "L16", 8000),
    ),
}

#: Cost and sound of the two laws of G.711 are the same.
_EQUALS: Final = frozenset({"PCMU", "PCMA"})


def codecs_named(names: Sequence[str]) -> list[AudioCodec]:
    """The codecs of a list of names, in order; names that we do not know are left out."""
    return [codec for name in names for codec in AUDIO_CODECS.get(name.upper(), ())]


def best_sample_rate(names: Sequence[str]) -> int:
    """Hz of the first codec listed: what a call offered so will most probably run at."""
    codecs = codecs_named(names)
    return codecs[0].sample_rate if codecs else NARROW_BAND_HZ


def rank(codec: AudioCodec, ours: Sequence[AudioCodec]) -> int:
    """The codec's place in our order; PCMU and PCMA share the place of the first of them."""
    for place, other in enumerate(ours):
        if other == codec or {other.key, codec.key} <= _EQUALS:
            return place
    return len(ours)


def answered_fmtp(codec: AudioCodec, offered: str) -> str:
    """Our format parameters in an answer to `offered`: what we want to be sent, as far as the peer will.

    RFC 7587, section 7.1: each side says how it wants to receive. What a peer chooses for itself of
    discontinuous transmission and constant bit rate we take for its wish in both directions.
    """
    if codec is not _OPUS:
        return ""
    theirs = _parameters(offered)
    parts = [f"minptime={theirs['minptime']}" if theirs.get("minptime", "").isdigit() else "minptime=10"]
    parts += ["useinbandfec=1", f"maxplaybackrate={_playback_rate(theirs.get('maxplaybackrate'))}"]
    parts.append("sprop-maxcapturerate=16000")
    if "stereo" in theirs:
        parts.append("stereo=0")
    parts += [f"{name}=1" for name in ("cbr", "usedtx") if theirs.get(name) == "1"]
    return ";".join(parts)


def _playback_rate(theirs: str | None) -> int:
    """Ours, or less when the peer would not record more than it plays."""
    if theirs is None or not (theirs.isascii() and theirs.isdigit() and len(theirs) <= 6):
        return WIDE_BAND_HZ
    return min(max(int(theirs), NARROW_BAND_HZ), WIDE_BAND_HZ)


def _parameters(fmtp: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for part in fmtp.split(";"):
        name, _, value = part.partition("=")
        out.setdefault(name.strip().lower(), value.strip())
    return out
