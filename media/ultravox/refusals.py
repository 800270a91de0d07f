"""Reading what the engine says when it does not do what was asked: how long to wait, and why."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

MAX_DETAIL = 500


def parse_retry_after(value: str | None, wall_time: float) -> float | None:
    """Seconds to wait from a Retry-After header: a number of seconds, or an HTTP date against `wall_time`
    (Unix).
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - wall_time
    if seconds != seconds or seconds == float("inf"):
        return None
    return max(0.0, seconds)


def error_detail(content: bytes) -> str:
    """What an error body says, at most 500 characters: `detail`, else `message`, else field errors, else its
    text.
    """
    try:
        body = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return content[: 4 * MAX_DETAIL].decode("utf-8", "replace").strip()[:MAX_DETAIL]
    if isinstance(body, dict):
        for key in ("detail", "message"):
            if isinstance(body.get(key), str) and body[key]:
                return str(body[key])[:MAX_DETAIL]
    return "; ".join(_flatten("", body, 0))[:MAX_DETAIL]


def _flatten(path: str, value: Any, depth: int) -> list[str]:
    if depth > 5:
        return []
    if isinstance(value, dict):
        return [
            line
            for key, item in list(value.items())[:20]
            for line in _flatten(f"{path}.{key}" if path else str(key), item, depth + 1)
        ]
    if isinstance(value, list):
        return [line for item in value[:20] for line in _flatten(path, item, depth + 1)]
    return [f"{path}: {value}" if path else str(value)]
