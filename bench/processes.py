"""Starting and stopping the measured processes, and what they use: processor time and memory, from `/proc`.

The gateway's demonstration starts the local engine as a child of its own, so processes are told apart by
their command lines: the engine's cost is never counted as the gateway's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ENGINE_MARK = "local_engine"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


class StartError(RuntimeError):
    """The measured program did not come up; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group of processes has used so far."""

    cpu_s: float  # user and system
    rss_bytes: int
    processes: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu_s + other.cpu_s, self.rss_bytes + other.rss_bytes, self.processes + other.processes
        )


NOTHING = Usage(0.0, 0, 0)


def process_usage(pid: int) -> Usage:
    """Usage of one process, its reaped children included; nothing when it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return NOTHING
    # The name, in brackets, may hold anything; what follows it does not.
    fields = stat.rpartition(")")[2].split()
    user, system, child_user, child_system = (int(value) for value in fields[11:15])
    cpu_s = (user + system + child_user + child_system) / TICKS_PER_SECOND
    return Usage(cpu_s, int(fields[21]) * PAGE_BYTES, 1)


def make_key(data: Path) -> str:
    """An API key of a gateway that will run on `data`. Raises `StartError`."""
    command = [sys.executable, "-m", "gateway", "keys", "create", "--data", str(data)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=READY_TIMEOUT_S, check=False)
    for line in made.stdout.splitlines():
        if line.startswith("key "):
            return line.split()[1]
    raise StartError(f"no API key could be made:\n{made.stdout}{made.stderr}")


def descendants(pid: int) -> list[int]:
    """A process and all its living children and grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def command_line(pid: int) -> str:
    """Empty when the process is gone."""
    try:
        return (
            (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """The gateway's own processes, apart from them the engine's, and the whole machine's processor time."""

    gateway: Usage
    engine: Usage
    machine_cpu_s: float = 0.0


def group_usage(pid: int) -> GroupUsage:
    """Usage of a gateway started as `pid` with all its children."""
    gateway = engine = NOTHING
    for one in descendants(pid):
        if ENGINE_MARK in command_line(one):
            engine += process_usage(one)
        else:
            gateway += process_usage(one)
    return GroupUsage(gateway, engine, machine_cpu_s())


def tree_usage(pid: int) -> Usage:
    """Usage of a process and everything it started."""
    total = NOTHING
    for one in descendants(pid):
        total += process_usage(one)
    return total


def machine_cpu_s() -> float:
    """Processor seconds the machine has spent since it started, time stolen by its host included."""
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, interrupt, soft_interrupt, stolen = (int(value) for value in fields[:8])
    return (user + nice + system + interrupt + soft_interrupt + stolen) / TICKS_PER_SECOND


class GatewayProcess:
    """A gateway on ports chosen by the system, usually with its demonstration engine. A context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        options: tuple[str, ...] = (),
        demo: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`directory` gets the data and the log. Without `demo` its engine is named by the environment."""
        self._log_path = directory / "gateway.log"
        self._environment = environment or {}
        self._command = [
            *(sys.executable, "-m", "gateway", "serve"),
            *(("--demo",) if demo else ()),
            *("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(directory / "data")),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.sip: tuple[str, int] = ("", 0)
        self.http = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        environment = {**os.environ, "TRUNKLINE_LOGGING_LEVEL": "warning", **self._environment}
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        try:
            fields = self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        host, _, port = fields["sip"].rpartition(":")
        self.sip = (host.strip("[]"), int(port))
        self.http = fields["http"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def usage(self) -> GroupUsage:
        return group_usage(self.pid)

    def log_tail(self, lines: int = 30) -> str:
        """The end of what the gateway printed."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ask twice (the second signal ends without draining), then end it and all it started."""
        process = self._process
        if process is None:
            return
        family = [process.pid] if process.poll() is not None else descendants(process.pid)
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        for pid in family[1:] if process.poll() is not None else family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> dict[str, str]:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            for line in self._log_path.read_text(errors="replace").splitlines():
                if line.startswith("ready "):
                    return dict(field.split("=", 1) for field in line.split()[1:] if "=" in field)
            if process.poll() is not None:
                raise StartError(f"the gateway ended with status {process.returncode}:\n{self.log_tail()}")
            time.sleep(0.1)
        raise StartError(f"the gateway was not ready after {READY_TIMEOUT_S:.0f} s:\n{self.log_tail()}")
