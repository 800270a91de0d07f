"""Voices and corpora of an engine that is not there."""

from __future__ import annotations

from typing import Any

from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.library import (
    EngineCorpus,
    EngineCorpusStats,
    EngineLibrary,
    EngineSource,
    EngineVoice,
)
from media.ultravox.rest import UltravoxClient


class InMemoryLibrary(EngineLibrary):
    """Answers at once; with `fault` set, every request meets it."""

    def __init__(self, *voices: EngineVoice) -> None:
        super().__init__(UltravoxClient("http://127.0.0.1:1", "key"))
        self.voices = {voice.voice_id: voice for voice in voices}
        self.corpora: dict[str, list[tuple[str, str]]] = {}
        self.fault: EngineApiError | None = None
        self.fault_of_sources: EngineApiError | None = None
        self.requests = 0

    def _met(self) -> None:
        self.requests += 1
        if self.fault is not None:
            raise self.fault

    async def list_voices(self) -> tuple[EngineVoice, ...]:
        self._met()
        return tuple(self.voices.values())

    async def get_voice(self, voice_id: str) -> EngineVoice:
        self._met()
        if voice_id not in self.voices:
            raise EngineRefusedError(404, "no such voice")
        return self.voices[voice_id]

    async def voice_sample(self, voice_id: str) -> bytes:
        return b"RIFF" + (await self.get_voice(voice_id)).name.encode()

    async def external_voice_sample(self, name: str, definition: dict[str, Any]) -> bytes:
        self._met()
        return b"ID3" + f"{name} {definition}".encode()

    async def create_corpus(self, name: str, description: str | None) -> EngineCorpus:
        self._met()
        corpus_id = f"corpus-{len(self.corpora) + 1}"
        self.corpora[corpus_id] = []
        return EngineCorpus(corpus_id)

    async def get_corpus(self, corpus_id: str) -> EngineCorpus:
        self._met()
        status = "READY" if self.corpora[corpus_id] else "EMPTY"
        return EngineCorpus(corpus_id, EngineCorpusStats(f"CORPUS_STATUS_{status}"))

    async def delete_corpus(self, corpus_id: str) -> None:
        self._met()
        del self.corpora[corpus_id]

    async def add_pages(self, corpus_id: str, name: str, url: str) -> EngineSource:
        return self._added(corpus_id, name, url)

    async def add_text(self, corpus_id: str, name: str, text: str) -> EngineSource:
        return self._added(corpus_id, name, text)

    def _added(self, corpus_id: str, name: str, what: str) -> EngineSource:
        self._met()
        if self.fault_of_sources is not None:
            raise self.fault_of_sources
        self.corpora[corpus_id].append((name, what))
        return EngineSource(f"source-{len(self.corpora[corpus_id])}")
