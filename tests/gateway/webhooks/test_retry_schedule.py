from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.webhooks.retry_schedule import SCHEDULE_S, Answer, pause_after, retry_after

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
SERVER_ERROR = Answer(500, "answered with 500")


def middle() -> float:
    return 0.5


def test_eight_attempts_with_growing_pauses() -> None:
    pauses = [pause_after(SERVER_ERROR, attempts, middle) for attempts in range(1, 9)]
    assert pauses == [5, 30, 120, 600, 1800, 7200, 21600, None]
    assert len(SCHEDULE_S) == 8


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 96), (1.0, 144)])
def test_pauses_are_spread_by_a_fifth(chance: float, pause: float) -> None:
    assert pause_after(SERVER_ERROR, 3, lambda: chance) == pytest.approx(pause)


@pytest.mark.parametrize("status", [300, 302, 400, 404, 408, 499])
def test_refusals_end_after_three(status: int) -> None:
    answer = Answer(status, "answered")
    assert [pause_after(answer, n, middle) is None for n in (1, 2, 3)] == [False, False, True]


def test_gone_and_hopeless_end_at_once() -> None:
    assert pause_after(Answer(410, "answered with 410"), 1, middle) is None
    assert pause_after(Answer(error="private", hopeless=True), 1, middle) is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_later_time_is_honoured_a_sooner_one_is_not(status: int) -> None:
    assert pause_after(Answer(status, "", 90.0), 1, middle) == 90
    assert pause_after(Answer(status, "", 1.0), 2, middle) == 30
    assert pause_after(Answer(status, "", 1e9), 2, middle) == 21600
    assert pause_after(Answer(status, "", 90.0), 7, middle) == 21600
    assert pause_after(Answer(500, "", 90.0), 1, middle) == 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 40, 999_999_999.0),
        ("Wed, 06 May 2026 07:10:09 GMT", 120.0),
        ("Wed, 06 May 2026 07:00:00 GMT", 0.0),
        ("soon", None),
        ("Wed, 06 May 2026 07:10:09 +99999999999999999999", None),
        ("Wed, 06 May 99999999999999 07:10:09 GMT", None),
        ("-5", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
