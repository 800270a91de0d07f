"""Knowledge bases on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from control_api.schemas_agent_settings import Name, Text, Url
from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp, Uuid
from gateway.knowledge import NewSource
from gateway.timestamps import timestamp
from store.agent_part_records import KnowledgeBase, SourceKind

MAX_SOURCES = 20


class SourceIn(RequestModel):
    """Where knowledge comes from: a page of the web (`url`), or a document (`text`)."""

    name: Name | None = Field(default=None, description="The URL, or `document`, when absent.")
    url: Url | None = None
    text: Annotated[str, Field(min_length=1, max_length=500_000)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.text is None):
            raise ValueError("needs exactly one of `url` and `text`")
        return self

    def to_new(self) -> NewSource:
        """The source as the gateway understands it."""
        return NewSource(self.name or (self.url or "document")[:100], self.url, self.text)


class KnowledgeBaseCreate(RequestModel):
    """A knowledge base to be made."""

    name: Name
    description: Text | None = None
    sources: Annotated[list[SourceIn], Field(max_length=MAX_SOURCES)] = Field(default_factory=list)


class SourceOut(ResponseModel):
    id: Uuid
    type: SourceKind
    name: str
    url: str | None


class KnowledgeBaseOut(ResponseModel):
    """A knowledge base."""

    id: Uuid
    name: str
    description: str | None
    sources: list[SourceOut]
    created_at: Timestamp


class KnowledgeBaseReadOut(KnowledgeBaseOut):
    """A knowledge base, and how far the voice engine is with it."""

    status: str = Field(
        description="`empty`, `processing`, `ready`; `unknown` when the voice engine does not say."
    )


def render_knowledge_base(base: KnowledgeBase, status: str | None = None) -> dict[str, Any]:
    """As `KnowledgeBaseOut`, or `KnowledgeBaseReadOut` with a status."""
    shown = {
        "id": base.id,
        "name": base.name,
        "description": base.description,
        "sources": [
            {"id": source.id, "type": source.kind.value, "name": source.name, "url": source.url}
            for source in base.sources
        ],
        "created_at": timestamp(base.created_at),
    }
    return shown if status is None else shown | {"status": status}
