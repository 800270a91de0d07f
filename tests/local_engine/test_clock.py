import asyncio
import math

from local_engine.clock import Clock, Ticked


class Sleeper:
    def __init__(self, wake_at: float, error: Exception | None = None) -> None:
        self.wake_at = wake_at
        self.error = error
        self.ticks: list[float] = []

    def on_tick(self, now: float) -> None:
        self.ticks.append(now)
        if self.error is not None:
            raise self.error


def test_only_sessions_whose_time_has_come_are_woken() -> None:
    clock = Clock()
    early, late, never = Sleeper(1.0), Sleeper(2.0), Sleeper(math.inf)
    for session in (early, late, never):
        clock.add(session)
    clock.tick(1.5)
    assert (early.ticks, late.ticks, never.ticks) == ([1.5], [], [])


def test_a_removed_session_is_left_alone() -> None:
    clock = Clock()
    session = Sleeper(0.0)
    clock.add(session)
    clock.remove(session)
    clock.tick(1.0)
    assert session.ticks == []


def test_timers_fire_once_in_order() -> None:
    clock = Clock()
    fired: list[str] = []
    clock.call_at(2.0, lambda: fired.append("second"))
    clock.call_at(1.0, lambda: fired.append("first"))
    clock.tick(0.5)
    assert fired == []
    clock.tick(3.0)
    clock.tick(4.0)
    assert fired == ["first", "second"]


async def test_an_error_of_one_session_reaches_the_handler_and_not_the_others() -> None:
    clock = Clock()
    broken, sound = Sleeper(0.0, ValueError("broken")), Sleeper(0.0)
    failures: list[Ticked] = []
    clock.start(lambda session, error: failures.append(session))
    clock.add(broken)
    clock.add(sound)
    clock.tick(1.0)
    clock.stop()
    assert failures == [broken]
    assert sound.ticks == [1.0]


async def test_a_clock_with_nothing_to_serve_rests_until_something_comes() -> None:
    clock = Clock()
    clock.start()
    fired = asyncio.Event()
    clock.call_at(clock.now(), fired.set)
    await asyncio.wait_for(fired.wait(), 2)
    async with asyncio.timeout(2):
        while clock.ticking:
            await asyncio.sleep(0)
    fired.clear()
    clock.call_at(clock.now(), fired.set)
    assert clock.ticking
    await asyncio.wait_for(fired.wait(), 2)
    clock.stop()
    assert not clock.ticking
