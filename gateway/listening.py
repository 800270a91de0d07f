"""Listening to live calls: one-use tokens, and a bounded queue for each listener.

A listener that does not read in time loses the oldest audio and is told how much; the call and the other
listeners never notice. The media plane passes audio on only while a call has listeners.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.errors import LimitExceededError
from media.messages import AudioHeard

TOKEN_LIFETIME_S = 60.0
TOKEN_LIMIT = 10_000
# Tenths of a second that may wait for one listener.
QUEUE_LIMIT = 20
LISTENERS_PER_CALL = 4


AudioBatch: TypeAlias = AudioHeard
"""A tenth of a second of both sides, as the media plane passes it on."""


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """So many tenths of a second were lost before what comes next."""

    batches: int


class Listener:
    """One listener's queue."""

    def __init__(self) -> None:
        self._waiting: deque[AudioHeard] = deque()
        self._dropped = 0
        self._expected: int | None = None
        self._arrived = asyncio.Event()
        self._ended = False
        self.dropped_batches = 0

    def offer(self, heard: AudioHeard) -> None:
        """Queue a batch, in the place of the oldest when the queue is full."""
        missed = heard.sequence - self._expected if self._expected is not None else 0
        self._expected = heard.sequence + 1
        if missed > 0:  # dropped between the media plane and us
            self._drop(missed)
        if len(self._waiting) >= QUEUE_LIMIT:
            self._waiting.popleft()
            self._drop(1)
        self._waiting.append(heard)
        self._arrived.set()

    def end(self) -> None:
        """The call is over: what waits is still given out."""
        self._ended = True
        self._arrived.set()

    async def next(self) -> AudioHeard | AudioDropped | None:
        """The next batch, or the gap before it; None when the call is over."""
        while not self._waiting:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return AudioDropped(dropped)
        return self._waiting.popleft()

    def _drop(self, batches: int) -> None:
        self._dropped += batches
        self.dropped_batches += batches


class CallListeners:
    """The listeners of one call. `switch` is told when the first one comes and when the last one goes."""

    def __init__(self, switch: Callable[[bool], None]) -> None:
        self._switch = switch
        self._listeners: set[Listener] = set()
        self._over = False

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self) -> Listener:
        """Raises `LimitExceededError` when the call has as many as it may have."""
        self.require_room()
        listener = Listener()
        self._listeners.add(listener)
        if self._over:
            listener.end()
        elif len(self._listeners) == 1:
            self._switch(True)
        return listener

    def require_room(self) -> None:
        """Raises `LimitExceededError`."""
        if len(self._listeners) >= LISTENERS_PER_CALL:
            raise LimitExceededError(
                f"At most {LISTENERS_PER_CALL} may listen to a call.",
                code="too_many_listeners",
                retry_after=5,
                limit=LISTENERS_PER_CALL,
            )

    def remove(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
            if not self._listeners and not self._over:
                self._switch(False)

    def heard(self, audio: AudioHeard) -> None:
        for listener in self._listeners:
            listener.offer(audio)

    def end(self) -> None:
        """The call is over."""
        self._over = True
        for listener in self._listeners:
            listener.end()


class ListenTokens:
    """Tokens that let somebody listen to one call, once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[str, float]] = {}  # token -> call, deadline; oldest first

    def issue(self, call_id: str) -> str:
        now = self._clock()
        while self._tokens:
            oldest = next(iter(self._tokens))
            if len(self._tokens) < TOKEN_LIMIT and self._tokens[oldest][1] > now:
                break
            del self._tokens[oldest]
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (call_id, now + TOKEN_LIFETIME_S)
        return token

    def redeem(self, token: str) -> str | None:
        """The call that the token is for; it is worth nothing afterwards."""
        call_id, deadline = self._tokens.pop(token, (None, 0.0))
        return call_id if deadline > self._clock() else None
