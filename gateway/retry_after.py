"""When a far side wants to be asked again."""

from __future__ import annotations

from sip.errors import ParseError
from sip.grammar import parse_number
from sip.message import Response


def retry_after_of(response: Response) -> float | None:
    """Seconds of a Retry-After, which may have a comment and parameters behind them (RFC 3261 section 20.33);
    None without one that can be read.
    """
    text = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    try:
        return float(parse_number(text, "Retry-After"))
    except ParseError:
        return None
