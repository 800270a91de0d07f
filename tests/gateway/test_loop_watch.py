"""The measure of the event loop's lag."""

import asyncio
import time

from gateway.loop_watch import INTERVAL_S, LoopWatch


async def test_a_blocked_loop_is_seen_once() -> None:
    watch = LoopWatch()
    watch.start()
    try:
        time.sleep(INTERVAL_S * 2)  # noqa: ASYNC251  (the point is to block)
        seen = 0.0
        async with asyncio.timeout(2):
            while not seen:
                await asyncio.sleep(0)
                seen = watch.take()
        assert seen >= INTERVAL_S / 2
        assert watch.take() < seen
    finally:
        await watch.close()
