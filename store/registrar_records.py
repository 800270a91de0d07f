"""Whoever registers with us, as the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class InboundRegistrar:
    """Whether a trunk's digest user may register with us, and how: seconds, and Contacts at once. With
    `trust_source` calls that come the way a Contact was registered are not challenged.
    """

    enabled: bool = True
    max_contacts: int = 5
    min_expires: int = 60
    max_expires: int = 3600
    trust_source: bool = False


class ToRegistered(StrEnum):
    """What the Request-URI of a call to a registered Contact says: the Contact as it is, or the number called
    in place of its user part.
    """

    CONTACT = "contact"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class RegisteredContact:
    """One binding. `local_port` is the port of ours that it came to; `path` holds raw values; `credential`
    tells the password that was shown from others.
    """

    contact: str
    transport: str
    host: str
    port: int
    local_port: int | None
    call_id: str
    cseq: int
    registered_at: datetime
    seen_at: datetime
    expires_at: datetime
    path: tuple[str, ...] = ()
    q: float | None = None
    instance: str | None = None
    reg_id: int | None = None
    user_agent: str | None = None
    credential: str | None = None
