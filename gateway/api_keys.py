"""Checking bearer keys: SHA-256, constant-time comparison, a short memory that saves the query."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from store.database import Store
from store.keys import hash_secret
from store.records import ApiKey

TIME_TO_LIVE = 15.0  # seconds that a key revoked by another process stays good
CACHE_SIZE = 1024  # good keys remembered; the oldest goes first
MAX_SECRET_LENGTH = 256


class KeyVerifier:
    """Knows which bearer secrets are good. Bad ones are not remembered: they would push out the good."""

    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock = clock
        self._good: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()
        self._forgotten = 0  # times; what was read before the last of them is not kept

    async def verify(self, secret: str) -> ApiKey | None:
        """The key that this secret belongs to, or `None` when there is none or it was revoked."""
        if not secret or len(secret) > MAX_SECRET_LENGTH:
            return None
        digest = hash_secret(secret)
        remembered = self._good.get(digest)
        if remembered is not None and remembered[1] > self._clock():
            return remembered[0]
        forgotten = self._forgotten
        key = await self._store.keys.find_by_secret_hash(digest)
        if key is None or key.revoked_at is not None or not hmac.compare_digest(key.secret_hash, digest):
            self._good.pop(digest, None)
            return None
        if forgotten != self._forgotten:
            return await self.verify(secret)  # one was revoked meanwhile: this one?
        self._good[digest] = (key, self._clock() + TIME_TO_LIVE)
        self._good.move_to_end(digest)
        if len(self._good) > CACHE_SIZE:
            self._good.popitem(last=False)
        return key

    def forget(self) -> None:
        """Ask the store again about every key: one was revoked."""
        self._forgotten += 1
        self._good.clear()
