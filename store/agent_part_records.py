"""What agents are made of besides their own settings: voices, tools, knowledge bases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of a speech provider that an organisation has imported."""

    id: str
    organization_id: str
    name: str
    provider: str  # elevenlabs, cartesia, ...
    provider_voice_id: str
    created_at: datetime
    description: str | None = None


class ToolKind(StrEnum):
    """Who carries a tool out: the engine by HTTP, or this gateway."""

    HTTP = "http"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Tool:
    """Something an agent can do in mid-call. `model_tool_name` is how the model calls it."""

    id: str
    organization_id: str
    name: str
    model_tool_name: str
    kind: ToolKind
    description: str
    url: str  # of an HTTP tool it may hold {name} of path parameters
    method: str
    created_at: datetime
    updated_at: datetime
    # each: name, location (query, path, header, body), schema, required
    dynamic_parameters: tuple[dict[str, Any], ...] = ()
    # each: name, location, value
    static_parameters: tuple[dict[str, Any], ...] = ()
    timeout_ms: int | None = None


class SourceKind(StrEnum):
    """Where knowledge comes from: pages of the web, or a text that was sent."""

    URL = "url"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class KnowledgeSource:
    """One source of a knowledge base; a text itself is kept by the engine alone."""

    id: str
    kind: SourceKind
    name: str
    url: str | None = None
    engine_source_id: str | None = None


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """Documents that an agent can look things up in; `corpus_id` is the engine's."""

    id: str
    organization_id: str
    name: str
    corpus_id: str
    created_at: datetime
    description: str | None = None
    sources: tuple[KnowledgeSource, ...] = ()
