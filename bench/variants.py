"""What a run can differ in from the plain one: a call of G.711 in the clear, to an engine in the clear."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    codec: str = "PCMU"
    srtp: bool = False
    tls: bool = False  # to the engine
    recording: bool = False
    workers: int | None = None  # media workers, None = the gateway's default


PLAIN = Variant("plain")
VARIANTS = {
    variant.name: variant
    for variant in (
        PLAIN,
        Variant("g722", codec="G722"),
        Variant("opus", codec="OPUS"),
        Variant("srtp", srtp=True),
        Variant("tls", tls=True),
        Variant("recording", recording=True),
        Variant("1-worker", workers=1),
        Variant("2-workers", workers=2),
    )
}
