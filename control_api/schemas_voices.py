"""Voices on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from control_api.schemas_agent_settings import Name, Text
from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp
from gateway.timestamps import optional_timestamp
from gateway.voices import OfferedVoice


class VoiceProvider(StrEnum):
    """Who speaks. `ultravox` stands for the voice engine's own voices."""

    ELEVENLABS = "elevenlabs"
    CARTESIA = "cartesia"
    LMNT = "lmnt"
    GOOGLE = "google"
    INWORLD = "inworld"
    RESPEECHER = "respeecher"
    ULTRAVOX = "ultravox"


class VoiceImport(RequestModel):
    """A provider's voice to be used here."""

    name: Name
    provider: VoiceProvider = VoiceProvider.ELEVENLABS
    provider_voice_id: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="The voice's identifier at its provider."
    )
    description: Text | None = None


class VoiceOut(ResponseModel):
    """A voice. Agents name it by `id`."""

    id: str
    name: str
    provider: str
    provider_voice_id: str
    imported: bool = Field(description="False for the voice engine's own.")
    description: str | None
    language: str | None
    created_at: Timestamp | None


def render_voice(voice: OfferedVoice) -> dict[str, Any]:
    """As `VoiceOut`."""
    return {
        "id": voice.id,
        "name": voice.name,
        "provider": voice.provider,
        "provider_voice_id": voice.provider_voice_id,
        "imported": voice.imported,
        "description": voice.description,
        "language": voice.language,
        "created_at": optional_timestamp(voice.created_at),
    }
