"""What the owner wants of a call's optional extensions: session timers (RFC 4028) and reliable provisional
answers (RFC 3262).

An incoming call is taken before its owner knows whose it is, so it begins with the default and is given its
own by `IncomingCall.take_policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sip.capabilities import RELIABLE, TIMER

SHORTEST_INTERVAL = 90
"""Seconds; nobody may ask for a session interval below it (RFC 4028 section 4)."""


class SessionTimers(StrEnum):
    """Never, when the peer asks, or asked for by us."""

    OFF = "off"
    ALLOW = "allow"
    ALWAYS = "always"


class ReliableProvisionals(StrEnum):
    """Never, where one side asks, or always."""

    OFF = "off"
    ALLOW = "allow"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """`session_expires` is the interval that we ask for, `min_session_expires` the least that we take."""

    session_timers: SessionTimers = SessionTimers.ALLOW
    session_expires: int = 1800
    min_session_expires: int = SHORTEST_INTERVAL
    reliable_provisionals: ReliableProvisionals = ReliableProvisionals.ALLOW

    @property
    def extensions(self) -> tuple[str, ...]:
        """The option tags that are ours to use in this call."""
        tags = []
        if self.reliable_provisionals is not ReliableProvisionals.OFF:
            tags.append(RELIABLE)
        if self.session_timers is not SessionTimers.OFF:
            tags.append(TIMER)
        return tuple(tags)

    @property
    def supported(self) -> tuple[tuple[str, str], ...]:
        """The Supported header of this call's messages."""
        return (("Supported", ", ".join(self.extensions)),) if self.extensions else ()
