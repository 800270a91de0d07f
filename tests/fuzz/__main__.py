"""`python -m tests.fuzz TARGET [libFuzzer options]`; without `-runs` or `-max_total_time` it never ends.

An input that breaks something is written to `crash-...` in the working directory and shown; to see it fail
again give the file's name as an option.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sip"]):
    from tests.fuzz.targets import MAXIMUM_LENGTH, TARGETS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {{{','.join(TARGETS)}}} [libFuzzer options]")
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        for number, seed in enumerate(target.seeds):
            (Path(directory) / f"seed-{number}").write_bytes(seed)
        corpus = [] if any(not option.startswith("-") for option in options) else [directory]
        fixed = [f"-max_len={MAXIMUM_LENGTH}", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *fixed, *options, *corpus], target.run)
        atheris.Fuzz()


main()
