from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.engine_webhooks import signature
from tests.control_api.api import ENGINE_SECRET, World, error_of

URL = "http://gateway/webhooks/ultravox"
BODY = json.dumps({"event": "call.ended", "call": {"callId": "e", "metadata": {}}}).encode()


def signed(secret: str) -> dict[str, str]:
    stamp = datetime.now(UTC).isoformat()
    return {
        "X-Ultravox-Webhook-Timestamp": stamp,
        "X-Ultravox-Webhook-Signature": signature(secret, BODY, stamp),
    }


async def test_the_engine_needs_no_key_but_its_signature(world: World) -> None:
    response = await world.anonymous.post(URL, content=BODY, headers=signed(ENGINE_SECRET))
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("headers", [{}, signed("another secret")])
async def test_others_are_refused(world: World, headers: dict[str, str]) -> None:
    response = await world.anonymous.post(URL, content=BODY, headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (403, "webhook_refused")


async def test_it_is_no_part_of_the_public_api(world: World) -> None:
    assert "/webhooks/ultravox" not in world.app.openapi()["paths"]
