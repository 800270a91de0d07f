from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.webhooks.service import WebhookService
from store.webhook_endpoints import WebhookEndpointRepository
from tests.gateway.webhooks.conftest import Post


async def test_a_change_takes_nothing_back_that_happened_meanwhile(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = WebhookService(
        post.store, post.sender(), allow_private=True, wake=lambda: None, now=lambda: post.now
    )
    made = await post.endpoint()
    read = WebhookEndpointRepository.get
    rotated: list[Any] = []

    async def rotated_just_then(self: WebhookEndpointRepository, *which: str) -> Any:
        found = await read(self, *which)
        if not rotated:
            rotated.append(None)
            post.later(1)
            rotated[0] = await service.rotate_secret(post.organization.id, made.id, timedelta(hours=1))
        return found

    monkeypatch.setattr(WebhookEndpointRepository, "get", rotated_just_then)
    await service.update(post.organization.id, made.id, description="ours")
    kept = await post.stored_endpoint(made.id)
    assert (kept.description, kept.secret, kept.previous_secret) == ("ours", rotated[0].secret, made.secret)
