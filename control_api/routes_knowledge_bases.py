"""`/knowledge-bases`: create, read, list, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_knowledge_bases import (
    KnowledgeBaseCreate,
    KnowledgeBaseOut,
    KnowledgeBaseReadOut,
    render_knowledge_base,
)
from control_api.schemas_shared import Envelope, ListEnvelope
from gateway.directory import Directory
from gateway.knowledge import KnowledgeService

TAG = "knowledge bases"


def knowledge_bases_router(prefix: str, directory: Directory, knowledge: KnowledgeService) -> APIRouter:
    """The routes under `{prefix}/knowledge-bases`."""
    router = APIRouter(prefix=f"{prefix}/knowledge-bases", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="create_knowledge_base",
        response_model=Envelope[KnowledgeBaseOut],
        responses=answers(Answers.BODY, 502),
    )
    async def create_knowledge_base(request: Request, body: KnowledgeBaseCreate) -> Response:
        """Make a knowledge base of pages of the web and documents."""
        base = await knowledge.create(
            organization_of(request),
            name=body.name,
            description=body.description,
            sources=tuple(source.to_new() for source in body.sources),
        )
        return single(request, render_knowledge_base(base), 201)

    @router.get(
        "",
        operation_id="list_knowledge_bases",
        response_model=ListEnvelope[KnowledgeBaseOut],
        responses=answers(Answers.QUERY),
    )
    async def list_knowledge_bases(
        request: Request,
        name: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's knowledge bases, newest first."""
        page = await directory.list_knowledge_bases(
            organization_of(request), name=name, limit=limit, offset=offset
        )
        return listing(request, page, render_knowledge_base)

    @router.get(
        "/{knowledge_base_id}",
        operation_id="get_knowledge_base",
        response_model=Envelope[KnowledgeBaseReadOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_knowledge_base(request: Request, knowledge_base_id: str) -> Response:
        """One knowledge base, and how far the voice engine is with it."""
        base = await directory.get_knowledge_base(
            organization_of(request), path_id(knowledge_base_id, "knowledge base")
        )
        return single(request, render_knowledge_base(base, await knowledge.status(base)))

    @router.delete(
        "/{knowledge_base_id}",
        status_code=204,
        operation_id="delete_knowledge_base",
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_knowledge_base(request: Request, knowledge_base_id: str) -> Response:
        """Delete a knowledge base that no agent has, with its documents."""
        await directory.remove_knowledge_base(
            organization_of(request), path_id(knowledge_base_id, "knowledge base")
        )
        return Response(status_code=204)

    return router
