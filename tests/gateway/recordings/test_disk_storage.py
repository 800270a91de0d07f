import asyncio
import errno
import os
import threading
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from gateway.recordings.disk_storage import DiskStorage
from gateway.recordings.storage import MissingFileError, StorageError

DIGEST = "0" * 64


async def publish(storage: DiskStorage, tmp_path: Path, content: bytes, name: str = "2026/01/a.mp3") -> str:
    source = tmp_path / "encoded"
    source.write_bytes(content)
    location = await storage.publish(source, name, "audio/mpeg", DIGEST)
    assert not source.exists()
    return location


async def collect(storage: DiskStorage, location: str, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in await storage.read(location, start, stop)])


async def test_what_was_published_is_read_in_any_range_and_deleted(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    content = os.urandom(600_000)
    location = await publish(storage, tmp_path, content)
    kept = tmp_path / "kept" / "2026" / "01" / "a.mp3"
    assert location == "disk:2026/01/a.mp3"
    assert kept.read_bytes() == content
    assert kept.stat().st_mode & 0o777 == 0o600
    assert await collect(storage, location, 0, 600_000) == content
    assert await collect(storage, location, 100, 400_000) == content[100:400_000]
    await storage.delete(location)
    assert not kept.exists()
    with pytest.raises(MissingFileError):
        await storage.read(location, 0, 1)
    await storage.delete(location)


async def test_publishing_again_replaces(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    await publish(storage, tmp_path, b"old")
    location = await publish(storage, tmp_path, b"new")
    assert await collect(storage, location, 0, 3) == b"new"


async def test_on_another_file_system_the_file_still_appears_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    seen: list[str] = []

    def between_file_systems(source: Path, target: Path) -> None:
        seen.append(source.name)
        if source.name == "encoded":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", between_file_systems)
    storage = DiskStorage(tmp_path / "kept")
    location = await publish(storage, tmp_path, b"sound")
    assert seen == ["encoded", "a.mp3.part"]
    assert await collect(storage, location, 0, 5) == b"sound"
    assert [path.name for path in (tmp_path / "kept" / "2026" / "01").iterdir()] == ["a.mp3"]


async def test_what_is_deleted_while_it_is_put_in_its_place_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    begun, go_on = threading.Event(), threading.Event()

    def slowly(source: Path, target: Path) -> None:
        begun.set()
        assert go_on.wait(5.0)
        replace(source, target)

    monkeypatch.setattr(os, "replace", slowly)
    storage = DiskStorage(tmp_path / "kept")
    publishing = asyncio.create_task(publish(storage, tmp_path, b"sound"))
    await asyncio.to_thread(begun.wait, 5.0)
    publishing.cancel()

    async def delete() -> None:
        await asyncio.gather(publishing, return_exceptions=True)
        await storage.delete(storage.location("2026/01/a.mp3"))

    deleting = asyncio.create_task(delete())
    await asyncio.wait([deleting], timeout=0.2)  # enough for one that does not wait for the thread
    go_on.set()
    await deleting
    assert publishing.cancelled()
    await asyncio.get_running_loop().shutdown_default_executor()  # whatever still ran has ended
    assert list((tmp_path / "kept" / "2026" / "01").iterdir()) == []


async def test_reading_goes_on_when_the_file_is_deleted_meanwhile(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    location = await publish(storage, tmp_path, b"x" * 600_000)
    pieces = await storage.read(location, 0, 600_000)
    first = await anext(pieces)
    await storage.delete(location)
    assert len(first) + sum([len(piece) async for piece in pieces]) == 600_000


async def test_a_reader_that_goes_away_leaves_no_open_file(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    location = await publish(storage, tmp_path, b"x" * 600_000)
    before = psutil.Process().num_fds()
    async with aclosing(await storage.read(location, 0, 600_000)) as pieces:
        await anext(pieces)
    assert psutil.Process().num_fds() == before


async def test_a_reader_who_only_asks_leaves_no_file_open(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    location = await publish(storage, tmp_path, b"content")
    before = psutil.Process().num_fds()
    for _ in range(3):
        await (await storage.read(location, 0, 7)).aclose()  # as for a HEAD request
    assert psutil.Process().num_fds() == before


async def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path / "kept")
    location = await publish(storage, tmp_path, b"short")
    with pytest.raises(StorageError, match="shorter"):
        await collect(storage, location, 0, 10)


async def test_a_directory_that_cannot_be_written_is_found_by_the_probe(tmp_path: Path) -> None:
    await DiskStorage(tmp_path / "kept").probe()
    assert list((tmp_path / "kept").iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        await DiskStorage(tmp_path / "file" / "kept").probe()


@pytest.mark.parametrize("location", ["disk:../secret", "disk:/etc/passwd", "disk:a/../../b"])
async def test_no_name_leads_out_of_the_directory(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_text("x")
    storage = DiskStorage(tmp_path / "kept")
    with pytest.raises(MissingFileError):
        await storage.read(location, 0, 1)
