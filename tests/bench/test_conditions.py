"""The conditions of a measurement."""

from __future__ import annotations

import platform

from bench.conditions import conditions


def test_machine_and_programs_are_named() -> None:
    now = conditions()
    assert now.cpu_model
    assert now.cores >= 1
    assert now.memory_gib > 0
    assert now.python == platform.python_version()
    assert now.picows != "none"
    assert len(now.load_average) == 3
