"""A few seconds of each fuzzer; `python -m tests.fuzz TARGET` runs one for as long as is wanted."""

from __future__ import annotations

import importlib.util
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
RUNS = {"transactions": 300}
# There is no wheel of atheris for others.
NO_FUZZER = sys.version_info >= (3, 14) or platform.machine() != "x86_64" or sys.platform != "linux"


def fuzz(name: str, directory: Path) -> subprocess.CompletedProcess[str]:
    options = [f"-runs={RUNS.get(name, 4000)}", "-seed=1", f"-artifact_prefix={directory}/"]
    command = [sys.executable, "-m", "tests.fuzz", name, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nothing_that_comes_over_the_wire_breaks_what_reads_it(name: str, tmp_path: Path) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)
    if importlib.util.find_spec("atheris") is None:
        assert NO_FUZZER, "the fuzzer is not installed"
        return
    done = fuzz(name, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-1000:]
    # It has found more to do than the seeds: it sees into the code.
    found = re.search(r"new_units_added: *(\d+)", done.stderr)
    assert found is not None
    assert int(found[1]) > len(TARGETS[name].seeds)
