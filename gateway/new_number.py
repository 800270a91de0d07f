"""What a client asks for when it imports a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNumber:
    """`phone_number` is E.164; `country` is found from it when left out; `trunk_id` binds it to a trunk."""

    phone_number: str
    friendly_name: str | None = None
    provider_type: str = "custom_sip"
    type: str = "local"
    country: str | None = None
    trunk_id: str | None = None
