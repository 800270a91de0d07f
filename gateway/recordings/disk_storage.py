"""Recordings in a directory of this machine, or of a file system that is mounted on it."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

from gateway.recordings.storage import MissingFileError, StorageError

SCHEME = "disk"
READ_BYTES = 1 << 18
DIRECTORY_MODE = 0o700

T = TypeVar("T")


class DiskStorage:
    """A directory tree. Every access happens in a thread."""

    scheme = SCHEME

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def location(self, name: str) -> str:
        return f"{SCHEME}:{name}"

    async def probe(self) -> None:
        def write() -> None:
            self._directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            trial = self._directory / f".probe-{os.getpid()}"
            trial.write_bytes(b"")
            trial.unlink()

        await _in_thread(write)

    async def publish(self, source: Path, name: str, content_type: str, sha256: str) -> str:
        moving = asyncio.ensure_future(_in_thread(lambda: _move(source, self._path(name))))
        try:
            await asyncio.shield(moving)
        except asyncio.CancelledError:
            # A thread cannot be stopped: whoever deletes next must find the file, not be overtaken by it.
            await asyncio.wait([moving])
            raise
        return self.location(name)

    async def read(self, location: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        path = self._path(location.removeprefix(f"{SCHEME}:"))
        descriptor = await _in_thread(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        pieces = _pieces(descriptor, start, stop)
        await anext(pieces)  # begun, since closing a generator that never ran closes nothing in it
        return pieces

    async def delete(self, location: str) -> None:
        path = self._path(location.removeprefix(f"{SCHEME}:"))
        await _in_thread(lambda: path.unlink(missing_ok=True))

    async def close(self) -> None:
        pass

    def _path(self, name: str) -> Path:
        path = self._directory / name
        if os.path.isabs(name) or ".." in path.parts:
            raise MissingFileError(f"{name} is no name of a recording")
        return path


async def _in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread. Raises `StorageError` for what the disk says."""
    try:
        return await asyncio.to_thread(work)
    except FileNotFoundError as error:
        raise MissingFileError(str(error)) from error
    except OSError as error:
        raise StorageError(str(error)) from error


def _move(source: Path, target: Path) -> None:
    """Put the file in its place at once, and the place on the disk."""
    target.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(target.name + ".part")  # on the other side of the border it is copied first
        shutil.copyfile(source, part)
        with part.open("rb+") as copy:
            os.fsync(copy.fileno())
        os.replace(part, target)
        source.unlink()
    target.chmod(0o600)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


async def _pieces(descriptor: int, start: int, stop: int) -> AsyncGenerator[bytes, None]:
    try:
        yield b""
        while start < stop:
            piece = await asyncio.to_thread(os.pread, descriptor, min(READ_BYTES, stop - start), start)
            if not piece:
                raise StorageError("the file is shorter than it was")
            start += len(piece)
            yield piece
    finally:
        os.close(descriptor)
