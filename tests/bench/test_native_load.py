"""The clock in C against the one in Python: the same calls, the same figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load_generator import LoadGenerator
from bench.native import compile_rtp_load
from tests.bench.reflector import Reflector


@pytest.mark.parametrize("lose_every", [0, 10])
def test_both_clocks_see_the_same(tmp_path: Path, lose_every: int) -> None:
    library = compile_rtp_load(tmp_path)
    assert library is not None, "a C compiler is needed for this test"
    with Reflector(lose_every=lose_every) as reflector:
        results = [
            LoadGenerator(reflector.address, "+15550199", 5, 1.5, settle_s=0.2, native=native).run()
            for native in (None, library)
        ]
    for result in results:
        audio = result.audio
        assert result.calls_up == 5
        assert audio is not None
        assert audio.packets_per_second == pytest.approx(45 if lose_every else 50, abs=2)
        assert audio.packets_lost == pytest.approx(37 if lose_every else 0, abs=8 if lose_every else 0)
        assert audio.marks_sent >= 5
        assert lose_every or audio.marks_lost == 0
        assert audio.round_trip_ms is not None
        assert audio.round_trip_ms.p50 < 20
