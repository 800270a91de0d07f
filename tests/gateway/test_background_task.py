"""The life of work beside the calls."""

import asyncio
from contextlib import suppress

import pytest

from gateway import background_task
from gateway.background_task import BackgroundTask


class Counter(BackgroundTask):
    def __init__(self) -> None:
        super().__init__("counter")
        self.rounds = 0
        self.ended = False

    async def _run(self) -> None:
        try:
            while True:
                self.rounds += 1
                await asyncio.sleep(0)
        finally:
            self.ended = True


async def test_it_runs_from_start_to_close() -> None:
    counter = Counter()
    counter.start()
    assert "counter" in [task.get_name() for task in asyncio.all_tasks()]
    while counter.rounds < 3:
        await asyncio.sleep(0)
    await counter.close()
    assert counter.ended
    rounds = counter.rounds
    await asyncio.sleep(0)
    assert counter.rounds == rounds


async def test_it_may_be_closed_twice_and_without_a_start() -> None:
    counter = Counter()
    await counter.close()
    counter.start()
    await asyncio.sleep(0)
    await counter.close()
    await counter.close()
    assert counter.ended


class Deaf(BackgroundTask):
    """Takes the first cancellation for something else."""

    async def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_one_that_misses_its_end_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_task, "CANCEL_AGAIN_S", 0.01)
    deaf = Deaf("deaf")
    deaf.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await deaf.close()
