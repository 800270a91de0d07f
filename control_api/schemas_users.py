"""Users, sessions and signing in on the wire. No password and no secret of a session is ever shown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from control_api.authentication import Caller
from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp, Uuid
from gateway.timestamps import optional_timestamp, timestamp
from store.records import Organization
from store.user_records import Role, SignedIn, User

Password = Annotated[str, Field(max_length=1_024)]
"""Longer than any good one; how long a new one must be is told where it is set."""


class SignInIn(RequestModel):
    """One of the ways in: user name and password, or an API key, or a link that was printed."""

    username: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    password: Password | None = None
    api_key: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    link: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SignInIn:
        by_password = self.username is not None and self.password is not None
        ways = [by_password, self.api_key is not None, self.link is not None]
        if ways.count(True) != 1 or (not by_password and (self.username or self.password)):
            raise ValueError("give username and password, or api_key, or link")
        return self


class OrganizationOut(ResponseModel):
    id: Uuid
    name: str


class SessionOut(ResponseModel):
    """Who you are."""

    kind: Literal["user", "key"]
    name: str = Field(description="The user's name, or the API key's.")
    role: Role
    organization: OrganizationOut
    session_id: Uuid | None = Field(description="Null when the request came with an API key.")
    user_id: Uuid | None
    expires_at: Timestamp | None = Field(description="When the session ends at the latest.")


class PasswordChange(RequestModel):
    current_password: Password
    new_password: Password


class UserCreate(RequestModel):
    """Somebody who may sign in."""

    username: Annotated[str, Field(min_length=1, max_length=64, examples=["ada"])] = Field(
        description="Unique in the installation; small and capital letters are the same."
    )
    password: Password = Field(description="10 to 256 characters.")
    role: Role = Field(default=Role.ADMIN, description="`read`: may see everything and change nothing.")


class UserChange(RequestModel):
    """What is absent stays. The user has to sign in anew."""

    role: Role | None = None
    password: Password | None = None


class UserOut(ResponseModel):
    id: Uuid
    username: str
    role: Role
    created_at: Timestamp
    updated_at: Timestamp
    last_sign_in_at: Timestamp | None


class SignedInOut(ResponseModel):
    """A session that is good."""

    id: Uuid
    kind: Literal["user", "key"]
    name: str
    role: Role
    address: str | None = Field(description="Where the sign-in came from.")
    user_agent: str | None
    current: bool = Field(description="It is the one that this request was made with.")
    created_at: Timestamp
    seen_at: Timestamp = Field(description="When it was last used, to the minute.")
    expires_at: Timestamp


def render_caller(caller: Caller, organization: Organization) -> dict[str, Any]:
    """The session object."""
    session = None if caller.signed_in is None else caller.signed_in.session
    return {
        "kind": "user" if session is not None and session.user_id is not None else "key",
        "name": caller.name,
        "role": caller.role.value,
        "organization": {"id": organization.id, "name": organization.name},
        "session_id": None if session is None else session.id,
        "user_id": None if session is None else session.user_id,
        "expires_at": None if session is None else timestamp(session.expires_at),
    }


def render_user(user: User) -> dict[str, Any]:
    """The user object."""
    return {
        "id": user.id,
        "username": user.username,
        "role": user.role.value,
        "created_at": timestamp(user.created_at),
        "updated_at": timestamp(user.updated_at),
        "last_sign_in_at": optional_timestamp(user.last_sign_in_at),
    }


def render_signed_in(signed_in: SignedIn, caller: Caller) -> dict[str, Any]:
    """A session in the list of sessions."""
    session = signed_in.session
    return {
        "id": session.id,
        "kind": "user" if session.user_id is not None else "key",
        "name": signed_in.name,
        "role": signed_in.role.value,
        "address": session.address,
        "user_agent": session.user_agent,
        "current": caller.signed_in is not None and caller.signed_in.session.id == session.id,
        "created_at": timestamp(session.created_at),
        "seen_at": timestamp(session.seen_at),
        "expires_at": timestamp(session.expires_at),
    }
