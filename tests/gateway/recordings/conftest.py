"""An archive over a real store, a real encoder process and a real directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.call import Call, Clock
from gateway.metrics import GatewayMetrics
from gateway.recordings.archive import ArchiveSettings, RecordingArchive
from gateway.recordings.disk_storage import DiskStorage
from gateway.recordings.storage import RecordingStorage
from gateway.webhooks.call_journal import CallJournal
from media.encoder_client import EncoderClient
from store import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus, Organization, RecordingStatus
from store.writer import CallWriter
from tests.media.test_recording_encoder import recording
from tests.support.audio import tone

T0 = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@dataclass
class Scene:
    """`now` is the time of day that the archive and its calls see."""

    directory: Path
    store: Store
    writer: CallWriter
    organization_id: str
    encoder: EncoderClient = field(default_factory=EncoderClient)
    storages: dict[str, RecordingStorage] = field(default_factory=dict)
    keep_in: str = "disk"
    settings: dict[str, Any] = field(default_factory=dict)
    live: dict[str, Call] = field(default_factory=dict)
    now: datetime = T0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics: GatewayMetrics = field(init=False)
    archives: list[RecordingArchive] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = GatewayMetrics(self.registry)
        self.storages["disk"] = DiskStorage(self.directory / "kept")

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now)

    def archive(self) -> RecordingArchive:
        """As after a start of the gateway: another one over the same files and calls."""
        made = RecordingArchive(
            ArchiveSettings(self.directory / "live", **self.settings),
            self.storages,
            self.keep_in,
            self.encoder,
            self.store,
            self.writer,
            CallJournal(self.writer).save,
            self.metrics,
            self.live.get,
            self.clock,
        )
        self.archives.append(made)
        return made

    def wav(self, call_id: str, duration_ms: float = 1500) -> Path:
        """The finished recording of a call: 440 Hz left, 1000 Hz right."""
        path = self.directory / "live" / f"{call_id}.wav"
        path.parent.mkdir(exist_ok=True)
        recording(path, tone(440, duration_ms), tone(1000, duration_ms))
        return path

    async def ended_call(
        self,
        status: RecordingStatus = RecordingStatus.RECORDING,
        *,
        age: timedelta = timedelta(0),
        wav: bool = True,
        **fields: Any,
    ) -> Call:
        """A call that is over, in the store with a step on its timeline, and its WAV file."""
        call_id = uuid7()
        record = CallRecord(
            id=call_id,
            organization_id=self.organization_id,
            status=CallStatus.IN_PROGRESS,
            direction=CallDirection.INBOUND,
            agent_id="agent",
            created_at=T0 - age,
            recording_path=str(self.wav(call_id)) if wav else str(self.directory / "live" / f"{call_id}.wav"),
            recording_status=status,
            **fields,
        )
        call = Call(record, CallJournal(self.writer).save, self.clock)
        call.step("answered")
        call.update(status=CallStatus.ENDED, ended_at=T0 - age)
        call.save()
        await self.writer.flush()
        return call

    async def stored(self, call: Call) -> CallRecord:
        await self.writer.flush()
        found = await self.store.calls.find(call.id)
        assert found is not None
        return found

    async def kinds(self, call: Call) -> list[str]:
        await self.writer.flush()
        return [event.kind for event in await self.store.calls.timeline(call.id)]

    async def settled(self, archive: RecordingArchive) -> None:
        """Every job is done."""
        async with asyncio.timeout(20):
            while archive.waiting:
                await asyncio.sleep(0.01)

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("trunkline_recordings_total", {"result": result}) or 0.0


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = await Store.open("sqlite:///:memory:")
    writer = CallWriter(store.calls)
    writer.start()
    organization = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(organization)
    made = Scene(tmp_path, store, writer, organization.id)
    yield made
    for archive in made.archives:
        await archive.close()
    await writer.close()
    await store.close()
