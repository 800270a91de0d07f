"""Speech quality from network figures: the E-model, ITU-T G.107 (narrow band) and G.107.1 (wide band), with
everything that has nothing to do with the packet network left at its default.

R = Ro - Id - Ie,eff and MOS from R (G.107, annex B). In wide band Ro is 129 and MOS follows from R / 1.29, so
that the two scales are not comparable: 4.4 is as good as a narrow band call can get, 4.5 a wide band one.

What is judged is one direction: from the far party's microphone to us. Nothing here knows the sound itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# G.107, table 3, and G.107.1, clause 7.1: the rating with all other parameters at their defaults.
RO_NARROW = 93.2
RO_WIDE = 129.0
WIDE_SCALE = 1.29
# Delays below this many milliseconds do no harm (G.107, 7.4).
HARMLESS_DELAY_MS = 100.0
# Share of loss at which speech is gone, whatever the codec (G.107, 7.5, and G.107.1, 7.5).
WORST_NARROW = 95.0
WORST_WIDE = 129.0


@dataclass(frozen=True, slots=True)
class CodecImpairment:
    """A codec as the E-model sees it: impairment without loss, robustness against random loss."""

    ie: float
    bpl: float
    wideband: bool = False


# G.711 with concealment (G.113, appendix I: 4.3 without, 25.1 with).
_G711 = CodecImpairment(ie=0.0, bpl=25.1)
# Impairments of G.722 at 64 kbit/s: G.113, appendix IV. Its table has no robustness figure for G.722 with a
# concealment like ours; that of G.722.2 at 12.65 kbit/s is taken.
_G722 = CodecImpairment(ie=13.0, bpl=4.3, wideband=True)
# G.113 does not list Opus. It is taken as G.722.2 at 23.85 kbit/s, its neighbour in rate, which is cautious.
_OPUS = CodecImpairment(ie=8.0, bpl=4.9, wideband=True)
_L16_WIDE = CodecImpairment(ie=0.0, bpl=4.3, wideband=True)


def impairment_of(codec: str, sample_rate: int) -> CodecImpairment:
    """The figures of a codec by its RTP name and the rate of its PCM. Unknown names count as G.711."""
    name = codec.upper()
    if name == "G722":
        return _G722
    if name == "OPUS":
        return _OPUS
    if name == "L16" and sample_rate >= 16_000:
        return _L16_WIDE
    return _G711


def delay_impairment(one_way_ms: float) -> float:
    """Idd of G.107, 7.4, for the default sensitivity: what delay alone costs a conversation."""
    if one_way_ms <= HARMLESS_DELAY_MS:
        return 0.0
    x = math.log2(one_way_ms / HARMLESS_DELAY_MS)
    return float(25.0 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))


def burst_ratio(lost: int, gaps: int, expected: int) -> float:
    """BurstR: the mean length of the gaps that were seen against that under random loss of the same share.

    1 for random loss, higher for bursts; never below 1.
    """
    if lost <= 0 or gaps <= 0 or expected <= 0:
        return 1.0
    share = min(lost / expected, 1.0)
    return max(1.0, lost / gaps * (1 - share))


def loss_impairment(codec: CodecImpairment, loss_percent: float, burst: float = 1.0) -> float:
    """Ie,eff of G.107, 7.5: the codec's own impairment and that of `loss_percent` lost packets."""
    worst = WORST_WIDE if codec.wideband else WORST_NARROW
    if loss_percent <= 0:
        return codec.ie
    return codec.ie + (worst - codec.ie) * loss_percent / (loss_percent / burst + codec.bpl)


def rating(codec: CodecImpairment, one_way_ms: float, loss_percent: float, burst: float = 1.0) -> float:
    """The transmission rating R: 0 to 93.2 (narrow band) or 129 (wide band)."""
    base = RO_WIDE if codec.wideband else RO_NARROW
    return max(0.0, base - delay_impairment(one_way_ms) - loss_impairment(codec, loss_percent, burst))


def mos(r: float, *, wideband: bool = False) -> float:
    """Mean opinion score of a conversation, 1 to 4.5 (G.107, annex B)."""
    if wideband:
        r /= WIDE_SCALE
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    # The cubic dips below 1 for very small ratings.
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
