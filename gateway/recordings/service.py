"""Recordings as the API sees them: links, what a link leads to, deletion."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from gateway.errors import ForbiddenError, NotFoundError
from gateway.recordings.archive import CONTENT_TYPE, EXTENSION, RecordingArchive
from gateway.recordings.links import LinkError, LinkSigner
from media.encoding import RecordingFormat
from store.records import CallRecord, RecordingFile, RecordingStatus

ETAG_DIGITS = 32


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """What a good link leads to."""

    call: CallRecord
    file: RecordingFile
    name: str

    @property
    def content_type(self) -> str:
        return CONTENT_TYPE[RecordingFormat(self.file.format)]

    @property
    def etag(self) -> str:
        """A strong one (RFC 9110 8.8.3): the content's own digest."""
        return f'"{self.file.sha256[:ETAG_DIGITS]}"'


class RecordingService:
    """`public_url` stands before links; without it the address that was asked does. `now` is seconds since
    1970.
    """

    def __init__(
        self,
        archive: RecordingArchive,
        signer: LinkSigner,
        public_url: str | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._archive = archive
        self._signer = signer
        self._public_url = public_url
        self._now = now

    def url(self, call: CallRecord, asked_at: str) -> str | None:
        """A fresh link to a call's recording; None unless there is one. `asked_at` is the base URL of the
        request.
        """
        if call.recording_status is not RecordingStatus.READY or call.recording_file is None:
            return None
        link = self._signer.link(_name(call.id, call.recording_file), self._now())
        return (self._public_url or asked_at.rstrip("/")) + link

    def public_url(self, call: CallRecord) -> str | None:
        """A fresh link for whoever asked nothing; None unless there is a recording and `public_url` is
        configured.
        """
        return None if self._public_url is None else self.url(call, self._public_url)

    async def open(self, name: str, token: str | None, expires: str | None) -> KeptRecording:
        """Raises `ForbiddenError` when the link is not good, `NotFoundError` when the recording is gone."""
        try:
            self._signer.check(name, token, expires, self._now())
        except LinkError as error:
            raise ForbiddenError(str(error), code="link_invalid") from error
        call = await self._archive.find(name.partition(".")[0])
        file = call.recording_file if call is not None else None
        if call is None or file is None or _name(call.id, file) != name:
            raise NotFoundError("The recording is gone.", code="recording_not_found")
        return KeptRecording(call, file, name)

    async def read(self, kept: KeptRecording, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `stop`, in pieces. Raises `NotFoundError`, `UnavailableError`."""
        return await self._archive.read(kept.call, start, stop)

    async def delete(self, call: CallRecord) -> None:
        """Raises `NotFoundError`, `ConflictError` (it is being made), `UnavailableError`."""
        await self._archive.delete(call, "api")


def _name(call_id: str, file: RecordingFile) -> str:
    return f"{call_id}.{EXTENSION[RecordingFormat(file.format)]}"
