from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.webhooks.sender import WebhookSender
from tests.store.samples import endpoint


@asynccontextmanager
async def receiver(answer: bytes, *, closes: bool) -> AsyncIterator[str]:
    """Answers with these bytes, and then closes the connection or leaves it as it is."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if not closes:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}/"
    finally:
        over.set()
        server.close()


@pytest.mark.parametrize(
    ("answer", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", False),
    ],
    ids=["cut short", "never ends"],
)
async def test_of_an_answer_only_the_status_counts(
    answer: bytes, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhooks.sender.READ_TIMEOUT_S", 0.05)
    sender = WebhookSender(timeout_s=2.0, allow_private=True)
    try:
        async with receiver(answer, closes=closes) as url:
            result = await sender.send(endpoint("o", url=url), "e", "{}")
    finally:
        await sender.close()
    assert (result.status, result.delivered) == (200, True)
