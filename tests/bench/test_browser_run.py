"""Browsers as load: two of them really talk through a gateway, and the figures are what was used."""

from __future__ import annotations

import pytest

from bench.browser_load import BrowserLoadResult
from bench.browser_run import browser_run, codec_cost, measure_browsers
from bench.processes import GroupUsage, Usage


def usage(gateway_s: float, engine_s: float, machine_s: float) -> GroupUsage:
    return GroupUsage(Usage(gateway_s, 0, 3), Usage(engine_s, 0, 1), machine_s)


def test_two_browsers_are_joined_hear_and_leave() -> None:
    run = measure_browsers(2, 2.0)
    assert run.load.calls_up == 2
    assert run.load.undecryptable == 0
    assert run.load.packets_sent == pytest.approx(2 * 50 * run.load.window_s, rel=0.2)
    assert run.load.packets_received == pytest.approx(run.load.packets_sent, rel=0.2)
    assert run.cpu_ms_per_call_second > 0


def test_only_our_own_processes_count() -> None:
    load = BrowserLoadResult(
        calls_asked=10,
        calls_up=10,
        window_s=10.0,
        packets_sent=5000,
        packets_received=5000,
        undecryptable=0,
        late_ticks=0,
        generator_cpu_ms_per_call_second=1.0,
    )
    run = browser_run(10, usage(1.0, 1.0, 10.0), usage(1.5, 1.2, 12.0), load, 2.0, engine="C")
    assert run.cpu_ms_per_call_second == 5.0
    assert run.engine_cpu_ms_per_call_second == 2.0
    assert run.codec_cpu_ms_per_call_second == 2.0
    assert run.other_cores == pytest.approx((2.0 - 0.5 - 0.2 - 0.1) / 10, abs=0.01)


def test_the_codec_costs_something_each_second() -> None:
    assert 0.2 < codec_cost() < 100
