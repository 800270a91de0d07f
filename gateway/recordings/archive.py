"""What becomes of a recording when it is finished: encoded, stored, made known, served, deleted.

A call's recording is `processing` from the end of the WAV file on, and `ready` once the encoded file is kept
and the store knows where. The WAV file goes last, so that whatever stops this half-way, a crash included, is
done again from the beginning at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from gateway.call import Call, ChangeSink, Clock
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.metrics import GatewayMetrics
from gateway.recordings.storage import MissingFileError, RecordingStorage, StorageError
from gateway.webhooks.event_names import EventName
from media.encoder_client import EncoderClient, EncoderLostError
from media.encoding import Encoded, EncodingError, EncodingJob, RecordingFormat
from media.messages import RecordingFinished
from store.database import Store
from store.records import CallRecord, RecordingFile, RecordingStatus
from store.writer import CallWriter

log = structlog.get_logger(__name__)

EXTENSION = {RecordingFormat.MP3: "mp3", RecordingFormat.OPUS: "opus", RecordingFormat.WAV: "wav"}
CONTENT_TYPE = {
    RecordingFormat.MP3: "audio/mpeg",
    RecordingFormat.OPUS: "audio/ogg; codecs=opus",
    RecordingFormat.WAV: "audio/wav",
}
# An encoder that dies may have been killed for want of memory; one that dies twice dies of this file.
ENCODING_ATTEMPTS = 2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
# Uploads at once.
PUBLISH_LIMIT = 4
CLOSE_PATIENCE_S = 5.0
# A call that ended so long ago and whose recording nobody works on was forgotten.
FORGOTTEN_AFTER = timedelta(minutes=10)

_EMPTY, _DELETED = "recording-empty", "recording-deleted"
_LEFT_NOTHING = (_EMPTY, _DELETED)


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """`live` is where recordings are while they are made and until they are kept."""

    live: Path
    format: RecordingFormat = RecordingFormat.MP3
    channels: int = 2
    bitrate_kbps: int | None = None
    node_id: str | None = None  # whose recordings are taken up; None: all


@dataclass(slots=True)
class _Job:
    call: Call
    source: Path
    task: asyncio.Task[None] = field(init=False)


class RecordingArchive:
    """All recordings of this gateway. All methods run on its event loop."""

    def __init__(
        self,
        settings: ArchiveSettings,
        storages: Mapping[str, RecordingStorage],
        keep_in: str,
        encoder: EncoderClient,
        store: Store,
        writer: CallWriter,
        save: ChangeSink,
        metrics: GatewayMetrics,
        live_call: Callable[[str], Call | None],
        clock: Clock | None = None,
    ) -> None:
        """`storages` by their schemes; new recordings go to `keep_in`, older ones are found in any. `save`
        takes the states of calls that are over, `writer` is where they end up.
        """
        self._settings = settings
        self._storages = storages
        self._storage = storages[keep_in]
        self._encoder = encoder
        self._store = store
        self._writer = writer
        self._save = save
        self._metrics = metrics
        self._live_call = live_call
        self._clock = clock or Clock()
        self._jobs: dict[str, _Job] = {}
        self._publishing = asyncio.Semaphore(PUBLISH_LIMIT)
        self._deleting = asyncio.Lock()
        self._probe: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def live_directory(self) -> Path:
        """Where recordings are made."""
        return self._settings.live

    @property
    def waiting(self) -> int:
        """Recordings that are finished and not kept yet."""
        return len(self._jobs)

    def call(self, call_id: str) -> Call | None:
        """The call whose recording is being kept."""
        job = self._jobs.get(call_id)
        return job.call if job is not None else None

    # --- start and stop ---

    async def start(self) -> None:
        """Try the storage and take up what the last run left. Takes no calls' time: a storage that is away
        is told in the log and tried again with each recording.
        """
        self._probe = asyncio.create_task(self._try_storage(), name="recording-storage-probe")
        await self._clear_live_directory()
        taken_up = await self.take_up(timedelta(0))
        if taken_up:
            log.warning("recordings_taken_up", count=taken_up)

    async def _try_storage(self) -> None:
        try:
            await self._storage.probe()
        except StorageError as error:
            log.error("recording_storage_unusable", storage=self._storage.scheme, error=str(error))

    async def close(self) -> None:
        """Finish what can be finished in a moment; the rest is done after the next start."""
        self._closed = True
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        if self._jobs:
            await asyncio.wait([job.task for job in self._jobs.values()], timeout=CLOSE_PATIENCE_S)
        unfinished = [job.task for job in self._jobs.values()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._encoder.close()
        for storage in self._storages.values():
            await storage.close()

    async def take_up(self, ended_before: timedelta = FORGOTTEN_AFTER) -> int:
        """Go on with recordings that are not kept and that nobody works on; how many there were."""
        limit = self._clock.now() - ended_before
        count = 0
        for record in await self._store.calls.unfinished_recordings(node_id=self._settings.node_id):
            idle = record.id not in self._jobs and self._live_call(record.id) is None
            if idle and record.ended_at is not None and record.ended_at <= limit:
                self._process(await self._taken_up(record))
                count += 1
        return count

    async def _taken_up(self, record: CallRecord) -> Call:
        timeline = await self._store.calls.timeline(record.id)
        return Call.taken_up(record, timeline, self._save, self._clock)

    async def _clear_live_directory(self) -> None:
        """Remove what a crash left behind a recording that was kept or deleted, and take up what it left of
        one that was only just begun.
        """
        for path in await asyncio.to_thread(_files, self._settings.live):
            call_id = path.name.partition(".")[0]
            if call_id in self._jobs or self._live_call(call_id) is not None:
                continue  # calls are taken already: this one is not of the last run
            record = await self._store.calls.find(call_id)
            if path.suffix == ".part":
                await asyncio.to_thread(path.unlink, missing_ok=True)
            elif record is None:
                log.warning("recording_of_no_call", path=str(path))
            elif record.recording_status is RecordingStatus.READY:
                await asyncio.to_thread(path.unlink, missing_ok=True)
            elif record.recording_status is RecordingStatus.NONE:
                call = await self._taken_up(record)
                if any(event.kind in _LEFT_NOTHING for event in call.timeline):
                    await asyncio.to_thread(path.unlink, missing_ok=True)
                else:
                    call.update(recording_path=str(path))
                    self._process(call)

    # --- from WAV to what is kept ---

    def finished(self, call: Call, event: RecordingFinished) -> None:
        """The WAV file is closed, or its writer is gone."""
        if event.error is None and event.duration_ms == 0:
            call.update(recording_status=RecordingStatus.NONE, recording_path=None)
            call.step(_EMPTY)
            call.save()
            task = asyncio.ensure_future(asyncio.to_thread(Path(event.path).unlink, missing_ok=True))
            task.add_done_callback(_noted)
            return
        self._process(call)

    def _process(self, call: Call) -> None:
        call.update(recording_status=RecordingStatus.PROCESSING)
        call.save()
        if self._closed or call.id in self._jobs:
            return
        source = Path(call.record.recording_path or "")
        job = self._jobs[call.id] = _Job(call, source)
        job.task = asyncio.create_task(self._keep(call, source), name=f"recording-{call.id}")
        job.task.add_done_callback(lambda task: self._done(call.id, task))

    def _done(self, call_id: str, task: asyncio.Task[None]) -> None:
        self._jobs.pop(call_id, None)
        _noted(task)

    async def _keep(self, call: Call, source: Path) -> None:
        part = source.with_suffix(".part")
        begun = self._clock.monotonic()
        try:
            encoded = await self._encode(source, part)
        except EncodingError as error:
            self._metrics.recordings.labels("failed").inc()
            log.error("recording_failed", call_id=call.id, path=str(source), error=str(error))
            call.update(recording_status=RecordingStatus.FAILED)
            call.step("recording-failed", error=str(error))
            call.save()
            return
        self._metrics.recording_encode.observe(self._clock.monotonic() - begun)
        location = await self._publish(call.id, part, _name(call.record, self._settings.format), encoded)
        file = RecordingFile(
            location=location,
            format=str(self._settings.format),
            channels=encoded.channels,
            sample_rate=encoded.sample_rate,
            duration_ms=encoded.duration_ms,
            size_bytes=encoded.size_bytes,
            sha256=encoded.sha256,
        )
        call.update(recording_status=RecordingStatus.READY, recording_file=file, recording_path=None)
        call.step(
            "call.recording.ready",
            format=file.format,
            duration_ms=file.duration_ms,
            size_bytes=file.size_bytes,
        )
        call.publish(EventName.CALL_RECORDING_READY)
        call.save()
        self._metrics.recordings.labels("ready").inc()
        await self._writer.flush()  # only now nobody needs the WAV file any more
        await asyncio.to_thread(source.unlink, missing_ok=True)

    async def _encode(self, source: Path, part: Path) -> Encoded:
        """Raises `EncodingError`."""
        job = EncodingJob(
            source=str(source),
            target=str(part),
            format=self._settings.format,
            channels=self._settings.channels,
            bitrate_kbps=self._settings.bitrate_kbps,
        )
        for attempt in range(1, ENCODING_ATTEMPTS + 1):
            try:
                return await self._encoder.encode(job)
            except EncoderLostError as error:
                log.warning("recording_encoder_lost", path=job.source, attempt=attempt, error=str(error))
        raise EncodingError(f"the encoder died {ENCODING_ATTEMPTS} times")

    async def _publish(self, call_id: str, part: Path, name: str, encoded: Encoded) -> str:
        """Store the file, however long that takes."""
        content_type = CONTENT_TYPE[self._settings.format]
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with self._publishing:
                    return await self._storage.publish(part, name, content_type, encoded.sha256)
            except StorageError as error:
                log.warning("recording_not_stored", call_id=call_id, error=str(error), retry_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    # --- what is kept ---

    async def read(self, record: CallRecord, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a recording from `start` up to `stop`. Raises `NotFoundError`, `UnavailableError`."""
        assert record.recording_file is not None
        location = record.recording_file.location
        try:
            return await self._storage_of(location).read(location, start, stop)
        except MissingFileError as error:
            raise NotFoundError("The recording is gone.", code="recording_not_found") from error
        except StorageError as error:
            log.error("recording_not_read", call_id=record.id, error=str(error))
            raise UnavailableError("The recording cannot be read now.", retry_after=10) from error

    async def find(self, call_id: str) -> CallRecord | None:
        """The call of a recording, of whatever organisation."""
        call = self._live_call(call_id)
        if call is not None:
            return call.record
        if self._writer.waiting:
            await self._writer.flush()
        return await self._store.calls.find(call_id)

    async def delete(self, record: CallRecord, by: str) -> None:
        """Remove a recording for good. Raises `ConflictError` while it is made, `NotFoundError` when there is
        none, `UnavailableError` when the storage does not answer.
        """
        async with self._deleting:
            job = self._jobs.get(record.id)
            call = job.call if job is not None else self._live_call(record.id)
            if call is None:
                await self._writer.flush()
                stored = await self._store.calls.find(record.id)
                if stored is None:
                    raise NotFoundError(f"no call {record.id}", call_id=record.id)
                call = await self._taken_up(stored)
            if call.record.recording_status is RecordingStatus.RECORDING:
                raise ConflictError("The call is being recorded; stop that first.", code="recording_running")
            if call.record.recording_status is RecordingStatus.NONE:
                raise NotFoundError("The call has no recording.", code="recording_not_found")
            if job is not None:
                job.task.cancel()
                await asyncio.gather(job.task, return_exceptions=True)
            await self._remove_files(call.record, job.source if job is not None else None)
            call.update(recording_status=RecordingStatus.NONE, recording_file=None, recording_path=None)
            call.step(_DELETED, by=by)
            call.save()
            self._metrics.recordings.labels("deleted").inc()
            await self._writer.flush()

    async def _remove_files(self, record: CallRecord, source: Path | None) -> None:
        if record.recording_path is not None:
            source = Path(record.recording_path)
        if record.recording_file is not None:
            location = record.recording_file.location
        else:  # it may have been stored a moment before anybody was told where
            location = self._storage.location(_name(record, self._settings.format))
        try:
            await self._storage_of(location).delete(location)
            if source is not None:
                for path in (source, source.with_suffix(".part")):
                    await asyncio.to_thread(path.unlink, missing_ok=True)
        except (StorageError, OSError) as error:
            log.error("recording_not_deleted", call_id=record.id, error=str(error))
            raise UnavailableError("The recording cannot be deleted now.", retry_after=10) from error

    def _storage_of(self, location: str) -> RecordingStorage:
        scheme = location.partition(":")[0]
        storage = self._storages.get(scheme)
        if storage is None:
            raise StorageError(f"no storage {scheme} is configured")
        return storage


def _name(record: CallRecord, format: RecordingFormat) -> str:
    """Where a call's recording is kept: by day, so that no directory grows without end."""
    return f"{record.created_at:%Y/%m/%d}/{record.id}.{EXTENSION[format]}"


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if path.is_file()] if directory.is_dir() else []


def _noted(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("recording_job_crashed", exc_info=task.exception())
