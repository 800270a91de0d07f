"""The encoding process as a child that is spoken to through its pipes."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil

from media.encoder_process import NICENESS, work
from media.encoding import EncodingJob, EncodingResult
from tests.media.test_recording_encoder import recording
from tests.support.audio import tone

ROOT = Path(__file__).parents[2]


def lines(*jobs: bytes) -> list[EncodingResult]:
    results = io.BytesIO()
    work(io.BytesIO(b"".join(job + b"\n" for job in jobs)), results)
    return [msgspec.json.decode(line, type=EncodingResult) for line in results.getvalue().splitlines()]


def test_each_job_has_one_result_and_a_bad_one_does_not_end_the_others(tmp_path: Path) -> None:
    good = EncodingJob(
        source=recording(tmp_path / "a.wav", tone(440, 500), tone(440, 500)), target=str(tmp_path / "kept")
    )
    bad = EncodingJob(source=str(tmp_path / "none.wav"), target=str(tmp_path / "never"))
    results = lines(*map(msgspec.json.encode, (bad, good)), b"{nonsense", msgspec.json.encode(good))
    assert [result.encoded is not None for result in results] == [False, True, False, True]
    assert [result.error is None for result in results] == [False, True, False, True]


def test_the_process_works_at_low_priority_and_ends_with_its_input(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", tone(440, 500), tone(440, 500))
    child = subprocess.Popen(
        [sys.executable, "-m", "media.encoder_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(msgspec.json.encode(EncodingJob(source=source, target=str(tmp_path / "kept"))) + b"\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["encoded"]["duration_ms"] == 500
    assert psutil.Process(child.pid).nice() >= NICENESS
    child.send_signal(signal.SIGINT)  # a Ctrl-C on the terminal reaches it too
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()
