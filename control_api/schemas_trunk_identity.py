"""How a trunk writes numbers, whom it shows as the caller, what it passes on and how fast, on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictBool

from control_api.schemas_shared import PhoneNumberIn, PhoneNumberOut, RequestModel, ResponseModel
from store.trunk_identity_records import (
    DisplayName,
    LeadingPlus,
    NumberWriting,
    TrunkCallerIdentity,
    TrunkHeaders,
    TrunkRates,
)

MOST_HEADERS = 32
LONGEST_HEADER = 1_024

HeaderName = Annotated[str, Field(pattern=r"^[Xx]-[A-Za-z0-9_.-]{1,62}$", examples=["X-Customer-Id"])]
HeaderPattern = Annotated[str, Field(pattern=r"^[Xx]-[A-Za-z0-9_.-]{0,61}\*?$", examples=["X-*"])]
HeaderValue = Annotated[str, Field(max_length=LONGEST_HEADER, pattern=r"^[^\x00-\x1f\x7f]*$")]
SipHeaders = Annotated[dict[HeaderName, HeaderValue], Field(max_length=MOST_HEADERS)]
TechPrefix = Annotated[str, Field(pattern=r"^[0-9#*]{1,16}$", examples=["8899#"])]
SipUser = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!~*'()&=+$,?/-]{1,64}$")]
Rate = Annotated[float, Field(gt=0, le=1_000)]


class NumberWritingIn(RequestModel):
    """What `number_format` leaves open."""

    leading_plus: LeadingPlus = Field(
        default=LeadingPlus.KEEP,
        description="The plus before numbers that we write: as `number_format` has it, always, or never.",
    )
    tech_prefix: TechPrefix | None = Field(
        default=None, description="Stands before every number that we call; digits, # and *."
    )

    def to_record(self) -> NumberWriting:
        return NumberWriting(self.leading_plus, self.tech_prefix)


class NumberWritingOut(ResponseModel):
    leading_plus: LeadingPlus
    tech_prefix: str | None


class CallerIdentityIn(RequestModel):
    """Whom calls from us show as the caller."""

    from_user: SipUser | None = Field(
        default=None, description="In From in place of the number, where a carrier wants its account there."
    )
    display_name: DisplayName = Field(default=DisplayName.NONE, description="Whose name stands in From.")
    p_asserted_identity: StrictBool = Field(
        default=False, description="The number in P-Asserted-Identity (RFC 3325): trusted peers."
    )
    p_preferred_identity: StrictBool = Field(
        default=False, description="The number in P-Preferred-Identity, for the carrier to assert."
    )
    private: StrictBool = Field(
        default=False,
        description="The caller is withheld: an anonymous From and `Privacy: id`. A call may say otherwise.",
    )
    diversion: PhoneNumberIn | None = Field(
        default=None, description="A number that calls are said to be diverted from (RFC 5806)."
    )

    def to_record(self) -> TrunkCallerIdentity:
        return TrunkCallerIdentity(
            self.from_user,
            self.display_name,
            self.p_asserted_identity,
            self.p_preferred_identity,
            self.private,
            self.diversion,
        )


class CallerIdentityOut(ResponseModel):
    from_user: str | None
    display_name: DisplayName
    p_asserted_identity: bool
    p_preferred_identity: bool
    private: bool
    diversion: PhoneNumberOut | None


class TrunkHeadersIn(RequestModel):
    """X-* headers that are passed on."""

    inbound: Annotated[list[HeaderPattern], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=list,
        description="Which of an INVITE's become variables, by name or, with a star, by how they begin: "
        "`X-Customer-Id` is `sip_header_x_customer_id`.",
    )
    outbound: SipHeaders | None = Field(default=None, description="Sent with every INVITE of ours.")

    def to_record(self) -> TrunkHeaders:
        return TrunkHeaders(tuple(self.inbound), self.outbound or None)


class TrunkHeadersOut(ResponseModel):
    inbound: list[str]
    outbound: dict[str, str]


class TrunkRatesIn(RequestModel):
    """New calls a second, on each node."""

    outbound_calls_per_second: Rate | None = Field(
        default=None, description="Calls above it wait for their turn; null: no limit."
    )
    inbound_calls_per_second: Rate | None = Field(
        default=None, description="Calls above it are refused with 503; null: no limit."
    )

    def to_record(self) -> TrunkRates:
        return TrunkRates(self.outbound_calls_per_second, self.inbound_calls_per_second)


class TrunkRatesOut(ResponseModel):
    outbound_calls_per_second: float | None
    inbound_calls_per_second: float | None


def render_number_writing(writing: NumberWriting) -> dict[str, Any]:
    return {"leading_plus": writing.leading_plus.value, "tech_prefix": writing.tech_prefix}


def render_caller_identity(identity: TrunkCallerIdentity) -> dict[str, Any]:
    return {
        "from_user": identity.from_user,
        "display_name": identity.display_name.value,
        "p_asserted_identity": identity.p_asserted_identity,
        "p_preferred_identity": identity.p_preferred_identity,
        "private": identity.private,
        "diversion": identity.diversion,
    }


def render_headers(headers: TrunkHeaders) -> dict[str, Any]:
    return {"inbound": list(headers.inbound), "outbound": headers.outbound or {}}


def render_rates(rates: TrunkRates) -> dict[str, Any]:
    return {
        "outbound_calls_per_second": rates.outbound_calls_per_second,
        "inbound_calls_per_second": rates.inbound_calls_per_second,
    }
