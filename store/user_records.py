"""Who signs in to the dashboard, and the sessions that come of it, as plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a key or a user may do: everything of its organisation, or look on."""

    ADMIN = "admin"
    READ = "read"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `username` is lower-case and unique in the installation; of the password only an argon2id
    hash is kept.
    """

    id: str
    organization_id: str
    username: str
    password_hash: str
    role: Role
    created_at: datetime
    updated_at: datetime
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in, as a user or with an API key (one of the two ids). Of the cookie's secret only the
    SHA-256 is kept. It ends at `expires_at`, or when nothing was heard of it for long since `seen_at`.
    """

    id: str
    organization_id: str
    token_hash: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    user_id: str | None = None
    api_key_id: str | None = None
    address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with what its user or key is now. `allowed_addresses` are the key's, and none a user's."""

    session: Session
    name: str
    role: Role
    allowed_addresses: tuple[str, ...] = ()
