"""What a page may ask, and nothing else."""

from __future__ import annotations

import json

import pytest

from gateway.browser_calls.page_commands import HangUp, PressKeys, SayText, read_command
from gateway.errors import InvalidRequestError


def test_words_keys_and_the_end() -> None:
    assert read_command('{"type": "text", "text": "My order is 7"}') == SayText("My order is 7")
    assert read_command('{"type": "dtmf", "digits": "12#a*"}') == PressKeys("12#A*")
    assert read_command('{"type": "hangup"}') == HangUp()


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "text",
        {},
        {"type": "state"},
        {"type": ["text"]},
        {"type": "text"},
        {"type": "text", "text": " "},
        {"type": "text", "text": 7},
        {"type": "text", "text": "x" * 5001},
        {"type": "dtmf", "digits": ""},
        {"type": "dtmf", "digits": "12w"},
        {"type": "dtmf", "digits": "1" * 33},
        {"type": "dtmf", "digits": 1},
    ],
)
def test_anything_else_is_refused(message: object) -> None:
    with pytest.raises(InvalidRequestError):
        read_command(json.dumps(message))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_command(text)
