"""`/api/webhooks`: who is told about calls."""

from __future__ import annotations

import re
import secrets
import uuid

from aiohttp import web

from local_engine.durations import utc_now
from local_engine.engine import MAX_WEBHOOKS
from local_engine.errors import InvalidRequest, NotFound
from local_engine.pages import page
from local_engine.records import WebhookRecord
from local_engine.requests import WebhookBody
from local_engine.rest_support import ENGINE, json_object, reply
from local_engine.validation import convert
from local_engine.views import webhook_view

routes = web.RouteTableDef()

EVENTS = ("call.started", "call.joined", "call.ended", "call.billed")
_URL = re.compile(r"https?://[^\s]+")


def _hook(request: web.Request) -> WebhookRecord:
    hook = request.app[ENGINE].webhooks.get(request.match_info["webhook_id"])
    if hook is None:
        raise NotFound("No Webhook matches the given query.")
    return hook


async def _checked(request: web.Request) -> WebhookBody:
    body = convert(await json_object(request), WebhookBody)
    if body.url is not None and (len(body.url) > 200 or not _URL.fullmatch(body.url)):
        raise InvalidRequest("url: an http or https URL of at most 200 characters")
    if body.events is not None:
        unknown = [event for event in body.events if event not in EVENTS]
        if unknown or not body.events:
            raise InvalidRequest(f"events: some of {list(EVENTS)}")
    for secret in body.secrets or ():
        if not 1 <= len(secret) <= 120:
            raise InvalidRequest("secrets: at most 120 characters each")
    if body.agent_id is not None and body.agent_id not in request.app[ENGINE].agents:
        raise InvalidRequest("agentId: no such agent")
    return body


@routes.post("/api/webhooks")
async def create_webhook(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    body = await _checked(request)
    if body.url is None or body.events is None:
        raise InvalidRequest("url and events: required")
    if len(engine.webhooks) >= MAX_WEBHOOKS:
        raise InvalidRequest(f"at most {MAX_WEBHOOKS} webhooks")
    hook = WebhookRecord(
        webhook_id=str(uuid.uuid4()),
        created=utc_now(),
        url=body.url,
        events=tuple(body.events),
        secrets=tuple(body.secrets or (secrets.token_urlsafe(32),)),
        agent_id=body.agent_id,
    )
    engine.webhooks[hook.webhook_id] = hook
    return reply(webhook_view(hook), status=201)


@routes.get("/api/webhooks")
async def list_webhooks(request: web.Request) -> web.Response:
    return reply(page(request, list(request.app[ENGINE].webhooks.values()), webhook_view))


@routes.get("/api/webhooks/{webhook_id}")
async def get_webhook(request: web.Request) -> web.Response:
    return reply(webhook_view(_hook(request)))


@routes.patch("/api/webhooks/{webhook_id}")
async def patch_webhook(request: web.Request) -> web.Response:
    hook = _hook(request)
    body = await _checked(request)
    hook.url = body.url or hook.url
    hook.events = tuple(body.events or hook.events)
    hook.secrets = tuple(body.secrets or hook.secrets)
    hook.agent_id = body.agent_id or hook.agent_id
    return reply(webhook_view(hook))


@routes.delete("/api/webhooks/{webhook_id}")
async def delete_webhook(request: web.Request) -> web.Response:
    del request.app[ENGINE].webhooks[_hook(request).webhook_id]
    return web.Response(status=204)
