from datetime import UTC, datetime

import pytest

from local_engine.durations import (
    DurationError,
    billed_seconds,
    format_duration,
    format_timestamp,
    parse_duration,
)


@pytest.mark.parametrize(("text", "expected"), [("30s", 30.0), ("0.384s", 0.384), ("0s", 0.0), ("-1s", -1.0)])
def test_protobuf_durations_are_read(text: str, expected: float) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["10m", "30", "", "01s", "1.s", "1e3s", " 1s", "1.0000000001s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@pytest.mark.parametrize(("value", "expected"), [(66, "66s"), (0.384, "0.384s"), (0, "0s"), (1.5, "1.5s")])
def test_durations_are_written_without_trailing_zeros(value: float, expected: str) -> None:
    assert format_duration(value) == expected


@pytest.mark.parametrize(
    ("joined_for", "billed"), [(0, 0), (0.2, 6), (6, 6), (6.01, 12), (12, 12), (65.4, 66)]
)
def test_billing_rounds_up_to_six_seconds(joined_for: float, billed: int) -> None:
    assert billed_seconds(joined_for) == billed


def test_timestamps_are_utc_with_microseconds() -> None:
    moment = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)
    assert format_timestamp(moment) == "2026-01-05T10:00:00.123456Z"
