"""What is to be done when the test process is gone, even if it was killed and could do nothing any more."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_WATCH = """
test=$1; folder=$2; shift 2
while kill -0 "$test" 2>/dev/null; do sleep 0.5; done
"$@"
rm -rf "$folder"
"""


def last_will(folder: Path, command: Sequence[str]) -> None:
    """Run the command and remove the folder when this process has ended, however it ended."""
    subprocess.Popen(
        ["sh", "-c", _WATCH, "last-will", str(os.getpid()), str(folder), *command],
        cwd="/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
