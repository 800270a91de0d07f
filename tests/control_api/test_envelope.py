from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from control_api.envelope import duration, optional_timestamp, timestamp


def test_times_are_utc_to_the_second_with_z() -> None:
    moment = datetime(2024, 4, 5, 16, 22, 1, 999_999, timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2024-04-05T14:22:01Z"
    assert timestamp(datetime(2024, 4, 5, tzinfo=UTC)) == "2024-04-05T00:00:00Z"
    assert optional_timestamp(None) is None


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(30_000, "30s"), (0, "0s"), (1_500, "1.5s"), (384, "0.384s"), (90, "0.09s"), (None, None)],
)
def test_durations_are_seconds_without_needless_digits(milliseconds: int | None, text: str | None) -> None:
    assert duration(milliseconds) == text
