"""The voices on offer and how any voice id becomes a voice of the synthesiser.

An id the catalogue does not know (a UUID of the real service, a clone) is accepted and mapped by its hash, so
that the same id always sounds the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# Variants of espeak-ng that are easy to understand on an 8 kHz line.
_VARIANTS = ("m3", "f3", "m1", "f2", "m7", "f4", "m2", "f1")

DEFAULT_LANGUAGE = "en-us"


@dataclass(frozen=True, slots=True)
class CatalogueVoice:
    """A voice as GET /api/voices lists it."""

    voice_id: str
    name: str
    description: str
    language: str
    variant: str


CATALOGUE = (
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000001", "Mark", "Steady and low.", "en-US", "m3"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000002", "Nora", "Bright and clear.", "en-US", "f3"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000003", "Edwin", "Calm, British.", "en-GB", "m1"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000004", "Imogen", "Warm, British.", "en-GB", "f2"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000005", "Klara", "German.", "de", "f4"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000006", "Camille", "French.", "fr", "f1"),
    CatalogueVoice("6a1f7c1e-0d5e-4b52-9c60-000000000007", "Diego", "Spanish.", "es", "m7"),
    CatalogueVoice("7b6f2e0c-2f0a-4c53-9d7e-0c6a1b0f6a11", "Dora", "The demonstration's.", "en-US", "m2"),
    CatalogueVoice("5f0f2a5e-1f1f-4a57-9a3b-0d6e2f0f9a11", "Victor", "Even.", "en-US", "m7"),
    CatalogueVoice("a7f2ec82-f533-4f41-a8de-0e4351bd2ec5", "Aria", "Friendly.", "en-US", "f3"),
)


@dataclass(frozen=True, slots=True)
class SpeakingVoice:
    """What the synthesiser is asked for: a language tag of its own and a variant."""

    language: str
    variant: str


def find_voice(voice: str) -> CatalogueVoice | None:
    """The catalogue entry with this id or, case aside, this name."""
    for entry in CATALOGUE:
        if voice in (entry.voice_id, entry.name) or voice.lower() == entry.name.lower():
            return entry
    return None


def speaking_voice(voice: str | None, language_hint: str | None, languages: frozenset[str]) -> SpeakingVoice:
    """How a call with these settings sounds. `languages` are those the synthesiser knows, lower case.

    The hint wins over the catalogue voice's own language; a tag it does not know is cut from the right
    (`"de-CH"` -> `"de"`) before falling back to American English.
    """
    known = find_voice(voice) if voice else CATALOGUE[0]
    if known is not None:
        variant = known.variant
    else:
        digest = hashlib.sha256((voice or "").encode()).digest()
        variant = _VARIANTS[digest[0] % len(_VARIANTS)]
    wanted = language_hint or (known.language if known else None) or DEFAULT_LANGUAGE
    tag = wanted.lower().replace("_", "-")
    while tag:
        if tag in languages:
            return SpeakingVoice(tag, variant)
        tag = tag.rpartition("-")[0]
    return SpeakingVoice(DEFAULT_LANGUAGE, variant)
