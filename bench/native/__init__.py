"""C sources of the load generator's clock and of the echo engine, compiled when a benchmark begins. The
product has no such part; without a compiler the Python programs do the same for fewer calls.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
COMPILE_TIMEOUT_S = 60.0


def compile_rtp_load(directory: Path) -> Path | None:
    """The library, or None where it cannot be made."""
    return _compile(directory / "rtp_load.so", "rtp_load.c", ("-shared", "-fPIC"), ())


def compile_echo_engine(directory: Path) -> Path | None:
    """The program, or None where it cannot be made; it needs OpenSSL's headers."""
    return _compile(directory / "echo_engine", "echo_engine.c", (), ("-lssl", "-lcrypto"))


def _compile(target: Path, source: str, options: tuple[str, ...], libraries: tuple[str, ...]) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    command = [compiler, "-O2", *options, "-o", str(target), str(SOURCES / source), *libraries]
    made = subprocess.run(command, capture_output=True, timeout=COMPILE_TIMEOUT_S, check=False)
    return target if made.returncode == 0 else None
