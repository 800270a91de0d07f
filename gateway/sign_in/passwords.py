"""Passwords: argon2id (RFC 9106), reckoned on a thread of its own, so that the calls do not wait for it.

One after the other: each needs memory and a processor for some tenths of a second, and a flood of sign-ins
must not take either from the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import InvalidRequestError, LimitExceededError

T = TypeVar("T")

MIN_LENGTH = 10
MAX_LENGTH = 256
MEMORY_KIB = 32_768
PASSES = 3
WAITING_LIMIT = 16
"""Passwords that may wait for their turn; whoever comes then is asked to try again."""


class Passwords:
    """Makes and checks hashes."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._thread: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a new password. Raises `InvalidRequestError` when it is too short or too long."""
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise InvalidRequestError(
                f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", field="password"
            )
        return await self._reckon(partial(self._hash, password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether this is the password; without a hash (nobody of this name) it takes as long and is false.
        Raises `LimitExceededError` when too many wait already.
        """
        if not password or len(password) > MAX_LENGTH:
            return False
        return await self._reckon(partial(self._matches, password, password_hash))

    async def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def _matches(self, password: str, password_hash: str | None) -> bool:
        known = password_hash is not None
        if password_hash is None:
            if self._nobody is None:
                self._nobody = self._hash("nobody's password")
            password_hash = self._nobody
        try:
            self._hasher.verify(password_hash, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
        return known

    async def _reckon(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_LIMIT:
            raise LimitExceededError(
                "Too many are signing in at this moment; try again.", retry_after=1, limit=WAITING_LIMIT
            )
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1
