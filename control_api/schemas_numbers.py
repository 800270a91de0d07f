"""Telephone numbers on the wire: bringing one in, and giving its two slots to agents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from control_api.schemas_shared import (
    PhoneNumberIn,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
)
from control_api.schemas_trunks import Address, Country, Credential
from gateway.directory import AssignmentType
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk
from gateway.timestamps import timestamp
from store.records import PhoneNumber, TrunkOutbound


class ProviderType(StrEnum):
    """Whose number it is. Every provider is reached over a SIP trunk."""

    CUSTOM_SIP = "custom_sip"
    TELNYX = "telnyx"
    TWILIO = "twilio"


class NumberType(StrEnum):
    LOCAL = "local"
    TOLL_FREE = "toll-free"
    MOBILE = "mobile"


class NumberImport(RequestModel):
    """A number that you have at a carrier or a PBX. Its trunk is an existing one (`trunk_id`) or made from
    `sip_*`."""

    phone_number: PhoneNumberIn
    provider_type: ProviderType = ProviderType.CUSTOM_SIP
    friendly_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    type: NumberType = NumberType.LOCAL
    country: Country | None = Field(default=None, description="Found from the number when absent.")
    trunk_id: UuidIn | None = None
    sip_server: Address | None = Field(default=None, description="Where calls from this number are sent.")
    sip_username: Credential | None = None
    sip_password: Annotated[Credential, Field(json_schema_extra={"writeOnly": True})] | None = None

    @model_validator(mode="after")
    def _one_trunk(self) -> Self:
        inline = (self.sip_server, self.sip_username, self.sip_password)
        if self.trunk_id is not None and any(part is not None for part in inline):
            raise ValueError("give trunk_id or the sip_ fields, not both")
        if self.sip_server is None and (self.sip_username is not None or self.sip_password is not None):
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
        """The trunk that the `sip_*` fields describe, if they are there."""
        if self.sip_server is None:
            return None
        return NewTrunk(
            name=self.friendly_name or self.phone_number,
            outbound=TrunkOutbound(
                address=self.sip_server, auth_username=self.sip_username, auth_password=self.sip_password
            ),
        )


class NumberAssign(RequestModel):
    """Give a number to an agent, at once and without a gap when another agent had it."""

    number_id: UuidIn
    agent_id: UuidIn
    assignment_type: AssignmentType | None = Field(default=None, description="Both slots when absent.")


class NumberUnassign(RequestModel):
    """Take a number away from its agent."""

    number_id: UuidIn
    assignment_type: AssignmentType | None = Field(default=None, description="Both slots when absent.")


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
    created_at: Timestamp
    updated_at: Timestamp


def render_number(number: PhoneNumber) -> dict[str, Any]:
    """The number object."""
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
        "created_at": timestamp(number.created_at),
        "updated_at": timestamp(number.updated_at),
    }
