"""The voices that an organisation may choose from: those it imported, and the engine's own.

An imported voice has an identifier of ours; one of the engine's keeps the engine's, so that both are the same
from day to day. What the engine has is asked for now and then and remembered, so that a list costs no request
each time, and still answers for a while when the engine is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import structlog

from gateway.directory import Directory
from gateway.engine_voices import ENGINE, engine_voice, external_voice
from gateway.errors import ConflictError, EngineError, InvalidRequestError, NotFoundError
from media.ultravox.errors import EngineApiError, EngineRefusedError
from media.ultravox.library import EngineLibrary, EngineVoice
from store.agent_part_records import Voice
from store.agent_parts import AgentPartRepositories
from store.identifiers import uuid7
from store.records import Page

log = structlog.get_logger(__name__)

FRESH_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedVoice:
    """A voice as it is shown: `imported` ones are the organisation's, others the engine's."""

    id: str
    name: str
    provider: str
    provider_voice_id: str
    imported: bool
    description: str | None = None
    language: str | None = None
    created_at: datetime | None = None


class VoiceService:
    """Raises `gateway.errors`."""

    def __init__(self, directory: Directory, parts: AgentPartRepositories, library: EngineLibrary) -> None:
        self._directory = directory
        self._parts = parts
        self._library = library
        self._known: dict[str, EngineVoice] = {}
        self._asked_at: float | None = None

    async def import_voice(
        self,
        organization_id: str,
        *,
        name: str,
        provider: str,
        provider_voice_id: str,
        description: str | None = None,
        voice_id: str | None = None,
    ) -> OfferedVoice:
        """Make a provider's voice one of the organisation's. Raises `ConflictError` when it is already."""
        voice = Voice(
            id=voice_id or uuid7(),
            organization_id=organization_id,
            name=name,
            provider=provider,
            provider_voice_id=provider_voice_id,
            created_at=datetime.now(UTC),
            description=description,
        )
        return _imported(await self._directory.add_voice(voice))

    async def list(
        self, organization_id: str, *, name: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[OfferedVoice]:
        """The imported ones, newest first, then the engine's by name. Raises `EngineError`."""
        own = await self._parts.voices.list(organization_id, limit, offset, name)
        engine = [
            voice
            for voice in await self._engine_voices()
            if name is None or name.casefold() in voice.name.casefold()
        ]
        begin = max(0, offset - own.total)
        room = limit - len(own.items)
        items = (*map(_imported, own.items), *map(_engines, engine[begin : begin + room]))
        return Page(items, own.total + len(engine), limit, offset)

    async def get(self, organization_id: str, voice_id: str) -> OfferedVoice:
        """Raises `NotFoundError`; `EngineError` when only the engine could know."""
        own = self._directory.voice(voice_id)
        if own is not None:
            if own.organization_id != organization_id:
                raise _not_found(voice_id)
            return _imported(own)
        try:
            found = await self._ask(voice_id)
        except EngineApiError as error:
            raise EngineError(f"The voice engine could not be asked: {error}") from error
        if found is None:
            raise _not_found(voice_id)
        return _engines(found)

    async def sample(self, organization_id: str, voice_id: str) -> bytes:
        """How a voice sounds: a file of audio. Raises `NotFoundError`; `EngineError` when the engine cannot
        have it speak.
        """
        own = self._directory.voice(voice_id)
        if own is not None and own.organization_id != organization_id:
            raise _not_found(voice_id)
        try:
            external = external_voice(own)
            if own is not None and external is not None:
                return await self._library.external_voice_sample(own.name, external)
            return await self._library.voice_sample(engine_voice(voice_id, own) or voice_id)
        except EngineRefusedError as error:
            if error.status == 404:
                raise _not_found(voice_id) from error
            raise EngineError(f"The voice engine cannot have this voice speak: {error.detail}") from error
        except EngineApiError as error:
            raise EngineError(f"The voice engine could not be asked: {error}") from error

    async def delete(self, organization_id: str, voice_id: str) -> None:
        """Forget an imported voice. Raises `ConflictError` for one of the engine's, or one that is in use."""
        if self._directory.voice(voice_id) is None:
            await self.get(organization_id, voice_id)
            raise ConflictError(
                "This voice is the engine's own and cannot be deleted.", code="voice_not_imported"
            )
        await self._directory.remove_voice(organization_id, voice_id)

    async def check(self, organization_id: str, voice_id: str) -> None:
        """A voice that an agent is to speak with exists. Raises `InvalidRequestError` that names `voice_id`.

        While the engine is away nobody knows its voices: the agent is taken, and the engine says so later.
        """
        own = self._directory.voice(voice_id)
        if own is not None and own.organization_id == organization_id:
            return
        if own is None:
            try:
                if await self._ask(voice_id) is not None:
                    return
            except EngineApiError as error:
                log.info("voice_not_checked", voice_id=voice_id, error=str(error))
                return
        raise InvalidRequestError(f"There is no voice {voice_id}.", field="voice_id")

    async def _ask(self, voice_id: str) -> EngineVoice | None:
        """One of the engine's voices; None when it has no such. Raises `EngineApiError`."""
        known = self._known.get(voice_id)
        if known is not None:
            return known
        try:
            found = await self._library.get_voice(voice_id)
        except EngineRefusedError as error:
            if error.status == 404:
                return None
            raise
        if found.voice_id != voice_id:
            return None  # the engine takes names too; ours are identifiers
        self._known[voice_id] = found
        return found

    async def _engine_voices(self) -> Sequence[EngineVoice]:
        now = monotonic()
        if self._asked_at is None or now - self._asked_at >= FRESH_S:
            try:
                self._known = {voice.voice_id: voice for voice in await self._library.list_voices()}
            except EngineApiError as error:
                if self._asked_at is None:
                    raise EngineError(f"The voice engine could not be asked: {error}") from error
                log.warning("voices_not_refreshed", error=str(error))
            else:
                self._asked_at = now
        return sorted(self._known.values(), key=lambda voice: (voice.name.casefold(), voice.voice_id))


def _imported(voice: Voice) -> OfferedVoice:
    return OfferedVoice(
        id=voice.id,
        name=voice.name,
        provider=voice.provider,
        provider_voice_id=voice.provider_voice_id,
        imported=True,
        description=voice.description,
        created_at=voice.created_at,
    )


def _engines(voice: EngineVoice) -> OfferedVoice:
    return OfferedVoice(
        id=voice.voice_id,
        name=voice.name,
        provider=ENGINE,
        provider_voice_id=voice.voice_id,
        imported=False,
        description=voice.description,
        language=voice.primary_language,
    )


def _not_found(voice_id: str) -> NotFoundError:
    return NotFoundError(f"There is no voice {voice_id}.", id=voice_id)
