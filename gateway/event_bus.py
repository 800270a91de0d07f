"""What happens in calls, for those who watch: an organisation's events in order, kept a while for those who
come back.

Without subscribers an event costs one look at `active`. From the first subscription on, the newest events of
that organisation are kept, until nobody has watched it for a while, so that a client whose connection broke
can go on behind the last event it has seen.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import LimitExceededError

# Events kept for one organisation, and for how long after its last subscriber left (seconds).
KEPT_EVENTS = 2_000
KEPT_FOR_S = 60.0
# Events that may wait for one subscriber. One that does not read loses the oldest and is told how many.
QUEUE_LIMIT = 500
# Subscribers of one organisation: each costs a connection and a copy of every event.
SUBSCRIBER_LIMIT = 50


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One event of one call. `id` orders the events of this process."""

    id: str
    call_id: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """A gap: so many events were lost, None when nobody knows how many."""

    count: int | None


class Subscription:
    """One watcher's queue. Read with `next`; end it with `EventBus.unsubscribe`."""

    def __init__(self, topic: _Topic, call_id: str | None) -> None:
        self._topic = topic
        self._call_id = call_id
        self._waiting: deque[CallEvent] = deque()
        self._dropped: int | None = 0
        self._arrived = asyncio.Event()

    def offer(self, event: CallEvent) -> None:
        """Queue an event if it is of the call that is watched."""
        if self._call_id is not None and event.call_id != self._call_id:
            return
        if len(self._waiting) >= QUEUE_LIMIT:
            self._waiting.popleft()
            if self._dropped is not None:
                self._dropped += 1
        self._waiting.append(event)
        self._arrived.set()

    def missed(self) -> None:
        """What came before cannot be told any more."""
        self._dropped = None
        self._arrived.set()

    def clear(self) -> None:
        """Forget what waits: it was told another way."""
        self._waiting.clear()
        self._dropped = 0

    def wake(self) -> None:
        """Let who waits look around."""
        self._arrived.set()

    async def next(self, timeout_s: float) -> CallEvent | EventsDropped | None:
        """The next event, or a gap before it; None when nothing came within `timeout_s`."""
        if self._dropped == 0 and not self._waiting:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                return None
        if self._dropped == 0 and not self._waiting:
            return None
        if self._dropped != 0:
            count, self._dropped = self._dropped, 0
            return EventsDropped(count)
        return self._waiting.popleft()

    @property
    def topic(self) -> _Topic:
        return self._topic


class _Topic:
    """One organisation's newest events and its subscribers."""

    def __init__(self) -> None:
        self.kept: deque[tuple[int, CallEvent]] = deque(maxlen=KEPT_EVENTS)
        self.first = 0  # number of the first event that would have been kept
        self.subscribers: set[Subscription] = set()
        self.deserted_at = 0.0


class EventBus:
    """All topics of this process. Belongs to the gateway's event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._topics: dict[str, _Topic] = {}
        self._number = 0
        # Told apart from the numbers of the process before this one.
        self._run = secrets.token_hex(4)
        self.active = False
        self.closed = False

    def close(self) -> None:
        """End every stream: the gateway stops."""
        self.closed = True
        for topic in self._topics.values():
            for subscriber in topic.subscribers:
                subscriber.wake()

    def publish(self, organization_id: str, call_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """Tell those who watch this organisation."""
        topic = self._topics.get(organization_id)
        if topic is None:
            return
        if not topic.subscribers and self._clock() - topic.deserted_at > KEPT_FOR_S:
            self._forget(organization_id)
            return
        self._number += 1
        event = CallEvent(f"{self._run}-{self._number}", call_id, kind, data)
        topic.kept.append((self._number, event))
        for subscriber in topic.subscribers:
            subscriber.offer(event)

    def subscribe(
        self, organization_id: str, *, call_id: str | None = None, after: str | None = None
    ) -> Subscription:
        """Watch an organisation, or one call of it, from now on or from behind the event `after`.

        Raises `LimitExceededError`.
        """
        topic = self._topics.get(organization_id)
        if topic is None:
            topic = self._topics[organization_id] = _Topic()
            topic.first = self._number + 1
            self.active = True
        self.require_room(organization_id)
        subscription = Subscription(topic, call_id)
        if after is not None:
            self._resume(topic, subscription, after)
        topic.subscribers.add(subscription)
        return subscription

    def require_room(self, organization_id: str) -> None:
        """Raises `LimitExceededError` when the organisation has as many subscribers as it may have."""
        topic = self._topics.get(organization_id)
        if topic is not None and len(topic.subscribers) >= SUBSCRIBER_LIMIT:
            raise LimitExceededError(
                f"At most {SUBSCRIBER_LIMIT} connections may watch an organisation's events.",
                code="too_many_watchers",
                retry_after=10,
                limit=SUBSCRIBER_LIMIT,
            )

    def unsubscribe(self, subscription: Subscription) -> None:
        topic = subscription.topic
        topic.subscribers.discard(subscription)
        if not topic.subscribers:
            topic.deserted_at = self._clock()

    @property
    def subscribers(self) -> int:
        return sum(len(topic.subscribers) for topic in self._topics.values())

    def _resume(self, topic: _Topic, subscription: Subscription, after: str) -> None:
        run, _, number = after.partition("-")
        last = int(number) if number.isascii() and number.isdigit() and len(number) < 18 else -1
        oldest = topic.kept[0][0] if len(topic.kept) == KEPT_EVENTS else topic.first
        if run != self._run or last < oldest - 1 or last > self._number:
            subscription.missed()
            return
        for at, event in topic.kept:
            if at > last:
                subscription.offer(event)

    def _forget(self, organization_id: str) -> None:
        del self._topics[organization_id]
        self.active = bool(self._topics)
