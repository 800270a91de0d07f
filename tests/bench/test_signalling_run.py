"""The real SIPp against a reflector, and the figures made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.processes import GroupUsage, Usage
from bench.signalling_run import SippResult, read_sipp, run_sipp, signalling_run
from tests.bench.reflector import Reflector


def test_short_calls_are_placed_answered_and_counted(tmp_path: Path) -> None:
    with Reflector() as reflector:
        result = run_sipp(reflector.address, 10, 50, tmp_path)
        assert reflector.acknowledged == 10
        assert reflector.ended == 10
    assert (result.successful, result.failed, result.retransmissions) == (10, 0, 0)
    assert len(result.setup_ms) == 10
    assert all(0 <= setup < 1000 for setup in result.setup_ms)


def test_refused_calls_are_counted_as_failed(tmp_path: Path) -> None:
    with Reflector(refuse_with=503) as reflector:
        result = run_sipp(reflector.address, 3, 50, tmp_path)
    assert (result.successful, result.failed) == (0, 3)


def test_last_line_of_the_statistics_counts(tmp_path: Path) -> None:
    (tmp_path / "short_call_stat.csv").write_text(
        "SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C)\n5;5;0;0\n5;10;1;2\n"
    )
    (tmp_path / "short_call_1_rtt.csv").write_text(
        "Date_ms;response_time_ms;rtd_name\n1.0;12.5;1\n2.0;7.5;1\n"
    )
    result = read_sipp(tmp_path, 3.0)
    assert result == SippResult(successful=10, failed=1, retransmissions=2, seconds=3.0, setup_ms=[12.5, 7.5])


def test_calls_per_cpu_second_count_the_gateway_alone() -> None:
    before = GroupUsage(Usage(1.0, 0, 1), Usage(1.0, 0, 1))
    after = GroupUsage(Usage(3.0, 0, 1), Usage(2.0, 0, 1))
    result = SippResult(successful=1000, failed=1, retransmissions=0, seconds=10, setup_ms=[4.0] * 1000)
    run = signalling_run(100.0, before, after, result)
    assert run.cpu_ms_per_call == pytest.approx(2.0)
    assert run.calls_per_cpu_second == 500
    assert run.engine_cpu_ms_per_call == pytest.approx(1.0)
    assert run.setup_ms is not None
    assert run.setup_ms.p99 == 4.0
