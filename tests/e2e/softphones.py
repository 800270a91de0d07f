"""Running softphones that we did not write, and judging what they heard."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.e2e.gateway_process import ROOT
from tests.e2e.steady_tone import loud_part, seconds
from tests.support.audio import RATE, Samples, dominant_tone, read_wav, silence, tone, write_wav

PHONE_HZ = 620
AGENT_HZ = 940


class Pjsua2Phone:
    """Runs `tests.e2e.pjsua2_phone` in a process of its own and follows what it prints."""

    def __init__(self, mode: str, play: Path, record: Path, *arguments: str) -> None:
        self.record = record
        command = [
            sys.executable,
            "-m",
            "tests.e2e.pjsua2_phone",
            mode,
            "--play",
            str(play),
            "--record",
            str(record),
        ]
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    def wait_for(self, word: str, limit: float = 15) -> str:
        """The rest of the line that starts with `word`."""
        end = time.monotonic() + limit
        while True:
            for line in self.lines:
                if line.split(" ", 1)[0] == word:
                    return line.partition(" ")[2]
            assert time.monotonic() < end, f"the phone never said {word}: {self.lines}"
            time.sleep(0.02)

    def finish(self, limit: float = 20) -> None:
        assert self.process.wait(limit) == 0, self.lines
        self._reader.join(2)


@contextmanager
def pjsua2(mode: str, play: Path, record: Path, *arguments: str) -> Iterator[Pjsua2Phone]:
    phone = Pjsua2Phone(mode, play, record, *arguments)
    try:
        yield phone
    finally:
        if phone.process.poll() is None:
            phone.process.kill()
        phone.process.wait()


def write_speech(path: Path) -> Path:
    """What the phones say: a second of silence, then three seconds of tone, then silence."""
    write_wav(path, np.concatenate((silence(1000), tone(PHONE_HZ, 3000), silence(10_000))))
    return path


def recorded(path: Path) -> Samples:
    samples, rate = read_wav(path)
    assert rate == RATE
    return samples


def assert_tone(samples: Samples, frequency: float, at_least_s: float) -> None:
    part = loud_part(samples)
    assert seconds(part) >= at_least_s, f"only {seconds(part):.2f} s of sound"
    found, level = dominant_tone(part)
    assert abs(found - frequency) < 3, f"heard {found:.1f} Hz, not {frequency} Hz"
    assert level > -20, f"{level:.1f} dBFS"
