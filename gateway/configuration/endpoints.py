"""How addresses and ports are written in the configuration."""

from __future__ import annotations

import re

_ENDPOINT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>\d{1,5})")


def parse_endpoint(value: str) -> tuple[str, int]:
    """Host and port from `127.0.0.1:5060` or `[::1]:5060`; port 0 means "any free one". Raises
    `ValueError`.
    """
    match = _ENDPOINT.fullmatch(value.strip())
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"expected HOST:PORT, not {value!r}")
    return match["v6"] or match["host"], int(match["port"])


def parse_public(value: str) -> tuple[str, int | None]:
    """Host and, where it is given, port from `203.0.113.5`, `203.0.113.5:5070`, `[2001:db8::5]:5070` or
    `sip.example.com`. Raises `ValueError`.
    """
    bare = re.fullmatch(r"\[?([^\s\[\]@]+?)\]?", value.strip())
    if bare is not None and (":" not in value or value.count(":") > 1):
        return bare[1], None
    return parse_endpoint(value)


def parse_port_range(value: str) -> tuple[int, int]:
    """Lowest and highest port from `20000-29999`. Raises `ValueError`."""
    low_text, separator, high_text = value.strip().partition("-")
    if not separator or not low_text.isdigit() or not high_text.isdigit():
        raise ValueError(f"expected LOW-HIGH, not {value!r}")
    low, high = int(low_text), int(high_text)
    if not 1024 <= low < high <= 65535:
        raise ValueError("ports go from 1024 to 65535, the low end first")
    if high - low < 1:
        raise ValueError("an RTP leg needs an even port and the odd one above it")
    return low, high
