"""One 20 ms clock for all calls, on an absolute schedule.

The 20 ms are divided into slots; each call belongs to one slot, so that packets do not leave in one burst.
`Schedule` is the arithmetic without a clock; `MediaClock` drives it from the event loop with a single timer,
or, where the loop serves nothing but calls, by sleeping from slot to slot.

A tick that comes late serves every frame that is due, but never more than a bound: what is older is skipped
and counted.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Protocol

FRAME_S = 0.020
# A tick later than this counts as late.
LATE_S = 0.005
# A timer that fires so much before its time has fired in time.
EARLY_S = 0.0001
# When so much was missed, sockets are read once more before the missed frames are made up for.
STALL_S = 0.015
# A call is served so long after its packets usually come: enough for ordinary jitter, short enough not to be
# noticed.
ALIGN_EARLIEST_S = 0.006
ALIGN_LATEST_S = 0.014
# So long after a command a loop of our own stays awake: a call is set up by several words to and fro, which
# would cost a slot each.
AWAKE_S = 0.1


class Clocked(Protocol):
    """Something that is served every 20 ms, in two steps. `now` is monotonic seconds."""

    slot: int

    def listen(self, now: float) -> None:
        """The first step: take in one frame."""

    def speak(self, now: float) -> None:
        """The second step: give out one frame."""


class Schedule:
    """Which slots are due when. Times are monotonic seconds."""

    def __init__(self, slot_ms: int, catch_up_ms: int, now: float) -> None:
        if 20 % slot_ms:
            raise ValueError("slot_ms must divide 20")
        self.slot_s = slot_ms / 1000
        self.slots = 20 // slot_ms
        self._bound = catch_up_ms // slot_ms
        self._origin = 0.0
        self._next = 0  # number of the next slot to serve, counted from the origin
        self.late_ticks = 0
        self.max_lateness_s = 0.0
        self._worst_lateness_s = 0.0
        self.slots_skipped = 0
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin anew after a rest: nothing was missed."""
        # Event loops round timers to whole milliseconds of this clock: on such a one they never fire early.
        self._origin = math.ceil(now * 1000) / 1000
        self._next = 0

    @property
    def next_at(self) -> float:
        """When the next slot is due."""
        return self._origin + self._next * self.slot_s

    def due(self, now: float) -> range:
        """The numbers of the slots due now, oldest first; `number % slots` is the slot. Counts lateness."""
        first = self._next
        behind = now - (self._origin + first * self.slot_s)
        if behind < -EARLY_S:
            return range(first, first)
        count = int((behind + EARLY_S) / self.slot_s) + 1
        if behind > self.max_lateness_s:
            self.max_lateness_s = behind
        if behind > self._worst_lateness_s:
            self._worst_lateness_s = behind
        if behind > LATE_S:
            self.late_ticks += 1
        if count > self._bound:
            self.slots_skipped += count - self._bound
            first += count - self._bound
        self._next += count
        return range(first, self._next)

    def take_worst_lateness_s(self) -> float:
        """The greatest lateness since this was last asked."""
        worst, self._worst_lateness_s = self._worst_lateness_s, 0.0
        return worst

    def slot_at(self, when: float) -> int:
        """The slot whose turn comes at or before `when`."""
        return int((when - self._origin) / self.slot_s) % self.slots


class MediaClock:
    """Serves members in their slots. `before` is called at each wake-up ahead of them (to read the sockets),
    `failed` when a member raises: it should remove it.

    With `own_loop` the loop sleeps while it waits for the next slot, so that nothing wakes it up: what the
    engine sends meanwhile is needed in the next slot only, and all of it is read at once ahead of it.
    Anything else on such a loop waits for at most one slot, and for none after `stay_awake`.
    """

    def __init__(
        self,
        slot_ms: int,
        catch_up_ms: int,
        before: Callable[[float], None],
        failed: Callable[[Clocked, Exception], None],
        *,
        own_loop: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._own_loop = own_loop
        self._awake_until = 0.0
        self._before = before
        self._failed = failed
        self.schedule = Schedule(slot_ms, catch_up_ms, time.monotonic())
        self._members: list[list[Clocked]] = [[] for _ in range(self.schedule.slots)]
        self._count = 0
        self._timer: asyncio.Handle | None = None

    def add(self, member: Clocked) -> None:
        """Serve a new member, in the emptiest slot."""
        members = self._members
        member.slot = min(range(len(members)), key=lambda slot: len(members[slot]))
        members[member.slot].append(member)
        self._count += 1
        if self._timer is None:
            self.schedule.restart(time.monotonic())
            self._arm()

    def remove(self, member: Clocked) -> None:
        """Stop to serve a member; nothing happens when it is not served."""
        slot = self._members[member.slot]
        if member in slot:
            # A new list, since the old one may be being served.
            self._members[member.slot] = [other for other in slot if other is not member]
            self._count -= 1

    def align(self, member: Clocked, arrival: float) -> None:
        """Serve a member shortly after its packets come, which they did at `arrival`."""
        schedule = self.schedule
        first = ALIGN_EARLIEST_S + schedule.slot_s
        choices = max(1, round((ALIGN_LATEST_S - ALIGN_EARLIEST_S) / schedule.slot_s))
        candidates = {schedule.slot_at(arrival + first + step * schedule.slot_s) for step in range(choices)}
        if member.slot in candidates:
            return
        self.remove(member)
        members = self._members
        member.slot = min(candidates, key=lambda slot: len(members[slot]))
        members[member.slot] = [*members[member.slot], member]
        self._count += 1

    def stay_awake(self, now: float) -> None:
        """Do not sleep for the next moments: somebody waits for answers."""
        self._awake_until = now + AWAKE_S

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._members = [[] for _ in self._members]
        self._count = 0

    def _arm(self) -> None:
        next_at = self.schedule.next_at
        if self._own_loop and next_at > self._awake_until:
            # The loop turns once before the rest: what came and what goes meanwhile is looked after.
            self._timer = self._loop.call_soon(self._rest)
        else:
            self._timer = self._loop.call_at(next_at, self._wake)

    def _rest(self) -> None:
        left = self.schedule.next_at - time.monotonic()
        if left > 0:
            time.sleep(left)
        # And once after it: the loop reads what the engine has sent.
        self._timer = self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        now = time.monotonic()
        self._before(now)
        if now - self.schedule.next_at > STALL_S:
            # What the engine sent during the stall is read before it is found missing.
            self._timer = self._loop.call_soon(self._serve)
        else:
            self._serve()

    def _serve(self) -> None:
        now = time.monotonic()
        schedule = self.schedule
        for number in schedule.due(now):
            slot = number % schedule.slots
            # All of a slot take the first step before any takes the second: doing one thing many times, and
            # waking each of our peers once, costs an eighth less than turning between the two.
            for member in self._members[slot]:
                try:
                    member.listen(now)
                except Exception as error:  # noqa: BLE001 - one call's fault must not stop the others
                    self._failed(member, error)
            for member in self._members[slot]:
                try:
                    member.speak(now)
                except Exception as error:  # noqa: BLE001
                    self._failed(member, error)
        if self._count:
            self._arm()
        else:
            self._timer = None
