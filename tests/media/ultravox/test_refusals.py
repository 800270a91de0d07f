"""What is read from the engine's refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ultravox.refusals import error_detail, parse_retry_after

NOW = 1_767_607_200.0  # 5 January 2026, 10:00:00 UTC


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("Mon, 05 Jan 2026 10:00:07 GMT", 7.0),
        ("Mon, 05 Jan 2026 09:59:00 GMT", 0.0),
        ("Mon, 05 Jan 2026 10:00:07", 7.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"detail": "Too many concurrent calls."}', "Too many concurrent calls."),
        (b'{"message": "no"}', "no"),
        (b'{"detail": "", "message": "no"}', "no"),
        (b'{"voice": ["Unknown voice."]}', "voice: Unknown voice."),
        (
            b'{"medium": {"serverWebSocket": {"inputSampleRate": ["Required."]}}}',
            "medium.serverWebSocket.inputSampleRate: Required.",
        ),
        (b'["one", "two"]', "one; two"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"", ""),
        (b"\xff\xfe", "��"),
    ],
)
def test_detail_is_found_in_any_form(body: bytes, detail: str) -> None:
    assert error_detail(body) == detail


@given(st.binary(max_size=3000))
def test_detail_of_anything_is_short_text(body: bytes) -> None:
    assert len(error_detail(body)) <= 500


def test_long_detail_is_cut() -> None:
    assert error_detail(b'{"detail": "' + b"x" * 2000 + b'"}') == "x" * 500
    assert error_detail(b"y" * 5000) == "y" * 500
