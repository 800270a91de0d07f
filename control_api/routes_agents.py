"""`/agents`: create, read, list, replace, change, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.idempotency import NO_STORE
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.routes_call_page import join_link
from control_api.schemas_agents import (
    AgentCreate,
    AgentOut,
    AgentPatch,
    TestCallOut,
    render_agent,
    render_test_call,
)
from control_api.schemas_shared import Envelope, ListEnvelope
from gateway.browser_calls.service import BrowserCalls
from gateway.directory import Directory
from gateway.voices import VoiceService
from gateway.web_calls import WebCalls
from store.records import Agent, AgentStatus, BrowserMode

TAG = "agents"


@dataclass(frozen=True, slots=True)
class TestCalls:
    """What starts test calls: those that we carry, and those that the engine carries."""

    browser_calls: BrowserCalls
    web_calls: WebCalls
    public_url: str | None

    async def start(self, request: Request, agent: Agent) -> dict[str, object]:
        """A test call as the agent's `browser_mode` has it."""
        if agent.browser_mode is BrowserMode.DIRECT:
            started = await self.web_calls.start_call(agent.organization_id, agent.id)
            return render_test_call(started.record, started.join_url)
        ticket = await self.browser_calls.create(agent.organization_id, agent.id, test=True)
        return render_test_call(ticket.record, join_link(request, self.public_url, ticket.token))


def agents_router(
    prefix: str, directory: Directory, voices: VoiceService, test_calls: TestCalls
) -> APIRouter:
    """The routes under `{prefix}/agents`."""
    router = APIRouter(prefix=f"{prefix}/agents", tags=[TAG], route_class=ApiRoute)

    def render(agent: Agent) -> dict[str, object]:
        return render_agent(agent, directory.numbers_of_agent(agent.id))

    @router.post(
        "",
        status_code=201,
        operation_id="create_agent",
        response_model=Envelope[AgentOut],
        responses=answers(Answers.BODY),
    )
    async def create_agent(request: Request, body: AgentCreate) -> Response:
        """Make an agent. It starts as `draft` and becomes `active` once the voice engine has accepted it."""
        await voices.check(organization_of(request), body.voice_id)
        agent = await directory.create_agent(organization_of(request), body.to_new())
        return single(request, render(agent), 201)

    @router.get(
        "",
        operation_id="list_agents",
        response_model=ListEnvelope[AgentOut],
        responses=answers(Answers.QUERY),
    )
    async def list_agents(
        request: Request,
        status: Annotated[AgentStatus | None, Query()] = None,
        name: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's agents, newest first, with their numbers."""
        page = await directory.list_agents(
            organization_of(request), status=status, name=name, limit=limit, offset=offset
        )
        return listing(request, page, render)

    @router.get(
        "/{agent_id}",
        operation_id="get_agent",
        response_model=Envelope[AgentOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_agent(request: Request, agent_id: str) -> Response:
        """One agent with its numbers."""
        agent = await directory.get_agent(organization_of(request), path_id(agent_id, "agent"))
        return single(request, render(agent))

    @router.put(
        "/{agent_id}",
        operation_id="replace_agent",
        response_model=Envelope[AgentOut],
        responses=answers(Answers.BODY, 404),
    )
    async def replace_agent(request: Request, agent_id: str, body: AgentCreate) -> Response:
        """Replace all settings: what is absent goes back to its default. Calls in progress go on as they
        began."""
        organization_id, own_id = organization_of(request), path_id(agent_id, "agent")
        await directory.get_agent(organization_id, own_id)
        await voices.check(organization_id, body.voice_id)
        agent = await directory.replace_agent(organization_id, own_id, body.to_new())
        return single(request, render(agent))

    @router.patch(
        "/{agent_id}",
        operation_id="update_agent",
        response_model=Envelope[AgentOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_agent(request: Request, agent_id: str, body: AgentPatch) -> Response:
        """Change the fields that are sent, and no others."""
        organization_id, own_id = organization_of(request), path_id(agent_id, "agent")
        changes = body.to_changes()
        await directory.get_agent(organization_id, own_id)
        if "voice_id" in changes:
            await voices.check(organization_id, changes["voice_id"])
        agent = await directory.update_agent(organization_id, own_id, **changes)
        return single(request, render(agent))

    @router.delete(
        "/{agent_id}",
        status_code=204,
        operation_id="delete_agent",
        responses=answers(Answers.PLAIN, 404),
    )
    async def delete_agent(request: Request, agent_id: str) -> Response:
        """Delete an agent. Its numbers are unassigned in the same step; calls in progress go on."""
        await directory.delete_agent(organization_of(request), path_id(agent_id, "agent"))
        return Response(status_code=204)

    @router.post(
        "/{agent_id}/test-call",
        status_code=201,
        operation_id="start_test_call",
        response_model=Envelope[TestCallOut],
        responses=answers(Answers.IDEMPOTENT, 404, 502),
    )
    async def start_test_call(request: Request, agent_id: str) -> Response:
        """Start a call with an active agent that a browser joins: no telephone number is needed. `join_url`
        opens our call page, or is the engine's own when the agent's `browser_mode` is `direct`.
        """
        agent = await directory.get_agent(organization_of(request), path_id(agent_id, "agent"))
        answer = single(request, await test_calls.start(request, agent), 201)
        answer.headers["Cache-Control"] = NO_STORE  # the link is a credential
        return answer

    return router
