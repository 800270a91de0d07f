"""A throw-away coturn on loopback, which knows its users by a shared secret."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.free_port import free_sip_port

START_TIMEOUT_S = 10.0
RELAY_PORTS = (49_152, 65_535)  # of them the system picks none that are in use


class TurnServer:
    """Relays UDP to loopback alone. `allocations` counts the relays that were opened."""

    def __init__(self, secret: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="trunkline-turn-"))
        self._log = self._folder / "log"
        self.port = free_sip_port("127.0.0.1")
        low, high = RELAY_PORTS
        self._process = subprocess.Popen(
            [
                "turnserver",
                "-n",  # no configuration file
                "--listening-ip=127.0.0.1",
                f"--listening-port={self.port}",
                "--relay-ip=127.0.0.1",
                f"--min-port={low}",
                f"--max-port={high}",
                "--allow-loopback-peers",
                "--cli-password=unused",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--realm=turn.test",
                "--use-auth-secret",
                f"--static-auth-secret={secret}",
                f"--userdb={self._folder / 'users'}",
                f"--pidfile={self._folder / 'pid'}",
                f"--log-file={self._log}",
                "--simple-log",
                "--verbose",
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise RuntimeError("coturn did not start")
            time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
