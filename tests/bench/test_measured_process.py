"""A measured process, started, asked and ended."""

from __future__ import annotations

import os
import time

import pytest

from bench.measured_process import EndedEarly, MeasuredProcess, cpu_seconds

SERVE = ("bench.sip_throughput", "--serve")


def test_process_says_where_it_listens_and_what_it_took_as_often_as_asked() -> None:
    with MeasuredProcess(*SERVE) as subject:
        assert subject.first["port"] > 0
        first, second = subject.look(), subject.look()
    assert 0 <= first["cpu_seconds"] <= second["cpu_seconds"]
    assert second["open_calls"] == 0


def test_ended_process_is_not_asked_any_more() -> None:
    with MeasuredProcess(*SERVE) as subject:
        subject.look()
        subject.end()
        with pytest.raises(EndedEarly):
            subject.look()


def test_process_that_ends_before_its_first_line_is_told() -> None:
    with pytest.raises(EndedEarly):
        MeasuredProcess("bench.sip_throughput", "--no-such-option")


def test_processor_time_is_user_and_system() -> None:
    before, began = cpu_seconds(), time.thread_time()
    while time.thread_time() - began < 0.05:
        os.getpid()
    assert cpu_seconds() - before >= 0.03, "ticks of 10 ms"
