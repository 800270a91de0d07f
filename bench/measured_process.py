"""The measured process of a bench: a Python module of ours that runs apart from its load.

It says where it listens in one line of JSON; then, for each line on its input, what it has taken so far; and
ends with its input. One half of this is for the process itself, the other for who measures it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent
END_TIMEOUT_S = 10.0


class EndedEarly(RuntimeError):
    """The measured process ended before it was told to; why is on standard error."""


class MeasuredProcess:
    """The process, from outside. A context manager: leaving ends it. All that it does blocks."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start `python -m module arguments` and wait for its first line. Raises `EndedEarly`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.first = self._read()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def look(self) -> dict[str, Any]:
        """What it has taken so far. Raises `EndedEarly`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):  # it is gone, or we ended it
            raise EndedEarly("the measured process ended early") from None
        return self._read()

    def end(self) -> None:
        """Close its input, and kill it if that does not end it."""
        try:
            self._process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EndedEarly("the measured process ended early")
        value: dict[str, Any] = json.loads(line)
        return value


async def tell_when_asked(figures: Callable[[], dict[str, object]]) -> None:
    """In the measured process: tell `figures` for each line on the input, until that ends."""
    while await asyncio.to_thread(sys.stdin.readline):
        say(**figures())


def say(**values: object) -> None:
    """In the measured process: one line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    times = os.times()
    return times.user + times.system
