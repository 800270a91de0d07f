"""`/outbound-policy`: where the organisation may call, how often, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of, require_admin
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.routes_routing import TAG
from control_api.schemas_shared import Envelope, RequestModel, ResponseModel, Timestamp
from gateway.outbound_policy import OutboundPolicies
from gateway.timestamps import optional_timestamp
from store.outbound_policy_records import OutboundPolicy

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"])]
Prefix = Annotated[str, Field(pattern=r"^\+[0-9]{1,15}$", examples=["+4930"])]


class OutboundPolicyUpdate(RequestModel):
    """What outbound calls are held to; what is absent has its default."""

    allowed_countries: Annotated[list[Country], Field(max_length=250)] = Field(
        default_factory=list, description="ISO 3166 countries; with no prefixes either: anywhere."
    )
    allowed_prefixes: Annotated[list[Prefix], Field(max_length=500)] = Field(
        default_factory=list, description="Beginnings of numbers that may be called wherever they are."
    )
    allow_premium: bool = Field(
        default=False, description="Whether premium-rate and satellite numbers may be called."
    )
    calls_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Null: the gateway's `defence.calls_per_minute`."
    )
    cents_per_day: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="US cents in a day of UTC. Null: the gateway's `defence.cents_per_day`."
    )


class OutboundPolicyOut(ResponseModel):
    allowed_countries: list[str]
    allowed_prefixes: list[str]
    allow_premium: bool
    calls_per_minute: int | None
    cents_per_day: int | None
    updated_at: Timestamp | None = Field(description="Null before it was first set.")


def outbound_policy_router(prefix: str, policies: OutboundPolicies) -> APIRouter:
    """The routes at `{prefix}/outbound-policy`."""
    router = APIRouter(prefix=f"{prefix}/outbound-policy", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="get_outbound_policy",
        response_model=Envelope[OutboundPolicyOut],
        responses=answers(Answers.PLAIN),
    )
    async def get_outbound_policy(request: Request) -> Response:
        """Where your organisation may call, how often, and at what cost."""
        return single(request, _render(await policies.get(organization_of(request))))

    @router.put(
        "",
        operation_id="set_outbound_policy",
        response_model=Envelope[OutboundPolicyOut],
        responses=answers(Answers.BODY),
    )
    async def set_outbound_policy(request: Request, body: OutboundPolicyUpdate) -> Response:
        """Put this in place of what there was. It counts from the next call on."""
        require_admin(request)
        policy = OutboundPolicy(
            organization_id=organization_of(request),
            allowed_countries=tuple(dict.fromkeys(body.allowed_countries)),
            allowed_prefixes=tuple(dict.fromkeys(body.allowed_prefixes)),
            allow_premium=body.allow_premium,
            calls_per_minute=body.calls_per_minute,
            cents_per_day=body.cents_per_day,
            updated_at=datetime.now(UTC),
        )
        return single(request, _render(await policies.put(policy)))

    return router


def _render(policy: OutboundPolicy) -> dict[str, Any]:
    return {
        "allowed_countries": list(policy.allowed_countries),
        "allowed_prefixes": list(policy.allowed_prefixes),
        "allow_premium": policy.allow_premium,
        "calls_per_minute": policy.calls_per_minute,
        "cents_per_day": policy.cents_per_day,
        "updated_at": optional_timestamp(policy.updated_at),
    }
