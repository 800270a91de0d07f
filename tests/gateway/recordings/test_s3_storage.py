"""The bucket over real HTTP, against a server that checks signatures."""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.recordings.s3_signature import S3Credentials
from gateway.recordings.s3_storage import S3Storage
from gateway.recordings.storage import MissingFileError, StorageError
from tests.gateway.recordings.s3_server import S3Server


@pytest.fixture
async def server() -> AsyncIterator[S3Server]:
    async with S3Server() as running:
        yield running


@pytest.fixture
async def storage(server: S3Server) -> AsyncIterator[S3Storage]:
    made = S3Storage(server.bucket())
    yield made
    await made.close()


async def publish(storage: S3Storage, tmp_path: Path, content: bytes, name: str = "2026/a b.mp3") -> str:
    source = tmp_path / "encoded"
    source.write_bytes(content)
    location = await storage.publish(source, name, "audio/mpeg", hashlib.sha256(content).hexdigest())
    assert not source.exists()
    return location


async def collect(storage: S3Storage, location: str, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in await storage.read(location, start, stop)])


async def test_what_was_published_is_read_in_any_range_and_deleted(
    server: S3Server, storage: S3Storage, tmp_path: Path
) -> None:
    content = os.urandom(300_000)
    location = await publish(storage, tmp_path, content)
    assert location == "s3:recordings/calls/2026/a b.mp3"
    assert server.objects == {"calls/2026/a b.mp3": content}
    assert server.content_types == {"calls/2026/a b.mp3": "audio/mpeg"}
    assert await collect(storage, location, 0, 300_000) == content
    assert await collect(storage, location, 70_000, 200_001) == content[70_000:200_001]
    await storage.delete(location)
    assert server.objects == {}
    with pytest.raises(MissingFileError):
        await storage.read(location, 0, 10)
    await storage.delete(location)


async def test_publishing_again_replaces(server: S3Server, storage: S3Storage, tmp_path: Path) -> None:
    await publish(storage, tmp_path, b"old")
    await publish(storage, tmp_path, b"new")
    assert list(server.objects.values()) == [b"new"]


async def test_a_wrong_bucket_is_found_before_a_call_is_recorded(server: S3Server) -> None:
    storage = S3Storage(server.bucket(name="nowhere"))
    with pytest.raises(MissingFileError, match="nowhere"):
        await storage.probe()
    await storage.close()


async def test_a_wrong_secret_is_found_before_a_call_is_recorded(server: S3Server) -> None:
    wrong = replace(server.bucket(), credentials=S3Credentials("key-id", "guessed", "eu-test-1"))
    storage = S3Storage(wrong)
    with pytest.raises(StorageError, match="403"):
        await storage.probe()
    await storage.close()


async def test_a_good_bucket_passes_the_probe(storage: S3Storage) -> None:
    await storage.probe()


async def test_a_refused_upload_leaves_the_file_for_another_try(
    server: S3Server, storage: S3Storage, tmp_path: Path
) -> None:
    server.fail_next = [503]
    source = tmp_path / "encoded"
    source.write_bytes(b"sound")
    with pytest.raises(StorageError, match="503"):
        await storage.publish(source, "a.mp3", "audio/mpeg", hashlib.sha256(b"sound").hexdigest())
    assert source.read_bytes() == b"sound"
    await publish(storage, tmp_path, b"sound")


async def test_a_file_that_changed_on_its_way_is_not_kept(
    server: S3Server, storage: S3Storage, tmp_path: Path
) -> None:
    source = tmp_path / "encoded"
    source.write_bytes(b"changed")
    with pytest.raises(StorageError, match="403"):
        await storage.publish(source, "a.mp3", "audio/mpeg", hashlib.sha256(b"sound").hexdigest())
    assert server.objects == {}


async def test_a_server_that_is_away_is_an_error_of_the_storage(tmp_path: Path) -> None:
    async with S3Server() as server:
        bucket = server.bucket()
    storage = S3Storage(bucket)
    for attempt in (storage.probe(), storage.read("s3:recordings/calls/a", 0, 1)):
        with pytest.raises(StorageError):
            await attempt
    await storage.close()


async def test_a_recording_of_another_bucket_is_not_looked_for_in_ours(storage: S3Storage) -> None:
    with pytest.raises(StorageError, match="bucket old"):
        await storage.read("s3:old/a.mp3", 0, 1)
