"""Calls placed by our own user agent over any transport, hung up as soon as they are answered, with what the
caller's clock says of each.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from sip.message import Response
from sip.user_agent import Call, CallListener, EndedBy, OutboundTarget, UserAgent

LONGEST_WAIT = 60.0
"""Seconds for the last calls to end: more than the 32 s after which SIP gives anything up."""


@dataclass
class ShortCall(CallListener):
    """One call: seconds from handing its INVITE over to the first 180 and to the 200, and when it is over."""

    begun: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ringing_s: float | None = None
    setup_s: float | None = None

    def on_progress(self, call: Call, response: Response) -> None:
        if response.status == 180 and self.ringing_s is None:
            self.ringing_s = time.perf_counter() - self.begun

    def on_answer(self, call: Call, response: Response) -> None:
        self.setup_s = time.perf_counter() - self.begun
        call.hang_up()

    def on_failure(self, call: Call, status: int, reason: str, response: Response | None) -> None:
        self.over.set()

    def on_terminated(self, call: Call, by: EndedBy, request: object) -> None:
        self.over.set()


async def place_calls(agent: UserAgent, target: OutboundTarget, calls: int, rate: float) -> list[ShortCall]:
    """So many calls, begun at `rate` a second, each to its end. Raises `TimeoutError`."""
    start = time.perf_counter()
    placed: list[ShortCall] = []
    for number in range(calls):
        call = ShortCall(time.perf_counter())
        placed.append(call)
        agent.call(target, call)
        await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.perf_counter()))
    async with asyncio.timeout(LONGEST_WAIT):
        for call in placed:
            await call.over.wait()
    return placed
