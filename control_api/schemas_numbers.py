"""Telephone numbers on the wire: bringing one in, and giving its two slots to agents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from control_api.schemas_agent_settings import Url
from control_api.schemas_shared import (
    DURATION_SCHEMA,
    DurationText,
    PhoneNumberIn,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    duration_between,
)
from control_api.schemas_trunks import Address, Country, Credential
from gateway.directory import AssignmentType
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk
from gateway.numbers.carriers import (
    TELNYX_SIGNALLING,
    TELNYX_SIP,
    TWILIO_SIGNALLING,
    CarrierAccount,
    TelnyxAccount,
    TwilioAccount,
)
from gateway.timestamps import timestamp
from store.inventory import StockedNumber, StockQuery
from store.records import PhoneNumber, TrunkInbound, TrunkOutbound


class ProviderType(StrEnum):
    """Whose number it is. Every provider is reached over a SIP trunk."""

    CUSTOM_SIP = "custom_sip"
    TELNYX = "telnyx"
    TWILIO = "twilio"


class NumberType(StrEnum):
    LOCAL = "local"
    TOLL_FREE = "toll-free"
    MOBILE = "mobile"


def _hyphenated(value: Any) -> Any:
    """`toll_free` is understood too."""
    return value.replace("_", "-") if isinstance(value, str) else value


NumberTypeIn = Annotated[NumberType, BeforeValidator(_hyphenated)]

Secret = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"writeOnly": True})]
AccountSid = Annotated[str, Field(pattern=r"^AC[0-9A-Za-z]{2,62}$")]
ApiKeyText = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")]


class NumberImport(RequestModel):
    """A number that you have at a carrier or a PBX. Its trunk is an existing one (`trunk_id`) or made from
    the carrier's preset and the `sip_*` fields, which are tried before the number is taken."""

    phone_number: PhoneNumberIn
    provider_type: ProviderType = ProviderType.CUSTOM_SIP
    friendly_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    type: NumberTypeIn = NumberType.LOCAL
    country: Country | None = Field(default=None, description="Found from the number when absent.")
    trunk_id: UuidIn | None = None
    sip_server: Address | None = Field(default=None, description="Where calls from this number are sent.")
    sip_username: Credential | None = None
    sip_password: Annotated[Credential, Field(json_schema_extra={"writeOnly": True})] | None = None
    api_key: Annotated[ApiKeyText, Field(json_schema_extra={"writeOnly": True})] | None = Field(
        default=None, description="Of a Telnyx account, to see that it holds the number; not kept."
    )
    account_sid: AccountSid | None = Field(default=None, description="Of a Twilio account.")
    auth_token: Secret | None = Field(
        default=None, description="Of a Twilio account, to see that it holds the number; not kept."
    )

    @model_validator(mode="after")
    def _one_trunk(self) -> Self:
        inline = (self.sip_server, self.sip_username, self.sip_password)
        if self.trunk_id is not None and any(part is not None for part in inline):
            raise ValueError("give trunk_id or the sip_ fields, not both")
        if self.api_key is not None and self.provider_type is not ProviderType.TELNYX:
            raise ValueError("api_key belongs to provider_type telnyx")
        if (self.account_sid is None) != (self.auth_token is None):
            raise ValueError("account_sid and auth_token go together")
        if self.account_sid is not None and self.provider_type is not ProviderType.TWILIO:
            raise ValueError("account_sid and auth_token belong to provider_type twilio")
        preset = self.provider_type is ProviderType.TELNYX and self.api_key is not None
        if (
            not preset
            and self.sip_server is None
            and (self.sip_username is not None or self.sip_password is not None)
        ):
            raise ValueError("sip_username and sip_password need sip_server")
        if (self.sip_username is None) != (self.sip_password is None):
            raise ValueError("sip_username and sip_password go together")
        return self

    def to_new(self) -> NewNumber:
        """The number as the gateway understands it; an inline trunk comes from `new_trunk`."""
        return NewNumber(
            phone_number=self.phone_number,
            friendly_name=self.friendly_name,
            provider_type=self.provider_type.value,
            type=self.type.value,
            country=None if self.country is None else self.country.upper(),
            trunk_id=self.trunk_id,
        )

    def new_trunk(self) -> NewTrunk | None:
        """The trunk that the carrier's preset and the `sip_*` fields describe, if there is one."""
        server = self.sip_server
        networks: tuple[str, ...] = ()
        if self.trunk_id is not None:
            return None
        if self.api_key is not None:
            server = server or TELNYX_SIP
            networks = TELNYX_SIGNALLING
        elif self.account_sid is not None:
            networks = TWILIO_SIGNALLING
        if server is None and not networks:
            return None
        outbound = None
        if server is not None:
            outbound = TrunkOutbound(
                address=server, auth_username=self.sip_username, auth_password=self.sip_password
            )
        return NewTrunk(
            name=self.friendly_name or self.phone_number,
            inbound=TrunkInbound(networks) if networks else None,
            outbound=outbound,
        )

    def account(self) -> CarrierAccount | None:
        """The carrier's account that holds the number, if it was named."""
        if self.api_key is not None:
            return TelnyxAccount(self.api_key)
        if self.account_sid is not None and self.auth_token is not None:
            return TwilioAccount(self.account_sid, self.auth_token)
        return None


class PrecallWebhookIn(RequestModel):
    """Who is asked, while the caller hears it ring, before a call to this number is answered."""

    url: Annotated[Url, Field(examples=["https://example.com/precall"])]
    secret: Annotated[Secret, Field(min_length=16)] | None = Field(
        default=None,
        description="Signs the question, as webhooks are signed; write-only. When absent the one for the "
        "same URL stays; null: none.",
    )
    timeout: Annotated[int, BeforeValidator(duration_between(500, 8_000)), DURATION_SCHEMA] = Field(
        default=3_000, validate_default=False, description='How long one try may take, such as "3s".'
    )


class NumberPatch(RequestModel):
    """What can be changed on a number; what is absent stays."""

    friendly_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    type: NumberTypeIn | None = None
    trunk_id: UuidIn | None = None
    precall_webhook: PrecallWebhookIn | None = None
    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Calls at once in both directions; null: no limit."
    )

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, as the number keeps them."""
        changes: dict[str, Any] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if isinstance(value, NumberType):
                value = value.value
            elif isinstance(value, PrecallWebhookIn):
                secret = {"secret": value.secret} if "secret" in value.model_fields_set else {}
                value = {"url": value.url, "timeout_ms": value.timeout, **secret}
            elif name == "type":
                continue  # null: as it was
            changes[name] = value
        return changes


class NumberSearch(RequestModel):
    """Which numbers to look for in the stock."""

    country: Country | None = None
    type: NumberTypeIn | None = None
    contains: Annotated[str, Field(pattern=r"^\d{1,15}$")] | None = Field(
        default=None, description="Digits that occur somewhere in the number."
    )
    prefix: Annotated[str, Field(pattern=r"^\d{1,15}$")] | None = Field(
        default=None, description="Digits that the number begins with, country code first."
    )
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    def query(self) -> StockQuery:
        """The search as the stock understands it."""
        return StockQuery(
            country=None if self.country is None else self.country.upper(),
            type=None if self.type is None else self.type.value,
            contains=self.contains,
            prefix=self.prefix,
        )


class NumberPurchase(RequestModel):
    """Buy a number that a search has shown."""

    phone_number: PhoneNumberIn
    friendly_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class AvailableNumberOut(ResponseModel):
    """A number that can be bought."""

    phone_number: PhoneNumberOut
    type: str
    country: str
    monthly_cost_cents: int


class NumberAssign(RequestModel):
    """Give a number to an agent, at once and without a gap when another agent had it."""

    number_id: UuidIn
    agent_id: UuidIn
    assignment_type: AssignmentType | None = Field(default=None, description="Both slots when absent.")


class NumberUnassign(RequestModel):
    """Take a number away from its agent."""

    number_id: UuidIn
    assignment_type: AssignmentType | None = Field(default=None, description="Both slots when absent.")


class PrecallWebhookOut(ResponseModel):
    """The question before an answer, without its secret."""

    url: str
    timeout: DurationText


class NumberOut(ResponseModel):
    """A telephone number with its two slots: who answers it, and who may call from it."""

    id: Uuid
    phone_number: PhoneNumberOut
    friendly_name: str | None
    provider_type: str
    type: str
    country: str | None
    trunk_id: Uuid | None
    inbound_agent_id: Uuid | None
    outbound_agent_id: Uuid | None
    managed: bool = Field(description="Bought here; otherwise your own, at your own carrier.")
    precall_webhook: PrecallWebhookOut | None
    max_concurrent_calls: int | None
    created_at: Timestamp
    updated_at: Timestamp


def render_number(number: PhoneNumber) -> dict[str, Any]:
    """The number object."""
    webhook = number.precall_webhook
    return {
        "id": number.id,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "provider_type": number.provider_type,
        "type": number.type,
        "country": number.country,
        "trunk_id": number.trunk_id,
        "inbound_agent_id": number.inbound_agent_id,
        "outbound_agent_id": number.outbound_agent_id,
        "managed": number.managed,
        "precall_webhook": None if webhook is None else _render_precall(webhook),
        "max_concurrent_calls": number.max_concurrent_calls,
        "created_at": timestamp(number.created_at),
        "updated_at": timestamp(number.updated_at),
    }


def render_available(number: StockedNumber) -> dict[str, Any]:
    """A number for sale."""
    return {
        "phone_number": number.phone_number,
        "type": number.type,
        "country": number.country,
        "monthly_cost_cents": number.monthly_cost_cents,
    }


def _render_precall(webhook: dict[str, Any]) -> dict[str, Any]:
    return {"url": webhook["url"], "timeout": f"{webhook['timeout_ms'] / 1000:g}s"}
