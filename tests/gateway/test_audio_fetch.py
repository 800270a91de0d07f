import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from gateway.audio_fetch import AudioFetcher, AudioFetchError, FetchLimits
from gateway.errors import InvalidRequestError

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a web server on the loopback address that answers everything with one handler."""
    runners: list[web.AppRunner] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def hello(request: web.Request) -> web.Response:
    return web.Response(body=b"sound" * 1000)


async def test_a_file_is_fetched_whole(tmp_path: Path, serve: Serve) -> None:
    address = await serve(hello)
    fetcher = AudioFetcher(tmp_path / "fetched", FetchLimits(allow_private=True))
    path = await fetcher.fetch(f"http://{address}/a.wav")
    assert path.read_bytes() == b"sound" * 1000
    assert path.parent == tmp_path / "fetched"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a",
        "http://localhost:{port}/a",
        "http://[::1]:{port}/a",
        "http://127.1:{port}/a",
        "http://2130706433:{port}/a",
        "http://0x7f000001:{port}/a",
        "http://0:{port}/a",
        "http://[::ffff:127.0.0.1]:{port}/a",
        "http://\uff11\uff12\uff17.0.0.1:{port}/a",  # digits of full width
        "http://127\u30020\u30020\u30021:{port}/a",  # ideographic full stops
        "http://\u2460\u2461\u2466.0.0.1:{port}/a",  # digits in circles
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
    ],
)
async def test_private_addresses_are_not_asked(tmp_path: Path, serve: Serve, url: str) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    port = (await serve(handler)).rpartition(":")[2]
    with pytest.raises(AudioFetchError, match="private"):
        await AudioFetcher(tmp_path, FetchLimits()).fetch(url.format(port=port))
    assert asked == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.wav",
        "file:///etc/passwd",
        "//example.com/a.wav",
        "http://",
        "http://user:secret@example.com/a.wav",
        "http://127.0.0.1/a.wav",
        "http://[fe80::1]/a.wav",
        "http://[::1/a.wav",
        "http://example.com:99999/a",
        "http://example.com/" + "a" * 3000,
    ],
)
def test_what_can_never_be_fetched_is_refused_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        AudioFetcher(tmp_path, FetchLimits()).check(url)
    assert refused.value.details["field"] == "url"


def test_a_public_address_may_be_tried(tmp_path: Path) -> None:
    for url in ("https://example.com/a.mp3", "http://93.184.215.14:8080/a", "https://[2606:2800::1]/a"):
        AudioFetcher(tmp_path, FetchLimits()).check(url)


async def test_a_redirect_is_refused(tmp_path: Path, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    address = await serve(handler)
    with pytest.raises(AudioFetchError, match="302"):
        await AudioFetcher(tmp_path, FetchLimits(allow_private=True)).fetch(f"http://{address}/a")


async def test_a_file_that_is_too_large_is_given_up_and_removed(tmp_path: Path, serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(bytes(10_000))
        return response

    address = await serve(endless)
    fetcher = AudioFetcher(tmp_path, FetchLimits(max_bytes=100_000, allow_private=True))
    with pytest.raises(AudioFetchError, match="larger than"):
        await fetcher.fetch(f"http://{address}/a")
    assert os.listdir(tmp_path) == []


async def test_a_server_that_never_ends_its_answer_is_given_up(tmp_path: Path, serve: Serve) -> None:
    stop = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a")
        await stop.wait()
        return response

    address = await serve(slow)
    fetcher = AudioFetcher(tmp_path, FetchLimits(timeout_s=0.2, allow_private=True))
    with pytest.raises(AudioFetchError, match="within"):
        await fetcher.fetch(f"http://{address}/a")
    assert os.listdir(tmp_path) == []
    stop.set()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".com"])
async def test_a_name_that_no_host_can_have_is_a_failure_like_others(tmp_path: Path, host: str) -> None:
    with pytest.raises(AudioFetchError):
        await AudioFetcher(tmp_path, FetchLimits()).fetch(f"http://{host}/a")
    assert os.listdir(tmp_path) == []


async def test_a_host_that_refuses_is_told_without_its_address(tmp_path: Path, serve: Serve) -> None:
    with pytest.raises(AudioFetchError) as refused:
        await AudioFetcher(tmp_path, FetchLimits(allow_private=True)).fetch("http://127.0.0.1:1/a")
    assert "127.0.0.1" not in str(refused.value)
