"""The measurement of the SIP layer alone, in small: the real SIPp on the other side."""

from __future__ import annotations

import pytest

from bench.sip_throughput import measure


@pytest.mark.parametrize("direction", ["uas", "uac"])
def test_calls_of_either_direction_are_counted_and_none_is_left(direction: str) -> None:
    result = measure(direction, 20, 50, 20)
    assert (result["direction"], result["successful"], result["failed"]) == (direction, 20, 0)
    assert (result["open_calls"], result["open_dialogs"], result["faults"]) == (0, 0, 0)
    assert result["ended"] == 20
