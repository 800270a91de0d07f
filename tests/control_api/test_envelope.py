from __future__ import annotations

import pytest

from control_api.envelope import duration


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(30_000, "30s"), (0, "0s"), (1_500, "1.5s"), (384, "0.384s"), (90, "0.09s"), (None, None)],
)
def test_durations_are_seconds_without_needless_digits(milliseconds: int | None, text: str | None) -> None:
    assert duration(milliseconds) == text
