"""`/widgets`, which agents are open to visitors, and the origins of an organisation's pages."""

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
from control_api.schemas_contacts import SearchText
from control_api.schemas_shared import Envelope, ListEnvelope, UuidIn
from control_api.schemas_widgets import (
    AllowedOriginsOut,
    AllowedOriginsUpdate,
    BrowserAccessOut,
    BrowserAccessUpdate,
    WidgetCreate,
    WidgetOut,
    WidgetUpdate,
    render_access,
    render_origins,
    render_widget,
)
from gateway.widgets.widget_book import WidgetBook

TAG = "widgets"


def widgets_router(prefix: str, book: WidgetBook) -> APIRouter:
    """The routes under `{prefix}`."""
    router = APIRouter(prefix=prefix, tags=[TAG], route_class=ApiRoute)

    @router.post(
        "/widgets",
        status_code=201,
        operation_id="create_widget",
        response_model=Envelope[WidgetOut],
        responses=answers(Answers.BODY),
    )
    async def create_widget(request: Request, body: WidgetCreate) -> Response:
        """Make a widget. Its `public_id` is what your pages name it by."""
        return single(request, render_widget(await book.create(organization_of(request), body.to_new())), 201)

    @router.get(
        "/widgets",
        operation_id="list_widgets",
        response_model=ListEnvelope[WidgetOut],
        responses=answers(Answers.QUERY),
    )
    async def list_widgets(
        request: Request,
        agent_id: Annotated[UuidIn | None, Query()] = None,
        name: Annotated[SearchText | None, Query(description="A part of the name, in any case.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """The organisation's widgets, newest first."""
        page = await book.list(
            organization_of(request), agent_id=agent_id, name=name, limit=limit, offset=offset
        )
        return listing(request, page, render_widget)

    @router.get(
        "/widgets/{widget_id}",
        operation_id="get_widget",
        response_model=Envelope[WidgetOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_widget(request: Request, widget_id: str) -> Response:
        """One widget."""
        widget = await book.get(organization_of(request), path_id(widget_id, "widget"))
        return single(request, render_widget(widget))

    @router.patch(
        "/widgets/{widget_id}",
        operation_id="update_widget",
        response_model=Envelope[WidgetOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_widget(request: Request, widget_id: str, body: WidgetUpdate) -> Response:
        """Change a widget; calls in progress go on."""
        changes = body.changes()
        widget = await book.update(organization_of(request), path_id(widget_id, "widget"), changes)
        return single(request, render_widget(widget))

    @router.delete(
        "/widgets/{widget_id}",
        status_code=204,
        operation_id="delete_widget",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404),
    )
    async def delete_widget(request: Request, widget_id: str) -> Response:
        """Remove a widget: pages that name it start no more calls."""
        await book.delete(organization_of(request), path_id(widget_id, "widget"))
        return Response(status_code=204)

    @router.get(
        "/agents/{agent_id}/browser-access",
        operation_id="get_browser_access",
        response_model=Envelope[BrowserAccessOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_browser_access(request: Request, agent_id: str) -> Response:
        """Whether visitors may speak with an agent without a widget."""
        access = await book.access_of(organization_of(request), path_id(agent_id, "agent"))
        return single(request, render_access(access))

    @router.put(
        "/agents/{agent_id}/browser-access",
        operation_id="set_browser_access",
        response_model=Envelope[BrowserAccessOut],
        responses=answers(Answers.BODY, 404),
    )
    async def set_browser_access(request: Request, agent_id: str, body: BrowserAccessUpdate) -> Response:
        """Open an agent to visitors of your allowed origins, or close it."""
        access = await book.open_agent(
            organization_of(request), path_id(agent_id, "agent"), body.to_settings()
        )
        return single(request, render_access(access))

    @router.get(
        "/webrtc/allowed-origins",
        operation_id="get_allowed_origins",
        response_model=Envelope[AllowedOriginsOut],
        responses=answers(Answers.PLAIN),
    )
    async def get_allowed_origins(request: Request) -> Response:
        """The origins from which visitors may start calls."""
        return single(request, render_origins(await book.origins(organization_of(request))))

    @router.put(
        "/webrtc/allowed-origins",
        operation_id="set_allowed_origins",
        response_model=Envelope[AllowedOriginsOut],
        responses=answers(Answers.BODY),
    )
    async def set_allowed_origins(request: Request, body: AllowedOriginsUpdate) -> Response:
        """Put these in place of those there were."""
        allowed = await book.set_origins(organization_of(request), body.allowed_origins)
        return single(request, render_origins(allowed))

    return router
