"""The whole benchmark, small: a real gateway, a real engine, real SIPp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from bench.report import Report


def test_small_benchmark_measures_calls_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "bench", "--calls", "3", "--seconds", "1.5", "--results", str(tmp_path)),
        *("--workers", "0,2", "--browsers", "2"),
        *("--short-calls", "10", "--rate", "20", "--json"),
    ]
    completed = subprocess.run(command, capture_output=True, timeout=120, check=True)
    report = msgspec.json.decode(completed.stdout, type=Report)
    assert [(media.media_workers, media.gateway_processes) for media in report.media] == [(0, 1), (2, 3)]
    for media in report.media:
        assert media.load.calls_up == 3
        assert media.load.audio is not None
        assert media.load.audio.marks_lost == 0
        assert media.load.audio.packets_per_second > 45
        assert media.cpu_ms_per_call_second > 0.5, "the workers are counted, which do the work"
    (browsers,) = report.browsers
    assert browsers.load.calls_up == 2
    (signalling,) = report.signalling
    assert (signalling.calls, signalling.failed) == (10, 0)
    assert [path.read_bytes() for path in tmp_path.glob("*.json")] == [completed.stdout.rstrip(b"\n")]


def test_trace_is_measured_with_and_without_it_in_turns(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "bench", "--only", "trace", "--rounds", "1", "--results", str(tmp_path)),
        *("--short-calls", "5", "--rate", "20", "--json"),
    ]
    completed = subprocess.run(command, capture_output=True, timeout=120, check=True)
    report = msgspec.json.decode(completed.stdout, type=Report)
    assert [(run.trace, run.calls, run.failed) for run in report.signalling] == [(True, 5, 0), (False, 5, 0)]
    assert not report.media


def test_nonsense_is_refused() -> None:
    for arguments in (["--calls", "0"], ["--calls", "x"], ["--only", "nothing"], ["--workers", "-1"]):
        completed = subprocess.run(
            [sys.executable, "-m", "bench", *arguments], capture_output=True, timeout=30, check=False
        )
        assert completed.returncode == 2
