import pytest

from gateway.sip_info import InfoDigit, info_digit


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", InfoDigit("5", 160)),
        ("application/dtmf-relay", b"Signal= *\nDuration= 250", InfoDigit("*", 250)),
        ("Application/DTMF-Relay; charset=utf-8", b"signal=#", InfoDigit("#", 100)),
        ("application/dtmf-relay", b"Signal: a\r\nDuration: 80", InfoDigit("A", 80)),
        ("application/dtmf-relay", b"Signal=10\r\nDuration=100", InfoDigit("*", 100)),
        ("application/dtmf-relay", b"Signal=3\r\nDuration=forever", InfoDigit("3", 100)),
        ("application/dtmf-relay", b"Signal=3\r\nDuration=99999", InfoDigit("3", 10_000)),
        ("application/dtmf", b"7", InfoDigit("7", 100)),
        ("application/dtmf", b" 11\r\n", InfoDigit("#", 100)),
    ],
)
def test_keys_are_read_in_every_spelling(content_type: str, body: bytes, expected: InfoDigit) -> None:
    assert info_digit(content_type, body) == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (None, b"5"),
        ("application/media_control+xml", b"<media_control/>"),
        ("application/dtmf-relay", b""),
        ("application/dtmf-relay", b"Duration=100"),
        ("application/dtmf-relay", b"Signal=16\r\nDuration=100"),  # flash
        ("application/dtmf-relay", b"Signal=55"),
        ("application/dtmf", b"hello"),
        ("application/dtmf", "\u0665".encode()),
        ("application/dtmf", b"\xff\xfe"),
        ("application/dtmf", b"5" + b" " * 300),
    ],
)
def test_what_is_no_key_is_nothing(content_type: str | None, body: bytes) -> None:
    assert info_digit(content_type, body) is None
