"""A throw-away Redis server on a Unix socket, which can be taken away and brought back."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from redis.asyncio import Redis

from tests.support.last_will import last_will

START_TIMEOUT_S = 10.0


class RedisServer:
    """`start` it, `halt` it, `stop` it in the end. Nothing is kept from one start to the next."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="trunkline-redis-"))
        self._socket = self._folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None
        last_will(self._folder, ["redis-cli", "-s", str(self._socket), "shutdown", "nosave"])

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self._socket, "--save", "", "--appendonly", "no"],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.01)

    def halt(self) -> None:
        """Killed: clients are cut, and everything in it is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def empty(self) -> None:
        client = Redis.from_url(self.url)
        await client.flushall()
        await client.aclose()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(self._socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        return False
