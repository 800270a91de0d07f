"""From usage and the callers' results to what a call costs."""

from __future__ import annotations

import pytest

from bench.load_generator import LoadResult
from bench.media_run import media_run, suffers
from bench.processes import GroupUsage, Usage


def load(calls_up: int, window_s: float) -> LoadResult:
    return LoadResult(
        calls_asked=200,
        calls_up=calls_up,
        calls_refused={},
        calls_hung_up_by_peer=0,
        window_s=window_s,
        setup_ms=None,
        audio=None,
        generator_lateness_ms=None,
        generator_cpu_ms_per_call_second=0.5,
    )


def usage(gateway_cpu: float, engine_cpu: float, rss: float, machine_cpu: float = 0.0) -> GroupUsage:
    return GroupUsage(Usage(gateway_cpu, int(rss * 1e6), 1), Usage(engine_cpu, 1, 1), machine_cpu)


def test_cost_is_processor_time_by_calls_and_seconds() -> None:
    run = media_run(200, usage(1, 1, 100), usage(3, 2, 120), usage(7, 4, 130), load(200, 20.0))
    assert run.cpu_ms_per_call_second == pytest.approx(1.0)
    assert run.calls_per_core == 1000
    assert run.engine_cpu_ms_per_call_second == pytest.approx(0.5)
    assert run.memory_mb_per_call == pytest.approx(0.15)
    assert run.gateway_rss_mb == 130


def test_what_others_used_meanwhile_is_told() -> None:
    # 17 s in all: gateway 4 s, engine 2 s, generator 200 calls x 20 s x 0.5 ms = 2 s.
    run = media_run(200, usage(0, 0, 0), usage(3, 2, 0, 100), usage(7, 4, 0, 117), load(200, 20.0))
    assert run.other_cores == pytest.approx(0.45)


def test_only_calls_that_stood_share_the_cost() -> None:
    run = media_run(200, usage(0, 0, 100), usage(0, 0, 100), usage(2, 0, 110), load(100, 10.0))
    assert run.cpu_ms_per_call_second == pytest.approx(2.0)
    assert run.memory_mb_per_call == pytest.approx(0.1)


def test_no_call_and_no_cost_divide_by_nothing() -> None:
    run = media_run(200, usage(0, 0, 100), usage(0, 0, 100), usage(0, 0, 100), load(0, 10.0))
    assert (run.cpu_ms_per_call_second, run.calls_per_core) == (0.0, 0)


def test_a_refused_call_or_no_audio_is_the_limit() -> None:
    run = media_run(200, usage(0, 0, 0), usage(0, 0, 0), usage(1, 0, 0), load(199, 10.0))
    assert suffers(run)
