"""What sources make of the challenges that they get: some show a password, some only ask again and again.

An address in a UDP packet proves nothing, but who answers a challenge with the right password has had it.
Kept in memory of this node, bounded: whoever was heard longest ago is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict

from gateway.defence.bans import source_of

MOST_SOURCES = 10_000
UNANSWERED_A_STRIKE = 5
"""A PBX may begin several calls before its first answer is here, so that one open challenge is no misdeed."""

PROVED_S = 3600.0
"""How long a right password vouches for where it came from."""


class Challenges:
    """By source, an IPv6 one by its /64."""

    def __init__(self) -> None:
        self._unanswered: OrderedDict[str, int] = OrderedDict()
        self._proved: OrderedDict[str, float] = OrderedDict()

    def given(self, host: str, now: float) -> bool:
        """Note a challenge; True when so many have gone unanswered that it is a misdeed."""
        if self.proved(host, now):
            return False
        source = source_of(host)
        count = self._unanswered.pop(source, 0) + 1
        if count == UNANSWERED_A_STRIKE:
            return True
        self._unanswered[source] = count
        if len(self._unanswered) > MOST_SOURCES:
            self._unanswered.popitem(last=False)
        return False

    def answered(self, host: str, now: float) -> None:
        """The right password came from there."""
        source = source_of(host)
        self._unanswered.pop(source, None)
        self._proved[source] = now + PROVED_S
        self._proved.move_to_end(source)
        if len(self._proved) > MOST_SOURCES:
            self._proved.popitem(last=False)

    def proved(self, host: str, now: float) -> bool:
        """Whether the right password came from there lately."""
        until = self._proved.get(source_of(host))
        return until is not None and now < until
