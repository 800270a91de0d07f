"""`/tools`: create, read, list, replace, delete."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, may_change, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope
from control_api.schemas_tools import ToolCreate, ToolOut, render_tool
from gateway.directory import Directory

TAG = "tools"


def tools_router(prefix: str, directory: Directory) -> APIRouter:
    """The routes under `{prefix}/tools`."""
    router = APIRouter(prefix=f"{prefix}/tools", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "",
        status_code=201,
        operation_id="create_tool",
        response_model=Envelope[ToolOut],
        responses=answers(Answers.BODY),
    )
    async def create_tool(request: Request, body: ToolCreate) -> Response:
        """Make a tool that agents may be given."""
        tool = await directory.create_tool(organization_of(request), body.to_new())
        return single(request, render_tool(tool, secrets=may_change(request)), 201)

    @router.get(
        "",
        operation_id="list_tools",
        response_model=ListEnvelope[ToolOut],
        responses=answers(Answers.QUERY),
    )
    async def list_tools(
        request: Request,
        name: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's tools, newest first."""
        page = await directory.list_tools(organization_of(request), name=name, limit=limit, offset=offset)
        return listing(request, page, partial(render_tool, secrets=may_change(request)))

    @router.get(
        "/{tool_id}",
        operation_id="get_tool",
        response_model=Envelope[ToolOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_tool(request: Request, tool_id: str) -> Response:
        """One tool."""
        tool = await directory.get_tool(organization_of(request), path_id(tool_id, "tool"))
        return single(request, render_tool(tool, secrets=may_change(request)))

    @router.put(
        "/{tool_id}",
        operation_id="replace_tool",
        response_model=Envelope[ToolOut],
        responses=answers(Answers.BODY, 404),
    )
    async def replace_tool(request: Request, tool_id: str, body: ToolCreate) -> Response:
        """Replace a tool's definition. Calls in progress go on with the old one."""
        tool = await directory.replace_tool(organization_of(request), path_id(tool_id, "tool"), body.to_new())
        return single(request, render_tool(tool, secrets=may_change(request)))

    @router.delete(
        "/{tool_id}",
        status_code=204,
        operation_id="delete_tool",
        responses=answers(Answers.PLAIN, 404, 409),
    )
    async def delete_tool(request: Request, tool_id: str) -> Response:
        """Delete a tool that no agent has."""
        await directory.remove_tool(organization_of(request), path_id(tool_id, "tool"))
        return Response(status_code=204)

    return router
