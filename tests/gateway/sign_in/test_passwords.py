from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.errors import InvalidRequestError, LimitExceededError
from gateway.sign_in.passwords import WAITING_LIMIT, Passwords

GOOD = "correct horse battery"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(memory_kib=64, passes=1)
    yield made
    await made.close()


async def test_only_the_password_matches_its_hash_which_does_not_hold_it(passwords: Passwords) -> None:
    hashed = await passwords.hash(GOOD)
    assert hashed.startswith("$argon2id$")
    assert GOOD not in hashed
    assert await passwords.hash(GOOD) != hashed
    assert await passwords.matches(GOOD, hashed)
    assert not await passwords.matches(GOOD + " ", hashed)
    assert not await passwords.matches("", hashed)
    assert not await passwords.matches("x" * 10_000, hashed)


async def test_a_damaged_hash_lets_nobody_in(passwords: Passwords) -> None:
    assert not await passwords.matches(GOOD, "no hash")


@pytest.mark.parametrize("password", ["short", "x" * 257, ""])
async def test_a_password_must_have_a_decent_length(passwords: Passwords, password: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await passwords.hash(password)
    assert refused.value.details["field"] == "password"


async def test_a_user_whom_nobody_knows_costs_as_much_as_one_with_a_wrong_password() -> None:
    passwords = Passwords(memory_kib=8_192, passes=3)
    hashed = await passwords.hash(GOOD)
    await passwords.matches(GOOD, None)

    async def seconds(hash_: str | None) -> float:
        begun = time.process_time()
        assert not await passwords.matches("wrong password", hash_)
        return time.process_time() - begun

    known = min([await seconds(hashed) for _ in range(5)])
    unknown = min([await seconds(None) for _ in range(5)])
    await passwords.close()
    assert 0.3 * known < unknown < 3 * known


async def test_a_flood_is_turned_away_and_does_not_hold_up_the_loop() -> None:
    passwords = Passwords(memory_kib=16_384, passes=4)
    hashed = await passwords.hash(GOOD)
    attempts = [asyncio.create_task(passwords.matches(GOOD, hashed)) for _ in range(WAITING_LIMIT + 5)]
    longest = 0.0
    while not all(attempt.done() for attempt in attempts):
        begun = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - begun)
    results = await asyncio.gather(*attempts, return_exceptions=True)
    await passwords.close()
    assert sum(result is True for result in results) == WAITING_LIMIT
    assert sum(isinstance(result, LimitExceededError) for result in results) == 5
    assert longest < 0.02  # one password alone takes as long as this or longer
