"""What a caller waits for: a real gateway, called over each transport."""

from __future__ import annotations

from bench.call_setup import measure_setup, setup_run
from bench.short_calls import ShortCall


async def test_ringing_and_answer_are_told_of_the_calls_that_had_them() -> None:
    answered = ShortCall(0.0, ringing_s=0.002, setup_s=0.010)
    at_once = ShortCall(0.0, setup_s=0.010)
    run = setup_run("tcp", 10, [answered, at_once, ShortCall(0.0)], 1.26)
    assert (run.calls, run.failed, run.load_average) == (3, 1, 1.3)
    assert run.ringing_ms is not None
    assert (run.ringing_ms.p50, run.ringing_ms.count) == (2.0, 1)
    assert run.answer_ms is not None
    assert (run.answer_ms.p99, run.answer_ms.count) == (10.0, 2)


def test_every_transport_is_measured_through_the_whole_gateway() -> None:
    runs = list(measure_setup(5, 20))
    assert [(run.transport, run.calls, run.failed) for run in runs] == [
        ("udp", 5, 0),
        ("tcp", 5, 0),
        ("tls", 5, 0),
    ]
    for run in runs:
        assert run.ringing_ms is not None
        assert run.answer_ms is not None
        assert run.ringing_ms.count == run.answer_ms.count == 5
        assert 0 < run.ringing_ms.p50 < run.answer_ms.p50
