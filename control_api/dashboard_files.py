"""The files of the dashboard: read once, compressed once, each with its entity tag.

They are a few hundred kilobytes, are served to browsers again and again, and never change while the process
runs, so that a request costs no file system.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DIRECTORY = Path(__file__).parent / "dashboard"
INDEX = "index.html"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; everything else that lies there (licences, notes) is not."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent. `compressed` is None where gzip does not make it smaller."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@cache
def dashboard_files() -> dict[str, StaticFile]:
    """Each served file by its path below the dashboard's, such as `styles/base.css`."""
    return {
        path.relative_to(DIRECTORY).as_posix(): static_file(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(DIRECTORY.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


def static_file(body: bytes, media_type: str) -> StaticFile:
    """A file with these contents."""
    compressed = gzip.compress(body, mtime=0)
    return StaticFile(
        body,
        compressed if len(compressed) < len(body) else None,
        media_type,
        f'"{hashlib.sha256(body).hexdigest()[:32]}"',
    )
