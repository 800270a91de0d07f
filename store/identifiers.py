"""Identifiers: UUID version 7 (RFC 9562, section 5.7), so that keys sort by the time they were made."""

from __future__ import annotations

import os
import time
import uuid

PREFIXES = (
    *("call_", "agent_", "agt_", "num_", "trunk_", "key_", "org_"),
    *("contact_", "cnt_", "ctc_", "folder_", "batch_", "camp_"),
    *("voice_", "tool_", "kb_", "widget_"),
)

_COUNTER_BITS = 12
_COUNTER_LIMIT = 1 << _COUNTER_BITS
_last_ms = 0
_counter = 0


def uuid7() -> str:
    """A new identifier: 36 lower-case characters, strictly increasing within this process.

    `rand_a` is a counter that is seeded at random each millisecond (RFC 9562, section 6.2, method 1).
    """
    global _last_ms, _counter
    now_ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    if now_ms > _last_ms:
        _last_ms = now_ms
        _counter = random >> 69  # the upper half of the range stays free for counting
    else:  # the same millisecond, or a clock that went back
        _counter += 1
        if _counter == _COUNTER_LIMIT:
            _last_ms += 1
            _counter = 0
    value = _last_ms << 80 | 0x7 << 76 | _counter << 64 | 0x2 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def parse_identifier(text: str) -> str | None:
    """The canonical form of an identifier that a client sent, or `None` when it is not one.

    Upper case and a known prefix (`call_`, `agent_`, ...) are forgiven when the rest is a UUID in its
    hyphenated or bare form.
    """
    for prefix in PREFIXES:
        if text.startswith(prefix):
            text = text[len(prefix) :]
            break
    if len(text) not in (32, 36) or not text.isascii():
        return None
    if len(text) == 36 and not (text[8] == text[13] == text[18] == text[23] == "-"):
        return None
    digits = text.replace("-", "")
    if len(digits) != 32 or not digits.isalnum():
        return None
    try:
        return str(uuid.UUID(hex=digits))
    except ValueError:
        return None
