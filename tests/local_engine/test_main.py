"""The program itself, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from local_engine.__main__ import KEY_VARIABLE, parse_arguments


@asynccontextmanager
async def engine(*arguments: str, key: str = "") -> AsyncIterator[tuple[Process, str]]:
    environment = {**os.environ, KEY_VARIABLE: key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local_engine", *arguments, stdin=PIPE, stdout=PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("ready http://127.0.0.1:")
        yield process, line.split()[1]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_says_when_it_is_ready_and_sigterm_ends_it_cleanly() -> None:
    async with engine() as (process, url), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/inspect") as response:
            assert response.status == 200
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_it_ends_with_its_parent_when_asked_to() -> None:
    async with engine("--exit-with-parent") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_the_key_comes_from_the_environment() -> None:
    async with engine(key="abc") as (_, url), aiohttp.ClientSession() as session:
        for key, status in (("abc", 200), ("xyz", 401)):
            async with session.get(f"{url}/api/models", headers={"X-API-Key": key}) as response:
                assert response.status == status


def test_the_command_line_has_safe_defaults() -> None:
    chosen = parse_arguments([])
    assert (chosen.host, chosen.port, chosen.exit_with_parent) == ("127.0.0.1", 0, False)
