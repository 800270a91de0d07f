"""Keys in SIP INFO bodies: `application/dtmf-relay` (Signal= and Duration= lines, as Cisco began it) and
`application/dtmf` (the bare key). Neither was ever standardised; both are what PBXs and phones send.
"""

from __future__ import annotations

from dataclasses import dataclass

KEYS = frozenset("0123456789*#ABCD")
# Some write the event codes of RFC 4733 instead of the keys.
EVENT_CODES = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
LONGEST_MS = 10_000
USUAL_MS = 100
# More is no key.
MAX_BODY_BYTES = 256


@dataclass(frozen=True, slots=True)
class InfoDigit:
    digit: str
    duration_ms: int


def info_digit(content_type: str | None, body: bytes) -> InfoDigit | None:
    """The key that an INFO tells of, None when it is about something else or cannot be read."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if len(body) > MAX_BODY_BYTES:
        return None
    text = body.decode("ascii", "replace")
    if kind == "application/dtmf":
        signal, duration = text, ""
    elif kind == "application/dtmf-relay":
        fields = _fields(text)
        signal, duration = fields.get("signal", ""), fields.get("duration", "")
    else:
        return None
    signal = signal.strip().strip('"').upper()
    digit = EVENT_CODES.get(signal, signal)
    if digit not in KEYS:
        return None
    length = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 6 else USUAL_MS
    return InfoDigit(digit, min(length, LONGEST_MS))


def _fields(text: str) -> dict[str, str]:
    """`Name=value` or `Name: value` lines."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=" if "=" in line else ":")
        if separator:
            fields[name.strip().lower()] = value.strip()
    return fields
