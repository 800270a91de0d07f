"""What a page may ask of its call: words for the agent, keys, the end."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gateway.errors import InvalidRequestError
from gateway.sip_info import KEYS

MAX_TEXT = 5_000
MAX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class SayText:
    """What the visitor has written, for the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Keys of a telephone, in upper case."""

    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The visitor leaves."""


PageCommand = SayText | PressKeys | HangUp


def read_command(text: str) -> PageCommand:
    """From the JSON that a page sends. Raises `InvalidRequestError`."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The message is not JSON.", code="invalid_json") from error
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == "text":
        words = message.get("text")
        if not isinstance(words, str) or not words.strip() or len(words) > MAX_TEXT:
            raise InvalidRequestError(f"text: has to be 1 to {MAX_TEXT} characters", field="text")
        return SayText(words)
    if kind == "dtmf":
        digits = message.get("digits")
        if not isinstance(digits, str) or not 1 <= len(digits) <= MAX_DIGITS:
            raise InvalidRequestError(f"digits: has to be 1 to {MAX_DIGITS} keys", field="digits")
        digits = digits.upper()
        if not KEYS.issuperset(digits):
            raise InvalidRequestError("digits: has other keys than 0-9 * # A-D", field="digits")
        return PressKeys(digits)
    if kind == "hangup":
        return HangUp()
    raise InvalidRequestError("type: has to be text, dtmf or hangup", field="type")
