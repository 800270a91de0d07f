"""Two legs of one call, patched together: whose voice goes to whom.

Of the two the first has the engine. Nothing here runs by itself: each leg listens and speaks on its own turn
of the clock, and a patch only decides where a frame that was heard goes to, and where the next one to be said
comes from. Between two far parties at most one frame waits, so a patch adds at most 20 ms; what nobody takes
is replaced by the next. Rates, codecs and packet times are each leg's own affair, apart from the conversion
between legs of 8 and 16 kHz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from media.messages import PatchMode
from media.rate_bridge import Doubler, Halver

if TYPE_CHECKING:
    from media.leg import Leg

log = structlog.get_logger(__name__)

Frame = bytes | bytearray


class Voice(Protocol):
    """What a far party hears: the next 20 ms, None for silence."""

    def take(self) -> Frame | None: ...


class Fit:
    """Frames of one leg at the rate of another; nothing is done while the two are the same."""

    __slots__ = ("_converter",)

    def __init__(self) -> None:
        self._converter: Doubler | Halver | None = None

    def at(self, frame: Frame, sample_rate: int) -> Frame:
        """The frame at this rate (8000 or 16000 Hz)."""
        wanted = sample_rate // 50 * 2
        if len(frame) == wanted:
            return frame
        kind = Doubler if len(frame) < wanted else Halver
        if not isinstance(self._converter, kind):
            self._converter = kind()
        return self._converter.convert(frame)


class Passage:
    """One far party's voice on its way to the other: the newest frame only. `replaced` counts those that were
    not taken in time.
    """

    __slots__ = ("_fit", "_frame", "_to", "replaced")

    def __init__(self, to: Leg) -> None:
        self._to = to
        self._fit = Fit()
        self._frame: bytes | None = None
        self.replaced = 0

    def put(self, frame: bytes | None) -> None:
        """What was heard on one side, once every 20 ms."""
        if self._frame is not None:
            self.replaced += 1
        self._frame = frame

    def take(self) -> Frame | None:
        """What is to be said on the other, once every 20 ms."""
        frame, self._frame = self._frame, None
        return None if frame is None else self._fit.at(frame, self._to.sample_rate)


class AgentElsewhere:
    """The agent of one leg, who talks with the far party of another."""

    __slots__ = ("_down", "_first", "_second", "_up")

    def __init__(self, first: Leg, second: Leg) -> None:
        self._first = first
        self._second = second
        self._up, self._down = Fit(), Fit()

    def put(self, frame: bytes | None) -> None:
        """What the engine is to hear, on the other leg's turn."""
        engine, rate = self._first.engine, self._first.sample_rate
        engine.deliver(None if frame is None else bytes(self._up.at(frame, rate)))

    def take(self) -> Frame | None:
        """What the agent says."""
        frame = self._first.playout.take()
        return None if frame is None else self._down.at(frame, self._second.sample_rate)


class Nobody:
    """The other side of a leg that talks with nobody."""

    __slots__ = ()

    def put(self, frame: bytes | None) -> None: ...

    def take(self) -> Frame | None:
        return None


class Abandoned:
    """The other side of a leg whose agent talked with somebody who is gone. The engine goes on to get a
    stream, of silence, and what it says to nobody is not said to the next.
    """

    __slots__ = ("_leg",)

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def put(self, frame: bytes | None) -> None:
        self._leg.engine.deliver(None)

    def take(self) -> Frame | None:
        self._leg.playout.take()
        return None


class Patch:
    """Two legs that are joined, by `PatchMode.CONSULT` or `PatchMode.BRIDGE`."""

    __slots__ = ("_passages", "_whole", "first", "mode", "second")

    def __init__(self, first: Leg, second: Leg | None, mode: PatchMode) -> None:
        """Either leg has been parted from whatever it was joined to before. Without the second one the first
        is alone from the beginning.
        """
        self.first = first
        self.second = second
        self.mode = mode
        self._whole = second is not None
        self._passages: tuple[Passage, ...] = ()
        bridge = mode is PatchMode.BRIDGE
        first.engine.change_partner(resting=bridge)
        first.monitor.turns.rest(True)
        if second is None:
            self._leave_alone(first)
            return
        second.monitor.turns.rest(bridge)
        if bridge:
            there, back = self._passages = Passage(second), Passage(first)
            first.join(self, hears=back, heard_by=there.put, by_people=True)
            second.join(self, hears=there, heard_by=back.put, by_people=True)
            first.keys.other, second.keys.other = second.press, first.press
        else:
            agent = AgentElsewhere(first, second)
            first.join(self, hears=Nobody(), heard_by=Nobody().put)
            second.join(self, hears=agent, heard_by=agent.put)
        self.words_heard()

    def end(self) -> None:
        """Part the legs: each has its own agent again, or none."""
        self._log_replaced()
        for leg in (self.first, self.second):
            if leg is None or leg.patch is not self:
                continue
            leg.part()
            if leg is self.first:
                leg.engine.change_partner(resting=False)

    def lost(self, gone: Leg) -> Leg | None:
        """One leg is gone. The other one, which is to be told; None when that is known."""
        left = self.second if gone is self.first else self.first
        gone.part()
        if not self._whole or left is None or left.patch is not self:
            return None
        self._whole = False
        self._log_replaced()
        self._leave_alone(left)
        return left

    def _log_replaced(self) -> None:
        """A few when a leg changes its turn; many mean that one of the two was not served."""
        replaced = sum(passage.replaced for passage in self._passages)
        self._passages = ()
        if replaced:
            log.info(
                "bridge_frames_replaced",
                leg_id=self.first.leg_id,
                call_id=self.first.call_id,
                frames=replaced,
            )

    def _leave_alone(self, leg: Leg) -> None:
        leg.keys.other = None
        leg.monitor.turns.rest(True)
        alone: Nobody | Abandoned = Nobody()
        if leg is self.first and self.mode is PatchMode.CONSULT:
            alone = Abandoned(leg)
            leg.engine.heard(False)
        leg.join(self, hears=alone, heard_by=alone.put)

    def words_heard(self) -> None:
        """Tell the engine's line whether the agent's words are heard by whom they are meant for."""
        if self._whole and self.second is not None and self.mode is PatchMode.CONSULT:
            self.first.engine.heard(self.second.passes_words)


def patch(first: Leg, second: Leg | None, mode: PatchMode) -> str | None:
    """Join two legs in another way than before. Why that cannot be, else None; the first is alone then."""
    if second is first:
        second = None
    before = first.patch
    if (
        before is not None
        and second is not None
        and second.patch is before
        and (before.first, before.mode) == (first, mode)
    ):
        return None
    for leg in (first, second):
        if leg is not None and leg.patch is not None:
            leg.patch.end()
    if mode is PatchMode.AGENT:
        return None
    Patch(first, second, mode)
    return None if second is not None else "the other leg is not there"
