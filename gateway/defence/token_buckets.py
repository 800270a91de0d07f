"""Token buckets by key: so many a second, and a second's worth at once. Bounded in number."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 10_000


class TokenBuckets:
    """`rate` for each key; 0: no limit. The buckets used longest ago are given up for new ones, full again
    when they come back.
    """

    def __init__(self, rate: float, *, most_keys: int = MOST_KEYS) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> bool:
        """Whether there was a token."""
        if self._rate <= 0:
            return True
        return take(self._buckets, key, self._rate, self._burst, now, self._most_keys)


def take(
    buckets: OrderedDict[str, tuple[float, float]],
    key: str,
    rate: float,
    burst: float,
    now: float,
    most_keys: int,
) -> bool:
    """Take a token from the bucket of `key`, which fills at `rate` up to `burst`."""
    tokens, at = buckets.get(key, (burst, now))
    tokens = min(burst, tokens + (now - at) * rate)
    taken = tokens >= 1
    buckets[key] = (tokens - 1 if taken else tokens, now)
    buckets.move_to_end(key)
    if len(buckets) > most_keys:
        buckets.popitem(last=False)
    return taken
