"""Corpora: documents that agents look things up in.

A look-up finds the pieces of text that share the most words with the query. Pages of the web are not fetched:
such a source stays without documents.
"""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_engine.durations import format_timestamp, utc_now
from local_engine.errors import InvalidRequest, NotFound

MAX_CORPORA = 1_000
MAX_SOURCES = 200
MAX_UPLOADS = 1_000  # documents that no source has taken yet
MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
MAX_RESULTS = 20
_CHUNK = 1_000  # characters

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents of a corpus come from; `documents` are texts."""

    source_id: str
    created: datetime
    body: dict[str, Any]
    documents: tuple[str, ...] = ()


@dataclass(slots=True)
class Corpus:
    corpus_id: str
    name: str
    description: str
    created: datetime
    sources: dict[str, Source] = field(default_factory=dict)

    @property
    def chunks(self) -> list[str]:
        """All its text in pieces."""
        return [
            document[start : start + _CHUNK]
            for source in self.sources.values()
            for document in source.documents
            for start in range(0, len(document), _CHUNK)
        ]


class CorpusService:
    """All corpora of the account, and documents on their way."""

    def __init__(self) -> None:
        self.corpora: dict[str, Corpus] = {}
        self._uploads: OrderedDict[str, bytes | None] = OrderedDict()

    def get(self, corpus_id: str) -> Corpus:
        """Raises `NotFound`."""
        corpus = self.corpora.get(corpus_id)
        if corpus is None:
            raise NotFound("No Corpus matches the given query.")
        return corpus

    def create(self, name: str, description: str) -> Corpus:
        """Raises `InvalidRequest`."""
        if not 1 <= len(name) <= 255:
            raise InvalidRequest("name: 1 to 255 characters")
        if len(self.corpora) >= MAX_CORPORA:
            raise InvalidRequest(f"at most {MAX_CORPORA} corpora")
        corpus = Corpus(str(uuid.uuid4()), name, description, utc_now())
        self.corpora[corpus.corpus_id] = corpus
        return corpus

    def expect_upload(self) -> str:
        """The id of a document that will be uploaded."""
        document_id = str(uuid.uuid4())
        self._uploads[document_id] = None
        while len(self._uploads) > MAX_UPLOADS:
            self._uploads.popitem(last=False)
        return document_id

    def uploaded(self, document_id: str, content: bytes) -> None:
        """Raises `NotFound` for a document that nobody has asked for."""
        if document_id not in self._uploads:
            raise NotFound("There is no such upload.")
        self._uploads[document_id] = content

    def add_source(self, corpus: Corpus, body: dict[str, Any]) -> Source:
        """Raises `InvalidRequest`."""
        given = [key for key in ("crawl", "upload", "loadSpec") if body.get(key) is not None]
        if len(given) != 1:
            raise InvalidRequest("source: exactly one of crawl and upload")
        if len(corpus.sources) >= MAX_SOURCES:
            raise InvalidRequest(f"at most {MAX_SOURCES} sources")
        documents: list[str] = []
        if given[0] == "upload":
            ids = body["upload"].get("documentIds") or []
            if not ids:
                raise InvalidRequest("upload.documentIds: required")
            for document_id in ids:
                content = self._uploads.get(document_id)
                if content is None:
                    raise InvalidRequest(f"upload.documentIds: {document_id!r} was not uploaded")
                documents.append(content.decode("utf-8", "replace"))
        elif not body[given[0]].get("startUrls"):
            raise InvalidRequest(f"{given[0]}.startUrls: required")
        source = Source(str(uuid.uuid4()), utc_now(), body, tuple(documents))
        corpus.sources[source.source_id] = source
        return source

    def query(self, corpus_id: str, query: str, max_results: int = 5) -> list[dict[str, Any]]:
        """The best pieces, each with a score from 0 to 1. Raises `NotFound`."""
        wanted = set(_words(query))
        scored = []
        for chunk in self.get(corpus_id).chunks:
            shared = len(wanted & set(_words(chunk)))
            if shared:
                scored.append((shared / len(wanted), chunk))
        scored.sort(key=lambda each: -each[0])
        best = scored[: max(1, min(max_results, MAX_RESULTS))]
        return [{"content": chunk, "score": round(score, 3), "citation": None} for score, chunk in best]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def corpus_view(corpus: Corpus) -> dict[str, Any]:
    """A Corpus of the API."""
    chunks = len(corpus.chunks)
    status = "CORPUS_STATUS_READY" if chunks else "CORPUS_STATUS_INITIALIZING"
    return {
        "corpusId": corpus.corpus_id,
        "created": format_timestamp(corpus.created),
        "name": corpus.name,
        "description": corpus.description,
        "stats": {
            "status": status if corpus.sources else "CORPUS_STATUS_EMPTY",
            "lastUpdated": format_timestamp(corpus.created),
            "numChunks": chunks,
            "numDocs": sum(len(source.documents) for source in corpus.sources.values()),
            "numVectors": 0,
        },
    }


def source_view(corpus: Corpus, source: Source) -> dict[str, Any]:
    """A CorpusSource of the API."""
    return {
        "corpusId": corpus.corpus_id,
        "sourceId": source.source_id,
        "created": format_timestamp(source.created),
        "name": source.body.get("name", ""),
        "description": source.body.get("description", ""),
        "stats": {
            "status": "SOURCE_STATUS_READY" if source.documents else "SOURCE_STATUS_INITIALIZING",
            "lastUpdated": format_timestamp(source.created),
            "numDocs": len(source.documents),
        },
        **{key: source.body[key] for key in ("crawl", "upload", "loadSpec") if source.body.get(key)},
    }
