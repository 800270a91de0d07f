from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.columns import from_json, from_microseconds, to_json, to_microseconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_to_the_microsecond(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert from_microseconds(to_microseconds(moment)) == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(TypeError):
        to_microseconds(datetime(2026, 1, 1))


def test_json_keeps_letters_beyond_ascii() -> None:
    assert from_json(to_json({"name": "Zoë ☎"})) == {"name": "Zoë ☎"}
