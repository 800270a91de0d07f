"""`POST /webhooks/ultravox`: what the voice engine tells us. No part of the public API: signed, without a
key.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.engine_webhooks import EngineWebhooks

PATH = "/webhooks/ultravox"


def engine_webhooks_router(webhooks: EngineWebhooks) -> APIRouter:
    """The one route."""
    router = APIRouter()

    @router.post(PATH, status_code=204, include_in_schema=False)
    async def engine_webhook(request: Request) -> Response:
        headers = request.headers
        await webhooks.take(
            await request.body(),
            headers.get("x-ultravox-webhook-timestamp"),
            headers.get("x-ultravox-webhook-signature"),
        )
        return Response(status_code=204)

    return router
