"""Our REGISTER to a carrier that wants credentials, seen from the API and from the carrier."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties


def test_a_trunk_is_registered_refreshed_and_taken_back(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = start_gateway()
    with (
        closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        carrier = parties.callee("registrar", seconds=30).sip
        outbound = {
            "address": carrier.address,
            "auth_username": "alice",
            "auth_password": "secret",
            "registration": {"expires": 60},
        }
        trunk = api.post("/trunks", {"name": "carrier", "outbound": outbound})
        carrier.wait_for("registered")
        known = registered(api, trunk["id"])
        assert known["registration"]["error"] is None
        carrier.wait_for("refreshed")
        gateway.stop()
        carrier.wait_for("taken_back")
        carrier.finish()


def registered(api: ApiClient, trunk_id: str) -> Json:
    limit = time.monotonic() + 5
    while True:
        trunk: Json = api.get(f"/trunks/{trunk_id}")
        if trunk["registration"]["state"] == "registered":
            return trunk
        assert time.monotonic() < limit, trunk
        time.sleep(0.05)
