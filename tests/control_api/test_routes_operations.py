from __future__ import annotations

import pytest

from gateway.health import Health
from tests.control_api.api import World


async def test_a_living_process_says_so_without_a_key(world: World) -> None:
    response = await world.anonymous.get("http://gateway/healthz")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_a_ready_gateway_lists_its_checks(world: World) -> None:
    response = await world.anonymous.get("http://gateway/readyz")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["checks"]) == ("ready", {"sip": "ok"})


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Health(False, False, {"engine": "refuses our key"}), "not_ready"),
        (Health(False, True, {"sip": "ok"}), "draining"),
        (Health(True, True, {"sip": "ok"}), "draining"),
    ],
)
async def test_a_gateway_that_takes_no_calls_says_why(world: World, health: Health, status: str) -> None:
    world.gateway.state = health
    response = await world.anonymous.get("http://gateway/readyz")
    assert response.status_code == 503
    assert (response.json()["status"], response.json()["checks"]) == (status, health.checks)
    assert int(response.headers["retry-after"]) > 0


async def test_health_can_be_asked_with_head(world: World) -> None:
    for path in ("healthz", "readyz"):
        response = await world.anonymous("HEAD", f"http://gateway/{path}")
        assert response.status_code == 200


async def test_metrics_are_prometheus_text_and_count_requests_by_template(world: World) -> None:
    await world.api.get("calls/00000000-0000-7000-8000-000000000000")
    await world.anonymous.get("http://gateway/nowhere/at/all")
    response = await world.anonymous.get("http://gateway/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    template = 'route="/api/public/v1/calls/{call_id}"'
    assert f'trunkline_http_requests_total{{method="GET",{template},status="404"}} 1.0' in response.text
    assert 'route="unmatched",status="404"} 1.0' in response.text
    assert "nowhere" not in response.text


async def test_the_root_points_to_the_documentation(world: World) -> None:
    body = (await world.anonymous.get("http://gateway/")).json()
    assert body["openapi"] == "/openapi.json"
    assert (await world.anonymous.get(f"http://gateway{body['openapi']}")).status_code == 200
