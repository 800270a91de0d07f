"""From a voice of ours to what the engine is told: one of its own by its identifier, or a provider's."""

from __future__ import annotations

from typing import Any

from store.agent_part_records import Voice

ENGINE = "ultravox"
# The engine's names for the speech providers that it can have speak.
PROVIDERS = {
    "elevenlabs": "elevenLabs",
    "cartesia": "cartesia",
    "lmnt": "lmnt",
    "google": "google",
    "inworld": "inworld",
    "respeecher": "respeecher",
}


def engine_voice(voice_id: str, imported: Voice | None) -> str | None:
    """The engine's own voice; None when a provider's is to speak."""
    if imported is None:
        return voice_id
    return imported.provider_voice_id if imported.provider == ENGINE else None


def external_voice(imported: Voice | None) -> dict[str, Any] | None:
    """A provider's voice."""
    if imported is None or imported.provider == ENGINE:
        return None
    return {PROVIDERS[imported.provider]: {"voiceId": imported.provider_voice_id}}
