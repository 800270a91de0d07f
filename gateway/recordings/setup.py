"""The archive and the links that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.call import Call, ChangeSink
from gateway.config import Config
from gateway.metrics import GatewayMetrics
from gateway.recordings.archive import ArchiveSettings, RecordingArchive
from gateway.recordings.disk_storage import DiskStorage
from gateway.recordings.links import LinkSigner, own_secret
from gateway.recordings.s3_signature import S3Credentials
from gateway.recordings.s3_storage import Bucket, S3Storage
from gateway.recordings.storage import RecordingStorage
from media.encoder_client import EncoderClient
from media.encoding import RecordingFormat
from store.database import Store
from store.writer import CallWriter

SECRET_FILE = "recording_link.key"
LIVE_DIRECTORY = "live"
AWS_ENDPOINT = "https://s3.{region}.amazonaws.com"


def open_archive(
    config: Config,
    store: Store,
    writer: CallWriter,
    save: ChangeSink,
    metrics: GatewayMetrics,
    live_call: Callable[[str], Call | None],
) -> RecordingArchive:
    """Made, not started. The disk is always among the storages, for recordings of the time before S3."""
    section = config.recordings
    storages: dict[str, RecordingStorage] = {"disk": DiskStorage(_directory(config))}
    if section.storage == "s3":
        storages["s3"] = S3Storage(_bucket(config))
    return RecordingArchive(
        ArchiveSettings(
            # Absolute, because workers and encoder need not share our working directory.
            live=(config.data_dir / "recordings" / LIVE_DIRECTORY).absolute(),
            format=RecordingFormat(section.format),
            channels=1 if section.channels == "mono" else 2,
            bitrate_kbps=section.bitrate,
            node_id=config.cluster.own_node_id(),
        ),
        storages,
        section.storage,
        EncoderClient(),
        store,
        writer,
        save,
        metrics,
        live_call,
    )


def open_links(config: Config) -> LinkSigner:
    """Raises `ConfigurationError`."""
    section = config.recordings
    if section.link_secret is not None:
        secret = section.link_secret.encode()
    else:
        secret = own_secret(config.data_dir / SECRET_FILE)
    return LinkSigner(secret, section.link_ttl)


def _directory(config: Config) -> Path:
    return config.recordings.directory or config.data_dir / "recordings"


def _bucket(config: Config) -> Bucket:
    section = config.recordings
    assert section.s3_bucket is not None
    assert section.s3_access_key_id is not None
    assert section.s3_secret_access_key is not None
    return Bucket(
        endpoint=section.s3_endpoint or AWS_ENDPOINT.format(region=section.s3_region),
        name=section.s3_bucket,
        prefix=section.s3_prefix,
        credentials=S3Credentials(section.s3_access_key_id, section.s3_secret_access_key, section.s3_region),
    )
