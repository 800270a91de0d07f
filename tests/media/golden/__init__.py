"""Packets written down byte by byte from the standards, not by our own code."""

from __future__ import annotations

from pathlib import Path


def vectors(name: str) -> dict[str, bytes]:
    """The packets of `<name>.hex`: `name = bytes`, continued on indented lines; `#` begins a comment."""
    found: dict[str, str] = {}
    current = ""
    for line in (Path(__file__).parent / f"{name}.hex").read_text().splitlines():
        text = line.partition("#")[0].rstrip()
        if not text:
            continue
        if not text[0].isspace():
            current, _, text = text.partition("=")
            current = current.strip()
            assert current not in found, current
            found[current] = ""
        found[current] += text
    return {name: bytes.fromhex(digits) for name, digits in found.items()}
