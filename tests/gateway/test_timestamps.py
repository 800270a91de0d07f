from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from gateway.timestamps import optional_timestamp, timestamp


def test_times_are_utc_to_the_second_with_z() -> None:
    moment = datetime(2024, 4, 5, 16, 22, 1, 999_999, timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2024-04-05T14:22:01Z"
    assert timestamp(datetime(2024, 4, 5, tzinfo=UTC)) == "2024-04-05T00:00:00Z"
    assert optional_timestamp(None) is None
