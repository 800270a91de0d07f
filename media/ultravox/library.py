"""What the engine has besides calls and agents: voices to speak with and corpora to look things up in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from media.ultravox.errors import EngineElsewhereError, EngineProtocolError, EngineUnreachableError
from media.ultravox.rest import MAX_PAGES, PAGE_SIZE, UltravoxClient

UPLOAD_TIMEOUT_S = 30.0
SAMPLE_TIMEOUT_S = 20.0  # a provider's voice has to be asked to speak first
LARGEST_SAMPLE = 4 * 1024 * 1024
TEXT_TYPE = "text/plain"


class EngineVoice(msgspec.Struct, frozen=True, rename="camel"):
    """A voice that the engine has by itself."""

    voice_id: str
    name: str = ""
    description: str | None = None
    primary_language: str | None = None
    provider: str | None = None


class EngineCorpusStats(msgspec.Struct, frozen=True, rename="camel"):
    """How far a corpus is: `status` is `CORPUS_STATUS_EMPTY`, `_INITIALIZING`, `_READY` or `_UPDATING`."""

    status: str = ""


class EngineCorpus(msgspec.Struct, frozen=True, rename="camel"):
    corpus_id: str
    stats: EngineCorpusStats = EngineCorpusStats()


class EngineSource(msgspec.Struct, frozen=True, rename="camel"):
    source_id: str


class _VoicePage(msgspec.Struct, frozen=True):
    results: list[EngineVoice]
    next: str | None = None


class _Upload(msgspec.Struct, frozen=True, rename="camel"):
    document_id: str
    presigned_url: str


class EngineLibrary:
    """Voices and corpora, by the calls' own client. Every method raises `EngineApiError` in one of its
    kinds.
    """

    def __init__(self, client: UltravoxClient) -> None:
        self._client = client

    async def list_voices(self) -> tuple[EngineVoice, ...]:
        """All voices, of all pages."""
        voices: list[EngineVoice] = []
        path = f"/voices?pageSize={PAGE_SIZE}"
        for _ in range(MAX_PAGES):
            page = await self._client.ask("GET", path, _VoicePage)
            voices += page.results
            if not page.next:
                break
            path = f"/voices?{URL(page.next, encoded=True).raw_query_string}"
        return tuple(voices)

    async def get_voice(self, voice_id: str) -> EngineVoice:
        return await self._client.ask("GET", f"/voices/{_segment(voice_id)}", EngineVoice)

    async def voice_sample(self, voice_id: str) -> bytes:
        """How a voice of the engine's sounds: a file of audio."""
        try:
            return await self._client.ask_file("GET", f"/voices/{_segment(voice_id)}/preview")
        except EngineElsewhereError as elsewhere:
            return await _get(elsewhere.location)

    async def external_voice_sample(self, name: str, definition: dict[str, Any]) -> bytes:
        """How a provider's voice sounds, which the engine has speak for this."""
        body = {"name": name, "definition": definition}
        return await self._client.ask_file("POST", "/voice_preview", body, deadline_s=SAMPLE_TIMEOUT_S)

    async def create_corpus(self, name: str, description: str | None) -> EngineCorpus:
        body = {"name": name} | ({"description": description} if description else {})
        return await self._client.ask("POST", "/corpora", EngineCorpus, body, 201)

    async def get_corpus(self, corpus_id: str) -> EngineCorpus:
        return await self._client.ask("GET", f"/corpora/{_segment(corpus_id)}", EngineCorpus)

    async def delete_corpus(self, corpus_id: str) -> None:
        await self._client.ask("DELETE", f"/corpora/{_segment(corpus_id)}", None, success=204)

    async def add_pages(self, corpus_id: str, name: str, url: str) -> EngineSource:
        """Have a page of the web read."""
        crawl = {"startUrls": [url], "maxDepth": 0}
        return await self._add_source(corpus_id, {"name": name, "crawl": crawl})

    async def add_text(self, corpus_id: str, name: str, text: str) -> EngineSource:
        """Add a document of plain text: it is uploaded first, then made a source."""
        path = f"/corpora/{_segment(corpus_id)}/uploads"
        wanted = {"mimeType": TEXT_TYPE, "fileName": name}
        upload = await self._client.ask("POST", path, _Upload, wanted, 201)
        await _put(upload.presigned_url, text.encode())
        documents = {"documentIds": [upload.document_id]}
        return await self._add_source(corpus_id, {"name": name, "upload": documents})

    async def _add_source(self, corpus_id: str, body: dict[str, Any]) -> EngineSource:
        path = f"/corpora/{_segment(corpus_id)}/sources"
        return await self._client.ask("POST", path, EngineSource, body, 201)


async def _put(url: str, content: bytes) -> None:
    """Upload a file to where the engine wants it. Our key does not go there: the address is permission."""
    timeout = aiohttp.ClientTimeout(total=UPLOAD_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.put(
                URL(url, encoded=True),
                data=content,
                headers={"Content-Type": TEXT_TYPE},
                allow_redirects=False,
            ) as response,
        ):
            if not 200 <= response.status < 300:
                raise EngineProtocolError(f"the upload was answered with HTTP status {response.status}")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise EngineUnreachableError(f"the upload failed: {type(error).__name__}") from error


async def _get(url: str) -> bytes:
    """Fetch a file from where the engine says that it is. Our key does not go there."""
    timeout = aiohttp.ClientTimeout(total=SAMPLE_TIMEOUT_S)
    content = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(URL(url, encoded=True), allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise EngineProtocolError(f"the file was answered with HTTP status {response.status}")
            async for piece in response.content.iter_any():
                content += piece
                if len(content) > LARGEST_SAMPLE:
                    raise EngineProtocolError(f"the file is larger than {LARGEST_SAMPLE} bytes")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise EngineUnreachableError(f"the file was not to be had: {type(error).__name__}") from error
    return bytes(content)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
