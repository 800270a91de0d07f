"""`/routing/explain`: what would become of a call, and why, without making one."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.schemas_shared import Envelope, PhoneNumberQuery, TextQuery, UuidIn
from control_api.services import GatewayServices
from gateway.errors import InvalidRequestError

TAG = "routing"


def _check_source(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ValueError("must be an IP address") from error


Source = Annotated[str, AfterValidator(_check_source)]


def routing_router(prefix: str, gateway: GatewayServices) -> APIRouter:
    """The routes under `{prefix}/routing`."""
    router = APIRouter(prefix=f"{prefix}/routing", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "/explain",
        operation_id="explain_routing",
        response_model=Envelope[dict[str, Any]],
        responses=answers(Answers.QUERY, 404),
    )
    async def explain_routing(
        request: Request,
        to: Annotated[TextQuery, Query(description="The number dialled.")],
        direction: Annotated[Literal["inbound", "outbound"], Query()] = "inbound",
        from_: Annotated[
            TextQuery | None,
            Query(alias="from", description="The caller (inbound), or the number to call from."),
        ] = None,
        source: Annotated[
            Source | None, Query(description="Inbound: the IP address the INVITE would come from.")
        ] = None,
        agent_id: Annotated[UuidIn | None, Query(description="Outbound: the agent that would call.")] = None,
        from_number: Annotated[
            PhoneNumberQuery | None, Query(description="Outbound: the same as `from`.")
        ] = None,
    ) -> Response:
        """Which trunk, number and agent a call would get, step by step; a refusal says which rule refused
        and how to put it right. No call is made."""
        organization_id = organization_of(request)
        if direction == "inbound":
            return single(
                request, gateway.explain_inbound(organization_id, to=to, from_=from_, source=source)
            )
        if agent_id is None:
            raise InvalidRequestError("agent_id: is required with direction=outbound", field="agent_id")
        return single(
            request,
            gateway.explain_outbound(
                organization_id, agent_id=agent_id, to=to, from_number=from_number or from_
            ),
        )

    return router
