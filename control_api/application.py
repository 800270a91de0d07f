"""The HTTP application: routes, middleware, errors and documentation put together around one gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter
from starlette.responses import Response
from starlette.types import Scope

from control_api import (
    routes_agents,
    routes_bans,
    routes_batch_calls,
    routes_browser_access,
    routes_call_control,
    routes_call_export,
    routes_call_page,
    routes_calls,
    routes_contacts,
    routes_dashboard,
    routes_engine_webhooks,
    routes_folders,
    routes_keys,
    routes_knowledge_bases,
    routes_numbers,
    routes_operations,
    routes_outbound_policy,
    routes_recordings,
    routes_rejections,
    routes_routing,
    routes_session,
    routes_signalling,
    routes_streams,
    routes_tools,
    routes_transfers,
    routes_trunk_presets,
    routes_trunks,
    routes_users,
    routes_voices,
    routes_webhooks,
    routes_webrtc,
    routes_widget_files,
    routes_widgets,
)
from control_api.api_route import Admission
from control_api.documentation import document
from control_api.envelope import json_response
from control_api.errors import install_error_handlers
from control_api.forwarding import Forwarding
from control_api.middleware import EdgeMiddleware, HttpMetrics
from control_api.page_socket import page_route
from control_api.services import GatewayServices
from control_api.sip_socket import sip_route
from control_api.socket_relay import SocketRelay

API_PREFIX = "/api/public/v1"
VERSION = "1.0.0"

TAGS = [
    {"name": routes_calls.TAG, "description": "Telephone calls: placing, following, stopping."},
    {"name": routes_call_control.TAG, "description": "Acting on a call in progress."},
    {"name": routes_webrtc.TAG, "description": "How a browser joins its call."},
    {"name": routes_streams.TAG, "description": "Watching and hearing calls while they last."},
    {"name": routes_recordings.TAG, "description": "What was said, to be heard again."},
    {"name": routes_agents.TAG, "description": "AI voice agents."},
    {"name": routes_voices.TAG, "description": "What agents speak with."},
    {"name": routes_tools.TAG, "description": "What agents can do in mid-call."},
    {"name": routes_knowledge_bases.TAG, "description": "What agents can look things up in."},
    {"name": routes_batch_calls.TAG, "description": "Campaigns: many calls on a schedule."},
    {"name": routes_contacts.TAG, "description": "People to call."},
    {"name": routes_folders.TAG, "description": "Groups of contacts."},
    {"name": routes_numbers.TAG, "description": "Telephone numbers and the agents they belong to."},
    {"name": routes_browser_access.TAG, "description": "Calls that a browser joins."},
    {"name": routes_widgets.TAG, "description": "Calls that visitors of your pages start."},
    {"name": routes_webhooks.TAG, "description": "Being told what happens."},
    {"name": routes_trunks.TAG, "description": "SIP trunks to carriers and PBXs."},
    {"name": routes_signalling.TAG, "description": "What was said in SIP."},
    {"name": routes_routing.TAG, "description": "Why a call goes where it goes."},
    {"name": routes_keys.TAG, "description": "Who may use this API."},
    {"name": routes_session.TAG, "description": "Signing in to the dashboard."},
    {"name": routes_users.TAG, "description": "Who may sign in, and who is."},
    {"name": routes_operations.TAG, "description": "Health and metrics."},
]


def create_app(gateway: GatewayServices) -> FastAPI:
    """The application for `gateway`. Its metrics are added to `gateway.registry`: one application per
    registry."""
    app = FastAPI(
        title="Trunkline",
        version=VERSION,
        openapi_tags=TAGS,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.admission = Admission(
        gateway.directory,
        gateway.store.idempotency,
        gateway.config.http.rate_limit_per_minute,
        Forwarding(gateway.call_owners, gateway.node_client),
        gateway.sign_in.sessions,
    )
    public_url = gateway.config.http.public_url
    routers = (
        routes_call_export.call_export_router(API_PREFIX, gateway.calls, gateway.recordings),
        routes_calls.calls_router(API_PREFIX, gateway.calls, gateway.recordings),
        routes_signalling.signalling_router(API_PREFIX, gateway.calls, gateway.traces),
        routes_recordings.recordings_router(API_PREFIX, gateway.calls, gateway.recordings),
        routes_recordings.recording_files_router(gateway.recordings),
        routes_call_control.call_control_router(API_PREFIX, gateway.control),
        routes_transfers.transfers_router(API_PREFIX, gateway.control),
        routes_streams.streams_router(API_PREFIX, gateway.streams, gateway.control, gateway.live_board),
        routes_agents.agents_router(
            API_PREFIX,
            gateway.directory,
            gateway.voices,
            routes_agents.TestCalls(gateway.browser_calls, gateway.web_calls, public_url),
        ),
        routes_engine_webhooks.engine_webhooks_router(gateway.engine_webhooks),
        routes_voices.voices_router(API_PREFIX, gateway.voices),
        routes_tools.tools_router(API_PREFIX, gateway.directory),
        routes_knowledge_bases.knowledge_bases_router(API_PREFIX, gateway.directory, gateway.knowledge),
        routes_batch_calls.batch_calls_router(API_PREFIX, gateway.campaigns),
        routes_numbers.numbers_router(API_PREFIX, gateway.directory, gateway.numbers),
        routes_contacts.contacts_router(API_PREFIX, gateway.contacts),
        routes_folders.folders_router(API_PREFIX, gateway.contacts),
        routes_webhooks.webhooks_router(API_PREFIX, gateway.webhooks),
        routes_browser_access.browser_call_router(API_PREFIX, gateway.visits, public_url),
        *routes_browser_access.visitor_routers(API_PREFIX, gateway.doors, gateway.visits, public_url),
        routes_call_page.call_page_router(),
        routes_widget_files.widget_files_router(),
        routes_widgets.widgets_router(API_PREFIX, gateway.widgets),
        routes_trunks.trunks_router(API_PREFIX, gateway.directory, gateway.trunk_watch, gateway.numbers),
        routes_trunk_presets.trunk_presets_router(API_PREFIX),
        routes_routing.routing_router(API_PREFIX, gateway),
        routes_rejections.rejections_router(API_PREFIX, gateway.rejections),
        routes_outbound_policy.outbound_policy_router(API_PREFIX, gateway.outbound_policies),
        routes_bans.bans_router(API_PREFIX, gateway.defence.bans, gateway.directory),
        routes_keys.keys_router(API_PREFIX, gateway.directory),
        routes_session.session_router(API_PREFIX, gateway.sign_in, gateway.directory),
        routes_session.own_session_router(API_PREFIX, gateway.sign_in, gateway.directory),
        routes_users.users_router(API_PREFIX, gateway.sign_in.users),
        routes_users.sessions_router(API_PREFIX, gateway.sign_in.sessions),
        routes_dashboard.dashboard_router(),
        routes_operations.operations_router(API_PREFIX, gateway),
        routes_webrtc.webrtc_router(API_PREFIX, gateway.browser_calls, gateway.ice_servers),
    )
    _add_routes(app, routers)
    app.router.routes.append(
        page_route(API_PREFIX, gateway.browser_calls, SocketRelay(gateway.call_owners, gateway.node_client))
    )
    app.router.routes.append(routes_streams.listen_route(API_PREFIX, gateway.control))
    app.router.routes.append(sip_route(gateway.sip_sockets))
    _serve_document(app)
    install_error_handlers(app, lambda scope: allowed_methods(app, scope))
    app.add_middleware(
        EdgeMiddleware,
        metrics=HttpMetrics(gateway.registry),
        body_limits={API_PREFIX + routes_contacts.IMPORT_PATH: gateway.config.contacts.import_max_bytes},
    )
    return app


def _add_routes(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Put the routers' routes straight into the application's table: they carry their whole path already, and
    including routers would add a second table to walk through for every request."""
    for router in routers:
        app.router.routes.extend(router.routes)


_document: dict[str, Any] = {}
"""The OpenAPI document, the same for every application. Made before anything is served: it takes some tenths
of a second, which the event loop of running calls does not have."""


def _serve_document(app: FastAPI) -> None:
    if not _document:
        _document.update(document(app, API_PREFIX))
    app.openapi = lambda: _document  # type: ignore[method-assign]

    async def get_document() -> Response:
        return json_response(_document)

    for path in ("/openapi.json", f"{API_PREFIX}/openapi.json"):
        app.router.add_api_route(path, get_document, include_in_schema=False)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that some route takes at this request's path."""
    path = scope["path"]
    return sorted(
        {
            method
            for route in app.routes
            if isinstance(route, APIRoute) and route.path_regex.match(path)
            for method in route.methods or ()
        }
    )
