"""What machines ask: is the process alive, may it get calls, what are its numbers. No key is needed; keep
these paths off the public side of the load balancer."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from control_api.envelope import json_response, meta
from control_api.schemas_shared import Meta, ResponseModel
from control_api.services import GatewayServices

TAG = "operations"
RETRY_AFTER_SECONDS = 5


class Alive(ResponseModel):
    status: Literal["ok"]
    meta: Meta


class Readiness(ResponseModel):
    """`checks` names each part of the gateway, with `ok` or what is wrong with it."""

    status: Literal["ready", "draining", "not_ready"]
    checks: dict[str, str]
    meta: Meta


class Pointer(ResponseModel):
    name: str
    openapi: str
    api: str
    dashboard: str
    documentation: str


def operations_router(prefix: str, gateway: GatewayServices) -> APIRouter:
    """`/`, `/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter(tags=[TAG])

    @router.get(
        "/",
        operation_id="get_root",
        response_model=Pointer,
        responses={303: {"description": "To the dashboard, when `Accept` names text/html."}},
    )
    async def get_root(request: Request) -> Response:
        """Where things are; a browser is led to the dashboard."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/dashboard/", 303, {"Vary": "Accept"})
        return json_response(
            {
                "name": "Trunkline",
                "openapi": "/openapi.json",
                "api": prefix,
                "dashboard": "/dashboard/",
                "documentation": "docs/api.md in the source tree",
            },
            headers={"Vary": "Accept"},
        )

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", operation_id="get_health", response_model=Alive)
    async def get_health(request: Request) -> Response:
        """The process answers."""
        return json_response({"status": "ok", "meta": meta(request.scope)})

    @router.head("/readyz", include_in_schema=False)
    @router.get(
        "/readyz",
        operation_id="get_readiness",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Send no calls here now."}},
    )
    async def get_readiness(request: Request) -> Response:
        """Whether the gateway takes calls."""
        health = gateway.health()
        if health.ready and not health.draining:
            status, code, headers = "ready", 200, None
        else:
            status = "draining" if health.draining else "not_ready"
            code, headers = 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return json_response(
            {"status": status, "checks": health.checks, "meta": meta(request.scope)}, code, headers
        )

    @router.get(
        "/metrics",
        operation_id="get_metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text.", "content": {"text/plain": {}}}},
    )
    async def get_metrics() -> Response:
        """Everything that is counted, as Prometheus reads it."""
        return Response(generate_latest(gateway.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
