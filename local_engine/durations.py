"""Durations and timestamps as the API writes them: protobuf JSON durations (`"1.5s"`) and ISO 8601 UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_DURATION = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s")

BILLING_INCREMENT_S = 6


class DurationError(ValueError):
    """The text is not a protobuf JSON duration."""


def parse_duration(text: str) -> float:
    """Seconds in `text`.

    Raises `DurationError` for anything but a protobuf JSON duration, for example `"10m"`.
    """
    if not _DURATION.fullmatch(text):
        raise DurationError(f"{text!r} is not a duration such as '30s' or '0.384s'")
    return float(text[:-1])


def format_duration(seconds: float) -> str:
    """`seconds` with at most nine decimals and no trailing zeros."""
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return f"{text if text != '-0' else '0'}s"


def billed_seconds(joined_for: float) -> int:
    """What a call joined for so many seconds is billed: whole increments of six seconds, rounded up."""
    if joined_for <= 0:
        return 0
    return math.ceil(joined_for / BILLING_INCREMENT_S - 1e-9) * BILLING_INCREMENT_S


def format_timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_now() -> datetime:
    """The wall-clock time, aware."""
    return datetime.now(UTC)
