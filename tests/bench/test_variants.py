"""Variants of the matrix, small: five callers, two seconds, each against a real gateway. The plain call is in
`test_main`.
"""

from __future__ import annotations

import pytest

from bench.media_run import measure_media
from bench.variants import VARIANTS


@pytest.mark.parametrize("name", ["opus", "srtp", "tls"])
def test_every_variant_carries_its_audio(name: str) -> None:
    run = measure_media(5, 2.0, variant=VARIANTS[name])
    assert (run.load.calls_up, run.load.undecryptable) == (5, 0)
    assert run.load.audio is not None
    assert run.load.audio.packets_per_second == pytest.approx(50, abs=3)
    assert run.load.audio.marks_sent >= 5
    assert run.load.audio.marks_lost == 0
    assert run.load.audio.round_trip_ms is not None
    assert run.load.audio.round_trip_ms.p50 < 200
