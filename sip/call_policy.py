"""What the owner wants of a call's optional extensions: session timers (RFC 4028) and reliable provisional
answers (RFC 3262), and whether the peer may send us elsewhere (RFC 3515) or write to us (RFC 3428).

An incoming call is taken before its owner knows whose it is, so it begins with the default and is given its
own by `IncomingCall.take_policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sip.capabilities import ALLOWED_METHODS, NO_REFER_SUBSCRIPTION, RELIABLE, REPLACES, TIMER

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
    accepts_refer: bool = False
    accepts_messages: bool = False

    @property
    def extensions(self) -> tuple[str, ...]:
        """The option tags that are ours to use in this call."""
        tags = [NO_REFER_SUBSCRIPTION] if self.accepts_refer else []
        if self.reliable_provisionals is not ReliableProvisionals.OFF:
            tags.append(RELIABLE)
        tags.append(REPLACES)
        if self.session_timers is not SessionTimers.OFF:
            tags.append(TIMER)
        return tuple(tags)

    @property
    def allow(self) -> tuple[str, str]:
        """The Allow header of this call's messages."""
        methods = [*ALLOWED_METHODS]
        if self.accepts_refer:
            methods.append("REFER")
        if self.accepts_messages:
            methods.append("MESSAGE")
        return ("Allow", ", ".join(methods))

    @property
    def supported(self) -> tuple[tuple[str, str], ...]:
        """The Supported header of this call's messages."""
        return (("Supported", ", ".join(self.extensions)),) if self.extensions else ()
