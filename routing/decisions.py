"""What every decision of this package is made of: the steps that led to it and, if it is a no, a refusal.

A refusal names the rule that failed, what was looked up, what was found and what would put it right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Step:
    """One check in words: which rule, what it looked at, what it found."""

    rule: str
    looked_up: str
    found: str
    passed: bool


class RefusalKind(StrEnum):
    """Why a call is not made or taken. The wire never tells more than the SIP status; this is for us."""

    # inbound
    UNKNOWN_TRUNK = "unknown-trunk"
    TRUNK_DISABLED = "trunk-disabled"  # outbound too
    DIGEST_NEEDED = "digest-needed"
    UNKNOWN_NUMBER = "unknown-number"
    UNASSIGNED_NUMBER = "unassigned-number"
    INACTIVE_AGENT = "inactive-agent"  # outbound too
    INVALID_NUMBER = "invalid-number"  # outbound too
    # outbound
    UNKNOWN_AGENT = "unknown-agent"
    NO_PHONE_NUMBER = "no-phone-number"
    FROM_NUMBER_NOT_ASSIGNED = "from-number-not-assigned"
    EMERGENCY_NUMBER = "emergency-number"
    NO_TRUNK = "no-trunk"
    TRUNK_WITHOUT_OUTBOUND = "trunk-without-outbound"
    AT_CAPACITY = "at-capacity"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no. `sip_status` and `sip_reason` answer an INVITE; `code` is the word of the public API."""

    kind: RefusalKind
    code: str
    message: str
    looked_up: str
    fix: str
    sip_status: int
    sip_reason: str
    steps: tuple[Step, ...] = ()
