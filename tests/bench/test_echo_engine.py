"""What the light engine printed, read back."""

from __future__ import annotations

from bench.echo_engine import HeardMark, parse_marks


def test_marks_are_read_by_call_and_other_lines_are_not() -> None:
    printed = "port 5000\nmark /call-7 12 1700000000000000001\nmark /broken 3\n"
    assert parse_marks(printed) == [HeardMark("call-7", 12, 1_700_000_000_000_000_001)]
