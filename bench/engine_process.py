"""The engine of a measured gateway as a process of its own: the light echo where it can be compiled, the
local engine otherwise.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.echo_engine import HeardMark
from bench.native import compile_echo_engine
from bench.processes import StartError, Usage, tree_usage

STOP_TIMEOUT_S = 15.0
API_KEY = "bench.key"


class NeedsCompiler(RuntimeError):
    """What was asked for exists only in the compiled engine."""


class EngineProcess:
    """Use as a context manager. `light` tells which of the two it is."""

    def __init__(self, directory: Path, *, tls: bool = False, native: bool = True) -> None:
        """`directory` gets the program, the certificate and the log. Raises `NeedsCompiler`."""
        program = compile_echo_engine(directory) if native else None
        if tls and program is None:
            raise NeedsCompiler("TLS to the engine is measured with the compiled echo engine only")
        self.light = program is not None
        self._marks = directory / "marks.json"
        self._log_path = directory / "engine.log"
        self.certificate = directory / "ca.pem" if tls else None
        if program is None:
            self._command = ["local_engine", "--host", "127.0.0.1", "--port", "0", "--exit-with-parent"]
        else:
            encryption = ("--tls", str(directory)) if tls else ()
            self._command = [
                *("bench.echo_engine", "--program", str(program), "--marks", str(self._marks)),
                *encryption,
            ]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "LOCAL_ENGINE_API_KEY": API_KEY},
                start_new_session=True,
            )
        assert self._process.stdout is not None
        word, _, url = self._process.stdout.readline().decode().strip().partition(" ")
        if word != "ready":
            self.stop()
            raise StartError(f"the engine did not start:\n{self._log_path.read_text(errors='replace')}")
        self.url = url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def usage(self) -> Usage:
        assert self._process is not None
        return tree_usage(self._process.pid)

    def stop(self) -> None:
        """Both kinds end with their standard input."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def heard_marks(self) -> list[HeardMark]:
        """After its end: what the light engine heard, nothing of the other."""
        if not self._marks.exists():
            return []
        return msgspec.json.decode(self._marks.read_bytes(), type=list[HeardMark])
