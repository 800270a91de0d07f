"""Range requests (RFC 9110 14): one range of bytes, which is what players and download tools ask for.

A header that asks for several ranges, for another unit, or for nothing that makes sense is ignored, as the
RFC allows: the whole comes then.
"""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=\s*(?P<first>\d{0,18})-(?P<last>\d{0,18})\s*", re.IGNORECASE)


class RangeNotSatisfiableError(Exception):
    """Nothing of what was asked for exists."""


def requested_range(header: str | None, if_range: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last of a `Range` header; None for the whole.

    With `If-Range` the range counts only for the content that the client has a part of already. Raises
    `RangeNotSatisfiableError`.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or (not match["first"] and not match["last"]):
        return None
    if not match["first"]:
        suffix = int(match["last"])
        if suffix == 0:
            raise RangeNotSatisfiableError
        return max(0, size - suffix), size
    first = int(match["first"])
    stop = min(size, int(match["last"]) + 1) if match["last"] else size
    if match["last"] and int(match["last"]) < first:
        return None
    if first >= size:
        raise RangeNotSatisfiableError
    return first, stop


def has_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has the content (RFC 9110 13.1.2)."""
    if if_none_match is None:
        return False
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in known or etag in known
