"""Runs the real `sipp` with the scenarios of `tests/e2e/sipp/`: bounded in time, on free ports, reaped.

A scenario speaks to the test through its `<log>` lines (`event key=value ...`), which `SippRun.wait_for`
follows while the call is going on.
"""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

SCENARIOS = Path(__file__).parent / "sipp"
LOG_FIELD = re.compile(r"(\S+?)=\[?([^\s\]]*)\]?(?=\s|$)")


def free_udp_port(span: int = 1, host: str = "127.0.0.1") -> int:
    """An even UDP port that nobody holds, and neither the `span` - 1 ports above it.

    Drawn from below the range that the system gives out by itself, so that no socket opened meanwhile takes
    it before the program it is meant for.
    """
    while True:
        port = random.randrange(10_000, 20_000 - span, 2)
        with contextlib.ExitStack() as stack:
            try:
                for offset in range(span):
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    probe = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    probe.bind((host, port + offset))
            except OSError:
                continue
            return port


class SippFailed(AssertionError):
    """The run did not go as its scenario says; the message holds SIPp's own errors and the messages
    exchanged.
    """


class SippRun:
    """One `sipp` process with one scenario. Use as a context manager: leaving it ends and reaps the
    process.
    """

    def __init__(
        self,
        scenario: str,
        directory: Path,
        *,
        remote: str | None = None,
        number: str = "+15550100",
        calls: int = 1,
        hold_ms: int = 0,
        seconds: float = 20,
        keys: dict[str, str | int] | None = None,
        options: tuple[str, ...] = (),
        port: int | None = None,
        trace: bool = True,
        replace: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """`remote` is host:port for a scenario that calls, None for one that is called; `hold_ms` is the
        `<pause>`.

        `replace` changes one text of the scenario (SIPp takes no keyword for a status line).
        """
        assert shutil.which("sipp"), "sipp is not installed: run tests/install_system_packages.sh"
        self.scenario = scenario
        self.host = host
        self.port = port or free_udp_port(host=host)
        self.seconds = seconds
        self._directory = directory / f"{scenario}-{self.port}"
        self._directory.mkdir(parents=True, exist_ok=True)
        keywords: dict[str, str | int] = {"caller": "+15557654321"}
        keywords["rtp_port"] = free_udp_port()
        keywords.update(keys or {})
        self.rtp_port = int(keywords["rtp_port"])
        source = SCENARIOS / f"{scenario}.xml"
        if replace:
            text = source.read_text()
            assert replace[0] in text, f"{scenario} does not hold {replace[0]!r}"
            source = self._directory / source.name
            source.write_text(text.replace(*replace))
        command = ["sipp", "-sf", str(source), "-i", host, "-mi", host]
        command += ["-p", str(self.port), "-bind_local", "-ci", "127.0.0.1", "-cp", str(free_udp_port())]
        command += ["-mp", str(free_udp_port(4))]  # audio and video, each with its RTCP
        command += [
            "-m",
            str(calls),
            "-d",
            str(hold_ms),
            "-s",
            number,
            "-nostdin",
            "-cid_str",
            f"%u-{self.port}-%p@%s",
        ]
        command += [
            "-timeout",
            f"{int(seconds)}s",
            "-timeout_error",
            "-recv_timeout",
            f"{int(seconds * 1000)}",
        ]
        command += ["-trace_err", "-error_file", "errors.log", "-trace_logs", "-log_file", "events.log"]
        if trace:
            command += ["-trace_msg", "-message_file", "messages.log"]
        for name, value in keywords.items():
            command += ["-key", name, str(value)]
        command += options
        if remote:
            command.append(remote)
        self._screen = (self._directory / "screen.log").open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=self._screen,
            stderr=subprocess.STDOUT,
        )
        if remote is None:
            self._wait_until_bound(socket.SOCK_STREAM if "t1" in options else socket.SOCK_DGRAM)

    @property
    def directory(self) -> Path:
        """Where the process runs; files a scenario plays belong here."""
        return self._directory

    @property
    def address(self) -> str:
        """Where this SIPp receives SIP, as host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def events(self) -> list[str]:
        """The scenario's log lines so far."""
        path = self._directory / "events.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    @property
    def messages(self) -> str:
        """Every SIP message sent and received so far, with its time."""
        path = self._directory / "messages.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def event(self, name: str) -> dict[str, str] | None:
        """Fields of the first logged event called `name`, or None when it has not come."""
        for line in self.events:
            if line.split(" ", 1)[0] == name:
                return dict(LOG_FIELD.findall(line))
        return None

    def wait_for(self, name: str, seconds: float = 10) -> dict[str, str]:
        """Fields of the event `name`, waiting for it."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if (fields := self.event(name)) is not None:
                return fields
            if self._process.poll() is not None and self.event(name) is None:
                raise SippFailed(f"sipp ended without `{name}`\n{self.report()}")
            time.sleep(0.01)
        raise SippFailed(f"no `{name}` within {seconds} s\n{self.report()}")

    def finish(self) -> None:
        """Wait for the end; raises `SippFailed` unless every call went as the scenario says."""
        try:
            status = self._process.wait(self.seconds + 10)
        except subprocess.TimeoutExpired:
            self.stop()
            raise SippFailed(f"sipp did not end\n{self.report()}") from None
        if status != 0:
            raise SippFailed(f"sipp ended with {status}\n{self.report()}")

    def report(self) -> str:
        """What a failing test should print."""
        parts = [f"--- scenario {self.scenario}"]
        for name in ("errors.log", "events.log", "messages.log"):
            path = self._directory / name
            if path.exists():
                text = path.read_text(errors="replace")
                parts.append(
                    f"--- {name}\n{text if len(text) < 12_000 else text[:6000] + ' [...] ' + text[-6000:]}"
                )
        return "\n".join(parts)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._screen.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and error is not None and not isinstance(error, SippFailed):
            with contextlib.suppress(OSError):
                error.add_note(self.report())
        self.stop()

    def _wait_until_bound(self, kind: socket.SocketKind) -> None:
        """Return once the port is taken, so that a call placed now finds somebody."""
        limit = time.monotonic() + 5
        while time.monotonic() < limit and self._process.poll() is None:
            with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, kind) as probe:
                try:
                    probe.bind((self.host, self.port))
                except OSError:
                    return
            time.sleep(0.005)
        raise SippFailed(f"sipp did not bind its port\n{self.report()}")
