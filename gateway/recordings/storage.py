"""Where finished recordings are kept: what every kind of storage can do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol


class StorageError(Exception):
    """The storage refused or did not answer; the same may succeed later."""


class MissingFileError(StorageError):
    """There is no such file, or no longer."""


class RecordingStorage(Protocol):
    """Keeps files under names such as `2026/01/31/<id>.mp3`. A `location` is what it called one of them."""

    @property
    def scheme(self) -> str:
        """The word before the colon of all its locations."""

    def location(self, name: str) -> str:
        """What a file of this name is called, whether there is one or not."""

    async def probe(self) -> None:
        """Find out whether files could be kept. Raises `StorageError`."""

    async def publish(self, source: Path, name: str, content_type: str, sha256: str) -> str:
        """Keep `source`, whole or not at all, in place of an older one of that name; its location. The source
        is gone afterwards. Raises `StorageError`.
        """

    async def read(self, location: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `stop`, in pieces. Raises `MissingFileError`, `StorageError`."""

    async def delete(self, location: str) -> None:
        """Remove a file; one that is not there is removed. Raises `StorageError`."""

    async def close(self) -> None:
        """Give back connections."""
