"""The timer queue: order, cancelling, and that nothing dead stays in memory."""

from __future__ import annotations

import pytest

from sip.timers import TimerQueue, Timing


def test_timers_fire_in_order_of_deadline_and_then_of_scheduling() -> None:
    queue = TimerQueue()
    fired: list[str] = []
    queue.schedule(2.0, lambda now: fired.append("late"))
    queue.schedule(1.0, lambda now: fired.append("first"))
    queue.schedule(1.0, lambda now: fired.append("second"))
    assert queue.run(0.9) == 0
    assert queue.run(2.0) == 3
    assert fired == ["first", "second", "late"]


def test_cancelled_timer_never_fires_and_does_not_count() -> None:
    queue = TimerQueue()
    fired: list[float] = []
    timer = queue.schedule(1.0, fired.append)
    assert len(queue) == 1
    timer.cancel()
    timer.cancel()
    assert len(queue) == 0
    assert queue.next_deadline() is None
    assert queue.run(5.0) == 0
    assert fired == []


def test_cancelling_a_fired_timer_changes_nothing() -> None:
    queue = TimerQueue()
    timer = queue.schedule(1.0, lambda now: None)
    queue.schedule(9.0, lambda now: None)
    queue.run(1.0)
    timer.cancel()
    assert len(queue) == 1


def test_next_deadline_passes_over_cancelled_timers() -> None:
    queue = TimerQueue()
    first = queue.schedule(1.0, lambda now: None)
    queue.schedule(3.0, lambda now: None)
    first.cancel()
    assert queue.next_deadline() == 3.0


def test_cancelled_timers_are_swept_out_before_their_deadline() -> None:
    queue = TimerQueue()
    kept = queue.schedule(500.0, lambda now: None)
    for _ in range(20):
        for timer in [queue.schedule(1000.0, lambda now: None) for _ in range(500)]:
            timer.cancel()
        assert queue.stored_entries < 1100
    assert len(queue) == 1
    assert kept.callback is not None


def test_cancelled_timer_lets_go_of_its_callback() -> None:
    timer = TimerQueue().schedule(1.0, lambda now: None)
    timer.cancel()
    assert timer.callback is None


def test_timer_scheduled_by_a_timer_fires_in_the_same_run_when_due() -> None:
    queue = TimerQueue()
    fired: list[str] = []

    def schedule_another(now: float) -> None:
        queue.schedule(now, lambda _: fired.append("inner"))

    queue.schedule(1.0, schedule_another)
    assert queue.run(1.0) == 2
    assert fired == ["inner"]


def test_cancelling_many_timers_from_inside_a_timer_keeps_the_rest() -> None:
    queue = TimerQueue()
    fired: list[str] = []
    doomed = [queue.schedule(2.0, lambda now: fired.append("doomed")) for _ in range(600)]

    def cancel_all(now: float) -> None:
        for timer in doomed:
            timer.cancel()

    queue.schedule(1.0, cancel_all)
    queue.schedule(2.5, lambda now: fired.append("kept"))
    queue.run(3.0)
    assert fired == ["kept"]
    assert len(queue) == 0


def test_failing_timer_does_not_take_the_others_with_it() -> None:
    queue = TimerQueue()
    fired: list[str] = []

    def fail(now: float) -> None:
        raise RuntimeError("broken")

    queue.schedule(1.0, fail)
    queue.schedule(1.0, lambda now: fired.append("other"))
    with pytest.raises(RuntimeError):
        queue.run(1.0)
    queue.run(1.0)
    assert fired == ["other"]


def test_shell_is_told_only_of_timers_earlier_than_all_others() -> None:
    queue = TimerQueue()
    told: list[float | None] = []
    queue.on_earlier = lambda: told.append(queue.next_deadline())
    queue.schedule(5.0, lambda now: None)
    queue.schedule(7.0, lambda now: None)
    queue.schedule(3.0, lambda now: None)
    assert told == [5.0, 3.0]


def test_derived_timings_are_those_of_the_standard() -> None:
    timing = Timing()
    assert (timing.t1, timing.t2, timing.t4) == (0.5, 4.0, 5.0)
    assert timing.transaction_timeout == 32.0
    assert timing.timer_d == 32.0
    with pytest.raises(ValueError, match="T1"):
        Timing(t1=5.0, t2=4.0)
