"""Processor time and memory of process trees, on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import (
    GatewayProcess,
    StartError,
    command_line,
    descendants,
    group_usage,
    machine_cpu_s,
    process_usage,
)

# Uses about 0.2 s of processor time, starts a child of the name given, and waits for its input to end.
PROGRAM = """
import subprocess, sys, time
end = time.process_time() + 0.2
while time.process_time() < end: pass
child = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "local_engine"]
with subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
    engine.stdout.readline()
    print("ready", flush=True)
    sys.stdin.read()
    engine.stdin.close()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[int]:
    program = tmp_path / "program.py"  # a file, so that its own command line does not name the engine
    program.write_text(PROGRAM)
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def test_usage_of_a_process_is_its_time_and_memory() -> None:
    mine = process_usage(os.getpid())
    times = os.times()
    assert mine.cpu_s == pytest.approx(sum(times[:4]), abs=0.1)
    assert mine.rss_bytes > 10_000_000
    assert process_usage(2**22 + 1).processes == 0
    assert command_line(2**22 + 1) == ""


def test_children_belong_to_the_tree(tree: int) -> None:
    family = descendants(tree)
    assert family[0] == tree
    assert len(family) == 2
    assert "local_engine" in command_line(family[1])


def test_engine_is_counted_apart_from_the_gateway(tree: int) -> None:
    usage = group_usage(tree)
    assert (usage.gateway.processes, usage.engine.processes) == (1, 1)
    assert 0.15 < usage.gateway.cpu_s < 1.0
    assert usage.engine.cpu_s < usage.gateway.cpu_s


def test_machine_has_spent_more_than_this_process() -> None:
    assert machine_cpu_s() > process_usage(os.getpid()).cpu_s


def test_program_that_does_not_come_up_is_told_with_its_words(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, options=("--no-such-option",))
    with pytest.raises(StartError, match="no-such-option"):
        gateway.__enter__()
