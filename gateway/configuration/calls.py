"""The sections on calls, campaigns and what belongs to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.configuration.section import Duration, Section


class CallsSection(Section):
    max_inbound: int = Field(default=500, ge=0)
    max_outbound: int = Field(default=500, ge=0)
    max_in_cluster: int = Field(default=0, ge=0)  # all nodes together; 0 = no limit
    max_per_organization: int = Field(default=0, ge=0)  # all nodes together; 0 = no limit
    retry_after: Duration = 10.0
    ring_timeout: Duration = 60.0
    max_duration: Duration = 3600.0
    queue_limit: int = Field(default=10_000, ge=1)
    queue_timeout: Duration = 60.0
    farewell_timeout: Duration = 10.0
    drain_timeout: Duration = 30.0
    transfer_method: Literal["auto", "refer", "bridge"] = "auto"
    transfer_timeout: Duration = 60.0
    transfer_ring_timeout: Annotated[Duration, Field(gt=0)] = 30.0
    transfer_consult_timeout: Annotated[Duration, Field(gt=0)] = 180.0
    show_digits: bool = False  # whether event streams and transcripts tell which keys were pressed


class BatchSection(Section):
    """Campaigns."""

    max_contacts: int = Field(default=100_000, ge=1)
    outbound_share: float = Field(default=0.8, gt=0, le=1)  # of `calls.max_outbound`
    inbound_reserve: float = Field(default=0.2, ge=0, le=1)  # of `calls.max_inbound`
    breaker_calls: int = Field(default=20, ge=0, le=1000)  # 0: none
    breaker_share: float = Field(default=0.8, gt=0, le=1)


class NumbersSection(Section):
    """Where numbers come from."""

    provider: Literal["inventory", "none"] = "inventory"  # what customers can buy from
    telnyx_url: str = "https://api.telnyx.com"
    twilio_url: str = "https://api.twilio.com"


class ContactsSection(Section):
    """Bringing contacts in from files."""

    import_max_bytes: int = Field(default=10 * 1024 * 1024, ge=1024)
    import_max_rows: int = Field(default=100_000, ge=1)


class CarrierRate(Section):
    """What a carrier takes. `trunk` is an id or a name; none: any managed number; the longest prefix wins."""

    trunk: str | None = None
    prefix: str = Field(default="", pattern=r"^(\+\d{0,15})?$")
    cents_per_minute: float = Field(ge=0)
    increment: Annotated[Duration, Field(gt=0)] = 60.0


class RatesSection(Section):
    """What calls cost, in US cents."""

    engine_cents_per_minute: float = Field(default=5.0, ge=0)
    engine_increment: Annotated[Duration, Field(gt=0)] = 6.0
    carrier: tuple[CarrierRate, ...] = ()


class AnalysisSection(Section):
    """The language model that reads transcripts when calls are over; without a `base_url` none does."""

    base_url: str | None = None  # of a server that speaks OpenAI's chat completions
    model: str | None = None
    api_key: str | None = Field(default=None, repr=False)
    api_key_file: Path | None = None
    timeout: Duration = Field(default=30.0, gt=0)
    max_wait: Duration = 120.0
    concurrency: int = Field(default=4, ge=1, le=100)

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @model_validator(mode="after")
    def _whole(self) -> AnalysisSection:
        if (self.base_url is None) != (self.model is None):
            raise ValueError("base_url and model go together")
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("api_key and api_key_file: give one of the two")
        return self


class WebhooksSection(Section):
    """How events are delivered to the endpoints that organisations and agents name."""

    timeout: Duration = Field(default=10.0, gt=0)
    concurrency: int = Field(default=64, ge=1, le=1000)  # requests at a time
    endpoint_concurrency: int = Field(default=8, ge=1, le=100)  # of these to one endpoint
    allow_private: bool = False
    keep_delivered: Duration = 7 * 86_400.0  # 0 = for ever
    keep_dead: Duration = 30 * 86_400.0  # 0 = for ever
