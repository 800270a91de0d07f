"""`GET /rejections`."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.rejections import Rejection
from tests.control_api.api import World


async def test_an_organisation_sees_what_was_refused_and_why(world: World) -> None:
    body = {"name": "carrier", "inbound": {"allowed_addresses": ["192.0.2.0/24"]}}
    assert (await world.api.post("trunks", body)).status_code == 201
    assert (await world.other.post("trunks", body | {"name": "T"})).status_code == 201
    refused = Rejection(
        at=datetime(2026, 5, 6, tzinfo=UTC),
        rule="unknown_number",
        sip_status=404,
        message="Nobody has this number.",
        looked_up="'+1'",
        fix="Import it.",
        source="192.0.2.1:5060",
        called="+1",
        caller=None,
        sip_call_id="c1",
        user_agent="phone",
    )
    world.gateway.rejections.add(refused, "198.51.100.1")
    assert (await world.api.get("rejections")).json()["data"] == [], "it is nobody's"
    for _ in range(3):
        world.gateway.rejections.add(refused, "192.0.2.1")
    answer = (await world.api.get("rejections?limit=2")).json()
    assert len(answer["data"]) == 2
    assert answer["data"][0] == {
        "at": "2026-05-06T00:00:00Z",
        "rule": "unknown_number",
        "sip_status": 404,
        "message": "Nobody has this number.",
        "looked_up": "'+1'",
        "fix": "Import it.",
        "source": "192.0.2.1:5060",
        "called": "+1",
        "caller": None,
        "sip_call_id": "c1",
        "user_agent": "phone",
    }
    assert (await world.anonymous.get("rejections")).status_code == 401
