"""A small S3 that keeps objects in memory: it checks every signature, and can be told to fail."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from gateway.recordings.s3_signature import S3Credentials, sign
from gateway.recordings.s3_storage import Bucket

CREDENTIALS = S3Credentials("key-id", "very-secret-key", "eu-test-1")
BUCKET = "recordings"
_AUTHORIZATION = re.compile(r".*SignedHeaders=(?P<names>[^,]+),Signature=(?P<signature>\w+)")


class S3Server:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail_next: list[int] = []
        self.endpoint = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{bucket}", self._bucket)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._object)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def bucket(self, *, name: str = BUCKET, prefix: str = "calls/") -> Bucket:
        return Bucket(self.endpoint, name, prefix, CREDENTIALS)

    async def _bucket(self, request: web.Request) -> web.Response:
        refused = self._refusal(request, b"")
        if refused is not None:
            return refused
        return web.Response(status=200 if request.match_info["bucket"] == BUCKET else 404)

    async def _object(self, request: web.Request) -> web.Response:
        body = await request.read()
        refused = self._refusal(request, body)
        if refused is not None:
            return refused
        key = request.match_info["key"]
        if request.match_info["bucket"] != BUCKET:
            return web.Response(status=404, text="<Code>NoSuchBucket</Code>")
        if request.method == "PUT":
            self.objects[key] = body
            self.content_types[key] = request.headers["Content-Type"]
            return web.Response()
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return web.Response(status=404, text="<Code>NoSuchKey</Code>")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if wanted is None:
            return web.Response(body=self.objects[key])
        piece = self.objects[key][int(wanted[1]) : int(wanted[2]) + 1]
        return web.Response(status=206, body=piece)

    def _refusal(self, request: web.Request, body: bytes) -> web.Response | None:
        self.requests.append((request.method, request.path))
        if self.fail_next:
            return web.Response(status=self.fail_next.pop(0), text="<Code>Trouble</Code>")
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        digest = request.headers.get("x-amz-content-sha256", "")
        if found is None or digest != hashlib.sha256(body).hexdigest():
            return web.Response(status=403, text="<Code>AccessDenied</Code>")
        stamp = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        names = [name for name in found["names"].split(";") if not name.startswith("x-amz-")]
        expected = sign(
            request.method,
            request.raw_path,
            {name: request.headers[name] for name in names},
            CREDENTIALS,
            digest,
            stamp,
        )["Authorization"]
        if not expected.endswith(found["signature"]):
            return web.Response(status=403, text="<Code>SignatureDoesNotMatch</Code>")
        return None
