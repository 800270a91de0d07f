"""Keys in quick succession reach the agent as one text."""

import asyncio

from gateway.digit_batch import LONGEST_BATCH, DigitBatch


async def test_keys_in_quick_succession_are_one_text() -> None:
    got: asyncio.Queue[str] = asyncio.Queue()
    batch = DigitBatch(got.put_nowait, gap_s=0.01)
    for digit in "1234":
        batch.add(digit)
    assert await asyncio.wait_for(got.get(), 1) == "1234"
    assert got.empty()


async def test_hash_ends_a_batch_at_once() -> None:
    got: list[str] = []
    batch = DigitBatch(got.append, gap_s=60)
    batch.add("5")
    batch.add("#")
    assert got == ["5#"]


async def test_a_batch_has_a_longest_length() -> None:
    got: list[str] = []
    batch = DigitBatch(got.append, gap_s=60)
    for _ in range(LONGEST_BATCH):
        batch.add("1")
    assert got == ["1" * LONGEST_BATCH]


async def test_what_was_collected_at_the_end_of_the_call_is_forgotten() -> None:
    got: list[str] = []
    batch = DigitBatch(got.append, gap_s=0.0)
    batch.add("1")
    batch.close()
    await asyncio.sleep(0)
    assert got == []
