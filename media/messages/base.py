"""What all messages have in common."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Direction(StrEnum):
    """Which way audio flows, seen from us (RFC 3264)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class Symmetric(StrEnum):
    """Where the far party's audio may come from and ours goes to: what it signalled until a packet tells
    better; always and only where its packets come from; never anywhere but where it signalled.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class PatchMode(StrEnum):
    """Who talks with whom where one call has two legs: the agent with the far party of the first leg, the
    agent with that of the second, or the two far parties with each other.
    """

    AGENT = "agent"
    CONSULT = "consult"
    BRIDGE = "bridge"


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of everything that crosses the line."""

    leg_id: str
