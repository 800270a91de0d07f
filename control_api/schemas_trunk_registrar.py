"""Registering with us, on the wire: who may, and who has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp
from gateway.registrar.status import RegisteredStatus
from gateway.timestamps import timestamp
from store.registrar_records import InboundRegistrar


class InboundRegistrarIn(RequestModel):
    """How the digest user may register with us."""

    enabled: StrictBool = True
    max_contacts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="Telephones at once; a further one takes the place of the oldest."
    )
    min_expires: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=60, description="Seconds; a shorter registration gets 423."
    )
    max_expires: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=3600, description="Seconds; a longer registration is shortened."
    )
    trust_source: StrictBool = Field(
        default=False,
        description="Whether calls that come the way that was registered are taken without a password.",
    )

    def to_record(self) -> InboundRegistrar:
        return InboundRegistrar(
            self.enabled, self.max_contacts, self.min_expires, self.max_expires, self.trust_source
        )


class InboundRegistrarOut(ResponseModel):
    enabled: bool
    max_contacts: int
    min_expires: int
    max_expires: int
    trust_source: bool


class RegisteredContactOut(ResponseModel):
    """Who has registered, at the node that is asked."""

    contact: str
    transport: str
    address: str = Field(description="Where it came from, and calls go to.")
    user_agent: str | None
    q: float | None
    registered_at: Timestamp
    last_seen_at: Timestamp
    expires_at: Timestamp


def render_registrar(registrar: InboundRegistrar | None) -> dict[str, Any] | None:
    if registrar is None:
        return None
    return {
        "enabled": registrar.enabled,
        "max_contacts": registrar.max_contacts,
        "min_expires": registrar.min_expires,
        "max_expires": registrar.max_expires,
        "trust_source": registrar.trust_source,
    }


def render_contacts(contacts: Sequence[RegisteredStatus] | None) -> list[dict[str, Any]] | None:
    if contacts is None:
        return None
    return [
        {
            "contact": each.contact,
            "transport": each.transport,
            "address": each.address,
            "user_agent": each.user_agent,
            "q": each.q,
            "registered_at": timestamp(each.registered_at),
            "last_seen_at": timestamp(each.last_seen_at),
            "expires_at": timestamp(each.expires_at),
        }
        for each in contacts
    ]
