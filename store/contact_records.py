"""Contacts, and the folders they lie in, as plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Folder:
    """A named group of contacts."""

    id: str
    organization_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who may be called. In one folder (and among those that lie in none) a number stands once."""

    id: str
    organization_id: str
    phone_number: str  # E.164
    created_at: datetime
    updated_at: datetime
    folder_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company_name: str | None = None
    industry: str | None = None
    location: str | None = None
    pin_code: str | None = None
    keywords: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts to list; `None` means "any". `search` is a part of a name, the company, the e-mail
    address or the number, in any case.
    """

    folder_id: str | None = None
    search: str | None = None
    phone_number: str | None = None
