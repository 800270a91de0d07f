"""Token buckets: how many requests a key, and all keys of an organisation together, may make."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

MAX_BUCKETS = 10_000
"""Buckets kept per limiter. The one idle longest is forgotten first, which at worst gives its owner a fresh
burst."""

DEFAULT_BURST = 100
"""Requests that may come at once after a pause."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated: float


@dataclass(frozen=True, slots=True)
class RateDecision:
    """Whether a request may pass, and what its sender is told: `reset_after` and `retry_after` are whole
    seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: int
    retry_after: int


class RateLimiter:
    """`per_minute` requests a minute for each subject, with bursts of up to `burst`."""

    def __init__(self, per_minute: int, burst: int = DEFAULT_BURST, max_buckets: int = MAX_BUCKETS) -> None:
        if per_minute < 1 or burst < 1:
            raise ValueError("a rate limit and its burst are at least 1")
        self._per_minute = per_minute
        self._rate = per_minute / 60.0
        self._burst = min(burst, per_minute)
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, subject: str, now: float) -> RateDecision:
        """Ask for one request by `subject` at `now` (seconds, monotonic)."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            while len(self._buckets) >= self._max_buckets:
                self._buckets.popitem(last=False)
            bucket = self._buckets[subject] = _Bucket(float(self._burst), now)
        else:
            self._buckets.move_to_end(subject)
            elapsed = max(0.0, now - bucket.updated)
            bucket.tokens = min(float(self._burst), bucket.tokens + elapsed * self._rate)
            bucket.updated = now
        allowed = bucket.tokens >= 1.0
        if allowed:
            bucket.tokens -= 1.0
        missing = max(0.0, 1.0 - bucket.tokens)
        return RateDecision(
            allowed=allowed,
            limit=self._per_minute,
            remaining=int(bucket.tokens),
            reset_after=math.ceil((self._burst - bucket.tokens) / self._rate),
            retry_after=0 if allowed else max(1, math.ceil(missing / self._rate)),
        )
