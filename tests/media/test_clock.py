import asyncio
import socket
import time

import pytest

from media.clock import Clocked, MediaClock, Schedule


def schedule(slot_ms: int = 4, catch_up_ms: int = 200) -> Schedule:
    return Schedule(slot_ms, catch_up_ms, now=100.0)


def test_each_slot_is_due_once_every_20_ms_at_its_own_time() -> None:
    clock = schedule()
    seen = [
        (number % clock.slots, millisecond)
        for millisecond in range(40)
        for number in clock.due(100.0 + millisecond / 1000)
    ]
    assert seen == [(slot % 5, slot * 4) for slot in range(10)]
    assert clock.late_ticks == 0


def test_the_schedule_does_not_drift_with_late_ticks() -> None:
    clock = schedule()
    clock.due(100.0031)
    assert clock.next_at == pytest.approx(100.004)


def test_a_late_tick_serves_everything_that_is_due() -> None:
    clock = schedule()
    clock.due(100.0)
    assert list(clock.due(100.050)) == list(range(1, 13))
    assert clock.late_ticks == 1
    assert clock.max_lateness_s == pytest.approx(0.046)


def test_a_stall_beyond_the_bound_is_skipped_and_counted() -> None:
    clock = schedule(catch_up_ms=200)
    clock.due(100.0)
    due = clock.due(101.0)
    assert len(due) == 50
    assert clock.slots_skipped == 200
    assert due[-1] == 250
    assert clock.next_at == pytest.approx(101.004)


def test_nothing_is_due_before_its_time() -> None:
    clock = schedule()
    clock.due(100.0)
    assert not clock.due(100.003)
    assert list(clock.due(100.00395)) == [1], "a timer may fire a tenth of a millisecond early"


def test_a_slot_is_found_by_its_time() -> None:
    clock = schedule()
    assert [clock.slot_at(100.0 + ms / 1000) for ms in (0.5, 3.5, 4.5, 19.5, 20.5)] == [0, 0, 1, 4, 0]


def test_slots_must_divide_the_frame() -> None:
    with pytest.raises(ValueError, match="divide"):
        schedule(slot_ms=3)


class Member:
    """Counts how often it is served; breaks down when told to."""

    def __init__(self, fails: bool = False) -> None:
        self.slot = 0
        self.heard = 0
        self.served = 0
        self.fails = fails
        self.enough = asyncio.Event()

    def listen(self, now: float) -> None:
        self.heard += 1

    def speak(self, now: float) -> None:
        self.served += 1
        if self.served >= 3:
            self.enough.set()
        if self.fails:
            raise RuntimeError("broken")


def media_clock(failed: list[Clocked]) -> MediaClock:
    return MediaClock(4, 200, before=lambda now: None, failed=lambda member, error: failed.append(member))


async def test_members_are_spread_over_the_slots() -> None:
    clock = media_clock([])
    members = [Member() for _ in range(10)]
    for member in members:
        clock.add(member)
    clock.close()
    assert sorted(member.slot for member in members) == sorted([0, 1, 2, 3, 4] * 2)


async def test_one_member_s_fault_does_not_stop_the_others() -> None:
    failed: list[Clocked] = []
    clock = media_clock(failed)
    broken, sound = Member(fails=True), Member()
    clock.add(broken)
    clock.add(sound)
    await asyncio.wait_for(sound.enough.wait(), 5)
    clock.close()
    assert set(failed) == {broken}


async def test_a_member_that_failed_to_listen_and_was_removed_does_not_speak() -> None:
    class Deaf(Member):
        def listen(self, now: float) -> None:
            raise RuntimeError("broken")

    clock = MediaClock(4, 200, before=lambda now: None, failed=lambda member, error: clock.remove(member))
    deaf, sound = Deaf(), Member()
    clock.add(deaf)
    clock.add(sound)
    await asyncio.wait_for(sound.enough.wait(), 5)
    clock.close()
    assert deaf.served == 0
    assert sound.heard >= sound.served >= 3


async def test_a_removed_member_is_not_served_any_more() -> None:
    clock = media_clock([])
    gone, stays = Member(), Member()
    clock.add(gone)
    clock.add(stays)
    clock.remove(gone)
    clock.remove(gone)
    await asyncio.wait_for(stays.enough.wait(), 5)
    clock.close()
    assert gone.served == 0


async def test_the_clock_rests_without_members_and_goes_on_with_the_next() -> None:
    clock = media_clock([])
    first, second = Member(), Member()
    clock.add(first)
    await asyncio.wait_for(first.enough.wait(), 5)
    clock.remove(first)
    clock.schedule.restart(0.0)  # a rest long enough for many slots to be missed
    skipped = clock.schedule.slots_skipped
    clock.close()
    clock.add(second)
    await asyncio.wait_for(second.enough.wait(), 5)
    clock.close()
    assert clock.schedule.slots_skipped == skipped


async def test_on_a_loop_of_its_own_the_clock_keeps_time_and_rests_without_members() -> None:
    clock = MediaClock(4, 200, before=lambda now: None, failed=lambda member, error: None, own_loop=True)
    loop = asyncio.get_running_loop()
    first, second = Member(), Member()
    clock.add(first)
    began = loop.time()
    await asyncio.wait_for(first.enough.wait(), 5)
    assert loop.time() - began >= 0.039, "three frames are two times 20 ms apart"
    clock.remove(first)
    await asyncio.sleep(0.05)
    served = first.served
    clock.add(second)
    await asyncio.wait_for(second.enough.wait(), 5)
    clock.close()
    assert first.served == served
    assert clock.schedule.slots_skipped == 0


async def test_on_a_loop_of_its_own_what_came_during_the_rest_is_read_before_the_next_slot() -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    unread: list[int] = []
    sent = received = 0

    def before(now: float) -> None:
        nonlocal sent
        unread.append(sent - received)
        far.send(b".")
        sent += 1

    def readable() -> None:
        nonlocal received
        received += len(near.recv(100))

    asyncio.get_running_loop().add_reader(near, readable)
    clock = MediaClock(4, 200, before=before, failed=lambda member, error: None, own_loop=True)
    member = Member()
    clock.add(member)
    await asyncio.wait_for(member.enough.wait(), 5)
    clock.close()
    asyncio.get_running_loop().remove_reader(near)
    near.close()
    far.close()
    assert len(unread) > 5
    assert not any(unread)


async def test_a_loop_that_was_asked_to_stay_awake_serves_others_at_once() -> None:
    clock = MediaClock(20, 200, before=lambda now: None, failed=lambda member, error: None, own_loop=True)
    clock.add(Member())

    async def shortest_nap() -> float:
        naps: list[float] = []
        for _ in range(4):
            began = time.monotonic()
            await asyncio.sleep(0.001)
            naps.append(time.monotonic() - began)
        return min(naps[1:])

    asleep = await shortest_nap()
    clock.stay_awake(time.monotonic())
    awake = await shortest_nap()
    clock.close()
    assert awake < 0.010 < asleep, "seconds; a slot has twenty milliseconds"


async def test_a_member_is_moved_to_shortly_after_its_packets_come() -> None:
    clock = media_clock([])
    member = Member()
    clock.add(member)
    for millisecond in range(20):
        arrival = clock.schedule.next_at + millisecond / 1000
        clock.align(member, arrival)
        slot_starts = clock.schedule.next_at - clock.schedule.slot_at(clock.schedule.next_at) * 0.004
        wait = (slot_starts + member.slot * 0.004 - arrival) % 0.020
        assert 0.0059 <= wait <= 0.0181
    clock.close()


async def test_aligning_members_does_not_put_all_into_one_slot() -> None:
    clock = media_clock([])
    members = [Member() for _ in range(20)]
    for member in members:
        clock.add(member)
        clock.align(member, clock.schedule.next_at + 0.001)
    clock.close()
    used = [member.slot for member in members]
    assert max(used.count(slot) for slot in set(used)) <= 10


def test_the_worst_lateness_is_told_once() -> None:
    schedule = Schedule(4, 200, now=0.0)
    schedule.due(0.0)
    schedule.due(0.034)
    schedule.due(0.041)
    assert schedule.take_worst_lateness_s() == pytest.approx(0.030)
    assert schedule.take_worst_lateness_s() == 0.0
    assert schedule.max_lateness_s == pytest.approx(0.030)
