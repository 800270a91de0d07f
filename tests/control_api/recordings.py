"""Kept recordings for the API to serve: a real archive over the world's store and its directory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.metrics import GatewayMetrics
from gateway.recordings.archive import ArchiveSettings, RecordingArchive
from gateway.recordings.disk_storage import DiskStorage
from gateway.recordings.links import LinkSigner
from gateway.recordings.service import RecordingService
from gateway.webhooks.call_journal import CallJournal
from media.encoder_client import EncoderClient
from store import Store
from store.records import RecordingFile, RecordingStatus
from store.writer import CallWriter

LINK_TTL_S = 3600


class Times:
    """Seconds since 1970, as the test wants them."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def directory_of(store: Store) -> Path:
    """Where the recordings of a world are kept."""
    return Path(store.database.engine.url.database or "").parent / "kept"


def recordings_of(
    store: Store, times: Times | None = None, public_url: str | None = None
) -> RecordingService:
    writer = CallWriter(store.calls)
    writer.start()
    archive = RecordingArchive(
        ArchiveSettings(directory_of(store).with_name("live")),
        {"disk": DiskStorage(directory_of(store))},
        "disk",
        EncoderClient(),
        store,
        writer,
        CallJournal(writer).save,
        GatewayMetrics(CollectorRegistry()),
        lambda call_id: None,
    )
    signer = LinkSigner(b"a secret of the tests", LINK_TTL_S)
    return RecordingService(archive, signer, public_url, times or Times())


def kept(store: Store, content: bytes, format: str = "mp3") -> dict[str, Any]:
    """Fields of a call whose recording is this."""
    directory_of(store).mkdir(exist_ok=True)
    (directory_of(store) / "sound").write_bytes(content)
    return {
        "recording_status": RecordingStatus.READY,
        "recording_file": RecordingFile(
            location="disk:sound",
            format=format,
            channels=2,
            sample_rate=8000,
            duration_ms=61_480,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        ),
    }
