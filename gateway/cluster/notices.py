"""Telling the other nodes that something they keep in memory has changed.

The revision in the database says what the newest change is (`store.revisions`); a notice over Redis says that
it is time to look. Without Redis, or while it is away, every node looks every few seconds by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from gateway.background_task import BackgroundTask
from store.errors import StoreError

log = structlog.get_logger(__name__)

CHANNEL = "trunkline:changes"
LOOK_EVERY_S = 2.0
LOOK_EVERY_WITH_NOTICES_S = 30.0
PAUSE_S = 1.0  # before Redis is tried again
# Taking over a large directory takes a while: of many changes in a row several are taken over together.
REST_SHARE = 9
LONGEST_REST_S = 5.0


class Notices(BackgroundTask):
    """`look` is called when there may be something new; it compares revisions itself."""

    def __init__(
        self, redis: Redis | None, look: Callable[[], Awaitable[None]], *, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        super().__init__("change-notices")
        self._redis = redis
        self._look = look
        self._look_every_s = look_every_s
        self._listening = False
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def listening(self) -> bool:
        """Notices come in."""
        return self._listening

    def tell(self) -> None:
        """Something has changed here; never waits, and is lost when Redis is away."""
        if self._redis is None:
            return
        task = asyncio.create_task(self._send(self._redis))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        await super().close()
        if self._sending:
            await asyncio.wait(tuple(self._sending), timeout=PAUSE_S)

    async def _send(self, redis: Redis) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await redis.publish(CHANNEL, b"directory")

    async def _run(self) -> None:
        while True:
            if self._redis is None:
                await asyncio.sleep(self._look_every_s)
                await self._safely_look()
                continue
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(CHANNEL)
                    self._listening = True
                    await self._follow(subscription)
            except (RedisError, OSError, TimeoutError) as error:
                if self._listening:
                    log.warning("change_notices_lost", reason=str(error))
                self._listening = False
            await self._safely_look()
            await asyncio.sleep(min(PAUSE_S, self._look_every_s))

    async def _follow(self, subscription: PubSub) -> None:
        await self._safely_look()  # what was missed before
        while True:
            await subscription.get_message(timeout=LOOK_EVERY_WITH_NOTICES_S)
            await self._safely_look()

    async def _safely_look(self) -> None:
        begun = monotonic()
        await self._look_once()
        await asyncio.sleep(min((monotonic() - begun) * REST_SHARE, LONGEST_REST_S))

    async def _look_once(self) -> None:
        try:
            await self._look()
        except StoreError as error:
            log.warning("changes_unknown", reason=str(error))
        except Exception:
            log.exception("change_not_taken_over")
