"""Admission by what a worker measures, with heartbeats made up."""

import pytest

from media.worker.load import FIRST_LEG_SHARE, WINDOW_S, LoadLimits, WorkerLoad
from media.worker.protocol import Heartbeat


def run(
    load: WorkerLoad,
    *,
    seconds: float,
    share: float = 0.0,
    legs: int = 0,
    late_per_s: float = 0.0,
    lateness_ms: float = 1.0,
    start: float = 100.0,
    cpu: float = 0.0,
    late: float = 0.0,
) -> tuple[float, float, float]:
    """Heartbeats every half second of a worker that uses `share` of a core; where it stands afterwards."""
    for step in range(round(seconds / 0.5) + 1):
        at = step * 0.5
        load.beat(
            Heartbeat(
                at=start + at,
                cpu_s=cpu + share * at,
                legs=legs,
                ports_free=100,
                late_ticks=int(late + late_per_s * at),
                slots_skipped=0,
                worst_lateness_ms=lateness_ms,
            )
        )
    return start + seconds, cpu + share * seconds, late + late_per_s * seconds


def test_a_worker_at_rest_takes_calls() -> None:
    load = WorkerLoad()
    assert load.refusal(0) is None
    run(load, seconds=5, share=0.002)
    assert load.refusal(0) is None
    assert load.cpu_share == pytest.approx(0.002)


def test_the_cost_of_a_leg_is_measured_and_the_headroom_follows_from_it() -> None:
    load = WorkerLoad(LoadLimits(cpu_share=0.8))
    run(load, seconds=3, share=0.40, legs=200)
    assert load.leg_share == pytest.approx(0.002)
    assert load.projected(201) == pytest.approx(0.402)
    assert load.refusal(398) is None
    refusal = load.refusal(400)
    assert refusal is not None
    assert "80%" in refusal


def test_dear_legs_fill_a_worker_sooner() -> None:
    load = WorkerLoad(LoadLimits(cpu_share=0.8))
    run(load, seconds=3, share=0.40, legs=40)
    assert load.refusal(78) is None
    assert load.refusal(81) is not None


def test_a_burst_is_bounded_before_its_cost_shows() -> None:
    load = WorkerLoad(LoadLimits(cpu_share=0.8))
    run(load, seconds=3, share=0.002, legs=0)
    bound = int(0.8 / FIRST_LEG_SHARE)
    assert load.refusal(bound - 2) is None
    assert load.refusal(bound + 1) is not None


def test_few_legs_do_not_make_the_fixed_cost_look_like_theirs() -> None:
    load = WorkerLoad()
    run(load, seconds=3, share=0.03, legs=1)
    assert load.leg_share == FIRST_LEG_SHARE


def test_the_cost_of_a_leg_outlives_the_legs() -> None:
    load = WorkerLoad()
    at, cpu, _ = run(load, seconds=3, share=0.2, legs=200)
    run(load, seconds=10, share=0.0, legs=0, start=at + 0.5, cpu=cpu)
    assert load.leg_share == pytest.approx(0.001)


def test_a_fast_rise_is_measured_while_it_lasts() -> None:
    """Forty calls a second at 3 ms each: 260 fit, and none before that is refused."""
    load = WorkerLoad(LoadLimits(cpu_share=0.8))
    cpu, legs = 0.0, 0
    for step in range(13):
        beat = Heartbeat(
            at=100 + step / 2,
            cpu_s=cpu,
            legs=legs,
            ports_free=9,
            late_ticks=0,
            slots_skipped=0,
            worst_lateness_ms=1.0,
        )
        load.beat(beat)
        for more in range(20):
            assert load.refusal(legs + more) is None, f"at {legs + more} legs"
        cpu += (legs + 10) * 0.003 * 0.5
        legs += 20
    assert load.leg_share == pytest.approx(0.003)
    assert load.refusal(300) is not None


def test_a_worker_that_is_used_up_recovers_when_its_load_ends() -> None:
    load = WorkerLoad()
    at, cpu, _ = run(load, seconds=3, share=0.95, legs=300)
    assert load.refusal(300) is not None
    run(load, seconds=WINDOW_S + 1, share=0.1, legs=30, start=at + 0.5, cpu=cpu)
    assert load.refusal(30) is None


def test_late_ticks_shut_a_worker_though_its_processor_time_is_low() -> None:
    load = WorkerLoad()
    at, _, late = run(load, seconds=3, share=0.2, legs=50, late_per_s=120)
    refusal = load.refusal(50)
    assert refusal is not None
    assert "late ticks" in refusal
    run(load, seconds=WINDOW_S + 1, late_per_s=0.5, start=at + 0.5, late=late)
    assert load.refusal(0) is None


def test_one_stall_of_the_machine_does_not_shut_a_worker_and_lasting_lateness_does() -> None:
    load = WorkerLoad()
    at, _, _ = run(load, seconds=2)
    run(load, seconds=0.5, lateness_ms=900, start=at + 0.5)
    assert load.refusal(0) is None
    run(load, seconds=WINDOW_S, lateness_ms=180, start=at + 2)
    refusal = load.refusal(0)
    assert refusal is not None
    assert "180 ms late" in refusal


def test_the_window_is_bounded() -> None:
    load = WorkerLoad()
    run(load, seconds=1000, share=0.3, legs=10)
    assert len(load._beats) <= WINDOW_S / 0.5 + 2
