"""Knowledge bases: documents that an agent looks things up in, kept and searched by the engine.

A knowledge base here is a name and its sources; the engine's counterpart is a corpus. If making it stops
half-way, what the engine has of it already is put on the list of what is to go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.directory import Directory
from gateway.errors import EngineError, InvalidRequestError
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.library import EngineLibrary
from store.agent_part_records import KnowledgeBase, KnowledgeSource, SourceKind
from store.engine_removals import EngineObject, EngineRemoval, EngineRemovalRepository
from store.identifiers import uuid7

STATUS_UNKNOWN = "unknown"
_STATUSES = {
    "CORPUS_STATUS_EMPTY": "empty",
    "CORPUS_STATUS_INITIALIZING": "processing",
    "CORPUS_STATUS_UPDATING": "processing",
    "CORPUS_STATUS_READY": "ready",
}


@dataclass(frozen=True, slots=True)
class NewSource:
    """A page of the web (`url`) or a document (`text`): exactly one of the two."""

    name: str
    url: str | None = None
    text: str | None = None


class KnowledgeService:
    """Raises `gateway.errors`."""

    def __init__(
        self, directory: Directory, library: EngineLibrary, removals: EngineRemovalRepository
    ) -> None:
        self._directory = directory
        self._library = library
        self._removals = removals

    async def create(
        self,
        organization_id: str,
        *,
        name: str,
        description: str | None = None,
        sources: tuple[NewSource, ...] = (),
        base_id: str | None = None,
    ) -> KnowledgeBase:
        """Make it, with the engine. Raises `EngineError`, `InvalidRequestError`."""
        base_id = base_id or uuid7()
        corpus_id: str | None = None
        try:
            corpus_id = (await self._library.create_corpus(f"kb_{base_id}", description)).corpus_id
            added = [await self._add(corpus_id, source) for source in sources]
            base = KnowledgeBase(
                id=base_id,
                organization_id=organization_id,
                name=name,
                corpus_id=corpus_id,
                created_at=datetime.now(UTC),
                description=description,
                sources=tuple(added),
            )
            return await self._directory.add_knowledge_base(base)
        except BaseException as error:
            if corpus_id is not None:
                await self._removals.add(EngineRemoval(EngineObject.CORPUS, corpus_id))
                self._directory.on_engine_removal()
            if isinstance(error, EngineRefusedError) and error.status == 400:
                raise InvalidRequestError(f"The voice engine refused it: {error.detail}") from error
            if isinstance(error, EngineApiError):
                raise EngineError(f"The voice engine did not take it: {error}") from error
            raise

    async def status(self, base: KnowledgeBase) -> str:
        """How far the engine is with it: `empty`, `processing`, `ready`; `unknown` when it does not say."""
        try:
            corpus = await self._library.get_corpus(base.corpus_id)
        except EngineApiError:
            return STATUS_UNKNOWN
        return _STATUSES.get(corpus.stats.status, STATUS_UNKNOWN)

    async def _add(self, corpus_id: str, source: NewSource) -> KnowledgeSource:
        if source.url is not None:
            made = await self._library.add_pages(corpus_id, source.name, source.url)
            kind = SourceKind.URL
        else:
            made = await self._library.add_text(corpus_id, source.name, source.text or "")
            kind = SourceKind.TEXT
        return KnowledgeSource(uuid7(), kind, source.name, source.url, made.source_id)
