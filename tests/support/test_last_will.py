from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


def test_what_a_killed_process_wanted_is_done(tmp_path: Path) -> None:
    folder, done = tmp_path / "folder", tmp_path / "done"
    folder.mkdir()
    program = (
        "import sys, time; from pathlib import Path; from tests.support.last_will import last_will;"
        "last_will(Path(sys.argv[1]), ['touch', sys.argv[2]]); print(flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, folder, done], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert not done.exists()
    process.kill()
    process.wait()
    process.stdout.close()
    limit = time.monotonic() + 10
    while folder.exists() or not done.exists():
        assert time.monotonic() < limit
        time.sleep(0.05)
