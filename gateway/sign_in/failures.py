"""How often a sign-in may fail: for one address and for one user name, so that passwords cannot be tried out.

An IPv6 address counts by its /64, which is what one subscriber has.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import LimitExceededError

WINDOW_S = 600.0
FAILURES_OF_ADDRESS = 20
FAILURES_OF_USER = 10
MAX_SUBJECTS = 10_000
"""Subjects remembered; the one that failed longest ago goes first."""


class Failures:
    """Counts failures of the last ten minutes, in memory: each node for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def require_room(self, address: str, username: str | None) -> None:
        """Raises `LimitExceededError` when the address or the user has failed too often."""
        now = self._clock()
        for subject, limit in _subjects(address, username):
            failed = [at for at in self._failed.get(subject, ()) if now - at < WINDOW_S]
            if len(failed) >= limit:
                raise LimitExceededError(
                    "Too many sign-ins have failed; wait before you try again.",
                    code="too_many_failures",
                    retry_after=max(1, math.ceil(failed[-limit] + WINDOW_S - now)),
                )

    def failed(self, address: str, username: str | None) -> None:
        now = self._clock()
        for subject, limit in _subjects(address, username):
            at = [*self._failed.pop(subject, ()), now]
            self._failed[subject] = at[-limit:]
        while len(self._failed) > MAX_SUBJECTS:
            self._failed.popitem(last=False)

    def succeeded(self, username: str) -> None:
        """The user's own mistakes are forgotten; those of the address are not, which may try other names."""
        self._failed.pop(_user(username), None)


def _subjects(address: str, username: str | None) -> list[tuple[str, int]]:
    subjects = [(f"address {_network(address)}", FAILURES_OF_ADDRESS)]
    if username is not None:
        subjects.append((_user(username), FAILURES_OF_USER))
    return subjects


def _user(username: str) -> str:
    return f"user {username}"


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
