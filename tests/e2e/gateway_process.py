"""The gateway as an operator runs it: a subprocess with its own data directory, watched through its output
and its API.

Also the local engine when a test wants one of its own (faults, inspection) instead of the child that
`--demo` starts.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

ROOT = Path(__file__).parents[2]
READY_FIELD = re.compile(r"(\w+)=(\S+)")


class StartFailed(AssertionError):
    """The process ended, or did not become ready in time; the message holds its output."""


class ServerProcess:
    """A `python -m <module>` that prints a line starting with `ready`, and its `key=value` fields."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ready_within: float = 30,
    ) -> None:
        env = {key: value for key, value in os.environ.items() if not key.startswith("TRUNKLINE_")}
        env |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | dict(environment or {})
        self.name = " ".join(arguments)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=cwd or ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, name=f"output-{arguments[0]}", daemon=True)
        self._reader.start()
        try:
            ready = self.wait_for_line(lambda line: line.startswith("ready"), ready_within)
        except AssertionError as error:
            self.stop()
            raise StartFailed(f"{' '.join(arguments)}: {error}") from None
        self.ready_fields = dict(READY_FIELD.findall(ready))
        self.children = [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    @property
    def output(self) -> str:
        """Everything printed so far, standard output and error together."""
        with self._changed:
            return "\n".join(self._lines)

    def wait_for_line(self, wanted: object, seconds: float = 10) -> str:
        """The first line that `wanted` (a text or a predicate) matches."""
        matches = wanted if callable(wanted) else lambda line: str(wanted) in line
        limit = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if matches(line):
                        return line
                seen = len(self._lines)
                ended = not self._reader.is_alive()
                left = limit - time.monotonic()
                if ended or left <= 0:
                    what = "the process ended" if ended else f"nothing within {seconds} s"
                    raise AssertionError(f"{what}; output:\n" + "\n".join(self._lines[-80:]))
                self._changed.wait(min(left, 0.1))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The exit status; raises `subprocess.TimeoutExpired`."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it: a request, a second one, then by force. Children that outlive it are ended by their ids."""
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        for pid in self.surviving_children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reader.join(2)

    def surviving_children(self) -> list[int]:
        """Children of the process that still run."""
        alive = []
        for pid in getattr(self, "children", []):
            with contextlib.suppress(psutil.NoSuchProcess):
                if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    alive.append(pid)
        return alive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class Gateway(ServerProcess):
    """`python -m gateway serve` on ports of the system's choice."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        demo: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = ["gateway", "serve", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(data)]
        super().__init__([*command, *(["--demo"] if demo else []), *arguments], environment=environment)
        self.sip = self.ready_fields["sip"]
        self.http = f"http://{self.ready_fields['http']}"
        self.demo_key = self.ready_fields.get("demo_key", "")

    def metrics(self) -> dict[str, float]:
        """The Prometheus page as `name{labels}` -> value."""
        page = httpx.get(f"{self.http}/metrics", timeout=5)
        page.raise_for_status()
        values = {}
        for line in page.text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values
