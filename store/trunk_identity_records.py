"""How a trunk writes numbers, who it shows as the caller, which headers it passes on, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LeadingPlus(StrEnum):
    """The plus before a number on a trunk's wire: as the number format has it, always, or never."""

    KEEP = "keep"
    ADD = "add"
    STRIP = "strip"


class RouteBy(StrEnum):
    """What of an INVITE says which of our numbers was called, where the Request-URI does not."""

    REQUEST_URI = "request_uri"
    TO = "to"
    DIVERSION = "diversion"


class DisplayName(StrEnum):
    """Whose name stands before the caller's address: nobody's, the agent's, or the trunk's."""

    NONE = "none"
    AGENT = "agent"
    TRUNK = "trunk"


@dataclass(frozen=True, slots=True)
class NumberWriting:
    """What `number_format` leaves open. `tech_prefix` stands before every number that is called."""

    leading_plus: LeadingPlus = LeadingPlus.KEEP
    tech_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class TrunkCallerIdentity:
    """Who is shown as the caller of our calls. `from_user`: in place of the number in From, for carriers that
    want their account there; `diversion`: a number of ours that the call is said to be diverted from;
    `private`: the caller is withheld unless a call says otherwise.
    """

    from_user: str | None = None
    display_name: DisplayName = DisplayName.NONE
    p_asserted_identity: bool = False
    p_preferred_identity: bool = False
    private: bool = False
    diversion: str | None = None


@dataclass(frozen=True, slots=True)
class TrunkHeaders:
    """`inbound`: headers of an INVITE that become variables, by name or by how they begin (`X-*`);
    `outbound`: what each INVITE of ours carries beside its own.
    """

    inbound: tuple[str, ...] = ()
    outbound: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TrunkRates:
    """New calls a second: ours wait for their turn, others get 503. None: no limit."""

    outbound_calls_per_second: float | None = None
    inbound_calls_per_second: float | None = None
