"""The load generator against a reflector, for a second."""

from __future__ import annotations

import msgspec
import pytest

from bench.load_generator import Event, LoadGenerator, LoadResult
from tests.bench.reflector import Reflector


def generate(target: tuple[str, int], calls: int, seconds: float) -> LoadResult:
    return LoadGenerator(target, "+15550199", calls, seconds, settle_s=0.2).run()


def test_reflected_calls_come_back_whole_and_quickly(capfd: pytest.CaptureFixture[str]) -> None:
    with Reflector() as reflector:
        result = generate(reflector.address, 10, 1.2)
        assert reflector.acknowledged == 10
        assert reflector.ended == 10
    assert (result.calls_up, result.calls_refused, result.calls_hung_up_by_peer) == (10, {}, 0)
    assert result.setup_ms is not None
    assert result.setup_ms.p50 < 100
    audio = result.audio
    assert audio is not None
    assert audio.packets_per_second == pytest.approx(50, abs=2)
    assert audio.packets_lost == 0
    assert audio.marks_lost == 0
    assert audio.round_trip_ms is not None
    assert audio.round_trip_ms.p50 < 20
    assert audio.spacing_deviation_ms is not None
    assert audio.spacing_deviation_ms.p50 < 5
    events = [msgspec.json.decode(line, type=Event).event for line in capfd.readouterr().out.splitlines()]
    assert events == ["steady", "end"]


def test_loss_on_the_way_back_is_found() -> None:
    with Reflector(lose_every=10) as reflector:
        result = generate(reflector.address, 2, 1.0)
    assert result.audio is not None
    assert result.audio.packets_lost == pytest.approx(10, abs=2)
    assert result.audio.packets_per_second == pytest.approx(45, abs=2)


def test_refused_calls_are_told_by_status() -> None:
    with Reflector(refuse_with=503) as reflector:
        result = generate(reflector.address, 3, 0.1)
    assert result.calls_up == 0
    assert result.calls_refused == {"503": 3}
    assert result.audio is None


def test_calls_that_the_far_end_ends_are_counted() -> None:
    with Reflector(hang_up=True) as reflector:
        result = generate(reflector.address, 2, 0.2)
    assert result.calls_hung_up_by_peer == 2
