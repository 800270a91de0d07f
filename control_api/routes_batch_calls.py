"""`/batch-calls`: campaigns, made, changed, started, stopped and watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_batch_calls import BatchContactOut, BatchCreate, BatchOut, BatchUpdate
from control_api.schemas_contacts import SearchText
from control_api.schemas_shared import Envelope, ListEnvelope, UuidIn
from gateway.batch.campaign_object import render_campaign, render_campaign_contact
from gateway.batch.campaigns import Campaigns
from store.batch_records import Campaign, CampaignFilter, CampaignStatus, ContactState

TAG = "batch-calls"

KIND = "campaign"


def batch_calls_router(prefix: str, campaigns: Campaigns) -> APIRouter:
    """The routes under `{prefix}/batch-calls`."""
    router = APIRouter(prefix=f"{prefix}/batch-calls", tags=[TAG], route_class=ApiRoute)

    async def shown(request: Request, campaign: Campaign, status: int = 200) -> Response:
        figures = await campaigns.statistics((campaign,))
        return single(request, render_campaign(campaign, figures[campaign.id]), status)

    @router.post(
        "",
        status_code=201,
        operation_id="create_batch_call",
        response_model=Envelope[BatchOut],
        responses=answers(Answers.BODY, 404),
    )
    async def create_batch_call(request: Request, body: BatchCreate) -> Response:
        """Make a campaign as a draft. Its contacts are copied now; nobody is called before it is started."""
        return await shown(request, await campaigns.create(organization_of(request), body.to_new()), 201)

    @router.get(
        "",
        operation_id="list_batch_calls",
        response_model=ListEnvelope[BatchOut],
        responses=answers(Answers.QUERY),
    )
    async def list_batch_calls(
        request: Request,
        status: Annotated[CampaignStatus | None, Query()] = None,
        agent_id: Annotated[UuidIn | None, Query()] = None,
        name: Annotated[SearchText | None, Query(description="A part of the name, in any case.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's campaigns, newest first."""
        wanted = CampaignFilter(status=status, agent_id=agent_id, name=name)
        page = await campaigns.list(organization_of(request), wanted, limit, offset)
        figures = await campaigns.statistics(page.items)
        return listing(request, page, lambda campaign: render_campaign(campaign, figures[campaign.id]))

    @router.get(
        "/{batch_id}",
        operation_id="get_batch_call",
        response_model=Envelope[BatchOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_batch_call(request: Request, batch_id: str) -> Response:
        """One campaign with its statistics."""
        return await shown(request, await campaigns.get(organization_of(request), path_id(batch_id, KIND)))

    @router.patch(
        "/{batch_id}",
        operation_id="update_batch_call",
        response_model=Envelope[BatchOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_batch_call(request: Request, batch_id: str, body: BatchUpdate) -> Response:
        """Change a draft or a paused campaign; its contacts stay."""
        given = set(body.model_fields_set)
        if "number_ids" in given:
            given.add("from_numbers")
        campaign = await campaigns.update(
            organization_of(request),
            path_id(batch_id, KIND),
            lambda settings: body.changed(settings, given),
            name=body.name or None,
            agent_id=body.agent_id or None,
            number_ids=body.chosen_ids(),
        )
        return await shown(request, campaign)

    @router.delete(
        "/{batch_id}",
        status_code=204,
        operation_id="delete_batch_call",
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_batch_call(request: Request, batch_id: str) -> Response:
        """Remove a draft."""
        await campaigns.delete(organization_of(request), path_id(batch_id, KIND))
        return Response(status_code=204)

    @router.get(
        "/{batch_id}/contacts",
        operation_id="list_batch_call_contacts",
        response_model=ListEnvelope[BatchContactOut],
        responses=answers(Answers.QUERY, 404),
    )
    async def list_batch_call_contacts(
        request: Request,
        batch_id: str,
        state: Annotated[ContactState | None, Query()] = None,
        outcome: Annotated[SearchText | None, Query(description="The whole word.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The campaign's contacts in the order in which they came, with what became of each."""
        page = await campaigns.contacts(
            organization_of(request), path_id(batch_id, KIND), state, outcome, limit, offset
        )
        return listing(request, page, render_campaign_contact)

    def verb(word: str, act: Callable[[str, str], Awaitable[Campaign]], text: str) -> None:
        async def changed(request: Request, batch_id: str) -> Response:
            return await shown(request, await act(organization_of(request), path_id(batch_id, KIND)))

        changed.__doc__ = text
        router.add_api_route(
            f"/{{batch_id}}/{word}",
            changed,
            methods=["POST"],
            operation_id=f"{word}_batch_call",
            response_model=Envelope[BatchOut],
            responses=answers(Answers.IDEMPOTENT, 404),
        )

    verb("start", campaigns.start, "Begin to call, as soon as the schedule allows.")
    verb("pause", campaigns.pause, "Call nobody else for now; calls that were made go on.")
    verb("resume", campaigns.resume, "Go on after a pause.")
    verb("cancel", campaigns.cancel, "End it for good, and take back calls that nobody answered yet.")

    return router
