"""So many calls a second over a trunk."""

from __future__ import annotations

import pytest

from gateway.trunk_pace import TrunkPace
from store.trunk_identity_records import TrunkRates
from tests.store.samples import trunk


def test_calls_go_out_evenly_and_other_trunks_are_free() -> None:
    slow, free = trunk("org", rates=TrunkRates(outbound_calls_per_second=4)), trunk("org")
    pace = TrunkPace({slow.id: slow, free.id: free}.get)
    assert pace.wait(slow.id, 10.0) == 0
    assert pace.wait(slow.id, 10.0) == pytest.approx(0.25)
    assert pace.wait(slow.id, 10.1) == pytest.approx(0.15)
    assert pace.wait(slow.id, 10.25) == 0
    assert [pace.wait(free.id, 10.0) for _ in range(5)] == [0] * 5
    assert pace.wait(None, 10.0) == 0
