"""Recordings in a bucket of S3, or of anything that speaks like it (MinIO, Ceph, R2), addressed by path."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from gateway.recordings.s3_signature import EMPTY_SHA256, S3Credentials, encoded_path, sign
from gateway.recordings.storage import MissingFileError, StorageError

SCHEME = "s3"
READ_BYTES = 1 << 16
ERROR_BYTES = 300
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """`endpoint` is the service's URL without the bucket, `prefix` stands before every name."""

    endpoint: str
    name: str
    prefix: str
    credentials: S3Credentials


class S3Storage:
    """One bucket. Objects are private; they are read through the gateway's own links."""

    scheme = SCHEME

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._session: aiohttp.ClientSession | None = None

    def location(self, name: str) -> str:
        return f"{SCHEME}:{self._bucket.name}/{self._bucket.prefix}{name}"

    async def probe(self) -> None:
        async with self._request("HEAD", ""):
            pass

    async def publish(self, source: Path, name: str, content_type: str, sha256: str) -> str:
        key = self._bucket.prefix + name
        try:
            body = await asyncio.to_thread(source.open, "rb")
            with body:
                size = os.fstat(body.fileno()).st_size
                headers = {"Content-Type": content_type, "Content-Length": str(size)}
                async with self._request("PUT", key, headers, body, sha256):
                    pass
            await asyncio.to_thread(source.unlink)
        except OSError as error:
            raise StorageError(str(error)) from error
        return self.location(name)

    async def read(self, location: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        pieces = self._pieces(self._key(location), start, stop)
        await anext(pieces)  # the answer's head: what is missing is told before anything is sent on
        return pieces

    async def delete(self, location: str) -> None:
        try:
            async with self._request("DELETE", self._key(location)):
                pass
        except MissingFileError:
            pass

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _key(self, location: str) -> str:
        bucket, _, key = location.removeprefix(f"{SCHEME}:").partition("/")
        if bucket != self._bucket.name:
            raise StorageError(f"the recording is in bucket {bucket}, ours is {self._bucket.name}")
        return key

    async def _pieces(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        async with self._request("GET", key, headers) as response:
            if response.status != 206:
                raise StorageError(f"the storage answered {response.status} to a range")
            yield b""
            left = stop - start
            try:
                async for piece in response.content.iter_chunked(READ_BYTES):
                    left -= len(piece)
                    yield piece
            except (aiohttp.ClientError, TimeoutError) as error:
                raise StorageError(str(error) or type(error).__name__) from error
            if left:
                raise StorageError(f"{left} bytes are missing")

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        key: str,
        headers: dict[str, str] | None = None,
        body: IO[bytes] | None = None,
        sha256: str = EMPTY_SHA256,
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """A signed request that succeeded. Raises `StorageError`, for 404 `MissingFileError`."""
        endpoint = urlsplit(self._bucket.endpoint)
        path = encoded_path(self._bucket.name, key) if key else encoded_path(self._bucket.name)
        signed = sign(
            method,
            path,
            {"Host": endpoint.netloc, **(headers or {})},
            self._bucket.credentials,
            sha256,
            datetime.now(UTC),
        )
        if self._session is None:
            timeout = aiohttp.ClientTimeout(None, sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
            # The body is taken as it is: its digest is signed, and a range counts stored bytes.
            self._session = aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, skip_auto_headers=("Accept-Encoding",)
            )
        url = URL(f"{endpoint.scheme}://{endpoint.netloc}{path}", encoded=True)
        try:
            response = await self._session.request(
                method, url, headers=signed, data=body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StorageError(f"{self._bucket.endpoint}: {error or type(error).__name__}") from error
        async with response:
            if response.status == 404:
                raise MissingFileError(f"bucket {self._bucket.name} has no {key or 'such name'}")
            if response.status >= 300:
                said = await _beginning(response)
                raise StorageError(f"the storage answered {response.status} to {method}: {said}")
            yield response


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """What the storage says to its refusal, as far as one wants to read."""
    try:
        return (await response.content.read(ERROR_BYTES)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        return "nothing more"
