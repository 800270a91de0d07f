"""How a trunk's calls are signalled, and the parts of its outbound side, on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel
from store.records import (
    EarlyMedia,
    ReliableProvisionals,
    SessionTimerUse,
    StirCheck,
    TrunkRegistration,
    TrunkSignalling,
    TrunkStir,
    TrunkTls,
)
from store.target_records import Redirects

LONGEST_PEM = 65_536

Pem = Annotated[str, Field(min_length=1, max_length=LONGEST_PEM)]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x20\x7f<>\"]+$")]


class TrunkSignallingIn(RequestModel):
    """How calls over the trunk are signalled."""

    session_timer: SessionTimerUse = Field(
        default=SessionTimerUse.ALLOW,
        description="RFC 4028. `allow`: when the far side asks; `always`: we ask; `off`: never.",
    )
    session_expires: Annotated[int, Field(ge=90, le=86_400)] = Field(
        default=1800, description="The session interval that we ask for, in seconds."
    )
    min_session_expires: Annotated[int, Field(ge=90, le=86_400)] = Field(
        default=90, description="A shorter interval of the far side is refused with 422."
    )
    reliable_provisionals: ReliableProvisionals = Field(
        default=ReliableProvisionals.ALLOW,
        description="100rel and PRACK (RFC 3262). `require`: calls without it are refused with 421.",
    )
    early_media: EarlyMedia = Field(
        default=EarlyMedia.IGNORE,
        description="`connect` makes the media path when the far side rings with a session description. "
        "Nobody hears early media, and no recording holds it.",
    )
    follow_redirects: Redirects = Field(
        default=Redirects.OFF,
        description="3xx answers to our INVITE: `trunk` follows those to hosts and networks of the trunk, "
        "`any` all; where we may not call stays forbidden.",
    )

    def to_record(self) -> TrunkSignalling:
        return TrunkSignalling(
            session_timer=self.session_timer,
            session_expires=self.session_expires,
            min_session_expires=self.min_session_expires,
            reliable_provisionals=self.reliable_provisionals,
            early_media=self.early_media,
            follow_redirects=self.follow_redirects,
        )


class TrunkSignallingOut(ResponseModel):
    session_timer: SessionTimerUse
    session_expires: int
    min_session_expires: int
    reliable_provisionals: ReliableProvisionals
    early_media: EarlyMedia
    follow_redirects: Redirects


class TrunkStirIn(RequestModel):
    """STIR/SHAKEN: the signed identity of callers."""

    verify: StirCheck = Field(
        default=StirCheck.RECORD,
        description="Calls to us. `record`: checked, and the outcome told to agent and timeline; "
        "`require`: calls that are not signed, or not rightly, are refused with 428, 436, 437, 438 or 403; "
        "`off`: not looked at.",
    )
    sign: StrictBool = Field(default=False, description="Whether calls from us are signed.")

    def to_record(self) -> TrunkStir:
        return TrunkStir(self.verify, self.sign)


class TrunkStirOut(ResponseModel):
    verify: StirCheck
    sign: bool


class TrunkTlsIn(RequestModel):
    """TLS towards the far side, with `transport` = `tls`."""

    ca: Pem | None = Field(default=None, description="Authorities to believe, PEM; the system's when absent.")
    server_name: Name | None = Field(
        default=None, description="For SNI, and what the far side's certificate must be for."
    )
    min_version: Literal["1.2", "1.3"] = "1.2"
    certificate: Pem | None = Field(default=None, description="Our certificate, PEM, with its chain.")
    private_key: Annotated[Pem, Field(json_schema_extra={"writeOnly": True})] | None = None
    wildcard: StrictBool = Field(
        default=False,
        description="Whether a certificate for `*.example.com` will do, which RFC 5922 forbids and some "
        "carriers show.",
    )

    def to_record(self) -> TrunkTls:
        return TrunkTls(
            self.ca, self.server_name, self.min_version, self.certificate, self.private_key, self.wildcard
        )


class TrunkTlsOut(ResponseModel):
    ca: str | None
    server_name: str | None
    min_version: str
    certificate: str | None
    private_key_set: bool = Field(description="Whether there is a key; it is never shown.")
    wildcard: bool


class TrunkRegistrationIn(RequestModel):
    """Our REGISTER to the far side."""

    expires: Annotated[int, Field(ge=60, le=86_400)] = Field(
        default=300, description="Seconds that we ask for; refreshed at half of what is granted."
    )
    username: Name | None = Field(default=None, description="`auth_username` when absent.")
    domain: Name | None = Field(default=None, description="The host of `address` when absent.")

    def to_record(self) -> TrunkRegistration:
        return TrunkRegistration(self.expires, self.username, self.domain)


class TrunkRegistrationOut(ResponseModel):
    expires: int
    username: str | None
    domain: str | None


def render_signalling(signalling: TrunkSignalling) -> dict[str, Any]:
    return {
        "session_timer": signalling.session_timer.value,
        "session_expires": signalling.session_expires,
        "min_session_expires": signalling.min_session_expires,
        "reliable_provisionals": signalling.reliable_provisionals.value,
        "early_media": signalling.early_media.value,
        "follow_redirects": signalling.follow_redirects.value,
    }


def render_tls(tls: TrunkTls | None) -> dict[str, Any] | None:
    """Without the private key."""
    if tls is None:
        return None
    return {
        "ca": tls.ca,
        "server_name": tls.server_name,
        "min_version": tls.min_version,
        "certificate": tls.certificate,
        "private_key_set": tls.private_key is not None,
        "wildcard": tls.wildcard,
    }


def render_registration(registration: TrunkRegistration | None) -> dict[str, Any] | None:
    if registration is None:
        return None
    return {
        "expires": registration.expires,
        "username": registration.username,
        "domain": registration.domain,
    }
