"""API keys on the wire. A secret is shown once, when its key is made."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp, Uuid
from gateway.timestamps import optional_timestamp, timestamp
from store.records import ApiKey
from store.user_records import Role

Network = Annotated[str, Field(max_length=64, examples=["203.0.113.0/24"])]


class KeyCreate(RequestModel):
    """A key for another client of your organisation."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    allowed_addresses: Annotated[list[Network], Field(max_length=256)] = Field(
        default=[], description="Addresses and networks (CIDR) that the key is good from; none: anywhere."
    )
    role: Role = Field(default=Role.ADMIN, description="`read`: may read everything and change nothing.")


class KeyOut(ResponseModel):
    """A key without its secret."""

    id: Uuid
    name: str
    prefix: str = Field(description="How the secret begins, to tell keys apart.")
    allowed_addresses: list[str]
    role: Role
    created_at: Timestamp
    revoked_at: Timestamp | None


class NewKeyOut(KeyOut):
    """A key that was just made."""

    key: str = Field(description="The secret. It is kept as a hash only and cannot be shown again.")


def render_key(key: ApiKey) -> dict[str, Any]:
    """The key object."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "allowed_addresses": list(key.allowed_addresses),
        "role": key.role.value,
        "created_at": timestamp(key.created_at),
        "revoked_at": optional_timestamp(key.revoked_at),
    }
