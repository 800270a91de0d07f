"""`/webhooks`: endpoints, their secrets, a test, and what became of deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing, single
from control_api.paging import Limit, Offset
from control_api.path_ids import path_id
from control_api.schemas_shared import Envelope, ListEnvelope, UuidIn
from control_api.schemas_webhooks import (
    DEFAULT_OVERLAP_MS,
    DeliveryDetailOut,
    DeliveryOut,
    ReplayedOut,
    SecretRotate,
    WebhookCreate,
    WebhookOut,
    WebhookPatch,
    WebhookSecretOut,
    WebhookTestOut,
    render_delivery,
    render_delivery_detail,
    render_secret,
    render_test,
    render_webhook,
)
from gateway.webhooks.event_names import EventName
from gateway.webhooks.service import WebhookService
from store.webhook_records import DeliveryFilter, DeliveryState

TAG = "webhooks"


def webhooks_router(prefix: str, webhooks: WebhookService) -> APIRouter:
    """The routes under `{prefix}/webhooks`."""
    router = APIRouter(prefix=f"{prefix}/webhooks", tags=[TAG], route_class=ApiRoute)
    _add_endpoint_routes(router, webhooks)
    _add_delivery_routes(router, webhooks)
    return router


def _add_endpoint_routes(router: APIRouter, webhooks: WebhookService) -> None:
    @router.post(
        "",
        status_code=201,
        operation_id="create_webhook",
        response_model=Envelope[WebhookSecretOut],
        responses=answers(Answers.BODY),
    )
    async def create_webhook(request: Request, body: WebhookCreate) -> Response:
        """Have events sent to an address. The secret that signs them is shown now and never again."""
        made = await webhooks.create(organization_of(request), body.to_new())
        return single(request, render_secret(made), 201)

    @router.get(
        "",
        operation_id="list_webhooks",
        response_model=ListEnvelope[WebhookOut],
        responses=answers(Answers.QUERY),
    )
    async def list_webhooks(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """The organisation's endpoints, newest first."""
        return listing(request, await webhooks.list(organization_of(request), limit, offset), render_webhook)

    @router.get(
        "/{webhook_id}",
        operation_id="get_webhook",
        response_model=Envelope[WebhookOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_webhook(request: Request, webhook_id: str) -> Response:
        """One endpoint."""
        found = await webhooks.get(organization_of(request), path_id(webhook_id, "webhook"))
        return single(request, render_webhook(found))

    @router.patch(
        "/{webhook_id}",
        operation_id="update_webhook",
        response_model=Envelope[WebhookOut],
        responses=answers(Answers.BODY, 404),
    )
    async def update_webhook(request: Request, webhook_id: str, body: WebhookPatch) -> Response:
        """Change some fields. What waits for an endpoint that is switched on again is delivered then."""
        changed = await webhooks.update(
            organization_of(request), path_id(webhook_id, "webhook"), **body.changes()
        )
        return single(request, render_webhook(changed))

    @router.delete(
        "/{webhook_id}",
        operation_id="delete_webhook",
        status_code=204,
        responses=answers(Answers.PLAIN, 404),
    )
    async def delete_webhook(request: Request, webhook_id: str) -> Response:
        """Remove an endpoint with everything that waits for it."""
        await webhooks.delete(organization_of(request), path_id(webhook_id, "webhook"))
        return Response(status_code=204)

    @router.post(
        "/{webhook_id}/rotate-secret",
        operation_id="rotate_webhook_secret",
        response_model=Envelope[WebhookSecretOut],
        responses=answers(Answers.BODY, 404),
    )
    async def rotate_webhook_secret(
        request: Request, webhook_id: str, body: SecretRotate | None = None
    ) -> Response:
        """Get a new secret, shown now and never again. The old one signs as well while `overlap` lasts."""
        overlap = timedelta(milliseconds=DEFAULT_OVERLAP_MS if body is None else body.overlap)
        rotated = await webhooks.rotate_secret(
            organization_of(request), path_id(webhook_id, "webhook"), overlap
        )
        return single(request, render_secret(rotated))

    @router.post(
        "/{webhook_id}/test",
        operation_id="test_webhook",
        response_model=Envelope[WebhookTestOut],
        responses=answers(Answers.IDEMPOTENT, 404),
    )
    async def test_webhook(request: Request, webhook_id: str) -> Response:
        """Send a `webhook.test` event now and see what the receiver answers. It is not tried again."""
        result = await webhooks.test(organization_of(request), path_id(webhook_id, "webhook"))
        return single(request, render_test(result))


def _add_delivery_routes(router: APIRouter, webhooks: WebhookService) -> None:
    @router.get(
        "/{webhook_id}/deliveries",
        operation_id="list_webhook_deliveries",
        response_model=ListEnvelope[DeliveryOut],
        responses=answers(Answers.QUERY, 404),
    )
    async def list_webhook_deliveries(
        request: Request,
        webhook_id: str,
        state: Annotated[DeliveryState | None, Query()] = None,
        event: Annotated[EventName | None, Query()] = None,
        event_id: Annotated[UuidIn | None, Query()] = None,
        subject_id: Annotated[UuidIn | None, Query(description="Of this call or campaign.")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        """What was sent or is to be sent to an endpoint, newest first; `state=dead` is what was given up."""
        wanted = DeliveryFilter(
            state=state,
            event=None if event is None else event.value,
            event_id=event_id,
            subject_id=subject_id,
        )
        page = await webhooks.deliveries(
            organization_of(request), path_id(webhook_id, "webhook"), wanted, limit, offset
        )
        return listing(request, page, render_delivery)

    @router.get(
        "/{webhook_id}/deliveries/{delivery_id}",
        operation_id="get_webhook_delivery",
        response_model=Envelope[DeliveryDetailOut],
        responses=answers(Answers.PLAIN, 404),
    )
    async def get_webhook_delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
        """One delivery with its payload."""
        found = await webhooks.delivery(
            organization_of(request), path_id(webhook_id, "webhook"), path_id(delivery_id, "delivery")
        )
        return single(request, render_delivery_detail(found))

    @router.post(
        "/{webhook_id}/deliveries/{delivery_id}/replay",
        status_code=202,
        operation_id="replay_webhook_delivery",
        response_model=Envelope[DeliveryOut],
        responses=answers(Answers.IDEMPOTENT, 404),
    )
    async def replay_webhook_delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
        """Deliver again what was given up or delivered, with the same event id and all its attempts."""
        replayed = await webhooks.replay(
            organization_of(request), path_id(webhook_id, "webhook"), path_id(delivery_id, "delivery")
        )
        return single(request, render_delivery(replayed), 202)

    @router.post(
        "/{webhook_id}/replay-dead",
        status_code=202,
        operation_id="replay_dead_webhook_deliveries",
        response_model=Envelope[ReplayedOut],
        responses=answers(Answers.IDEMPOTENT, 404),
    )
    async def replay_dead_webhook_deliveries(request: Request, webhook_id: str) -> Response:
        """Deliver again everything that was given up."""
        count = await webhooks.replay_dead(organization_of(request), path_id(webhook_id, "webhook"))
        return single(request, {"replayed": count}, 202)
