"""The gateway on a PostgreSQL server: a call is kept there, and none is lost when the server goes away for a
while.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import RECEPTIONIST, Parties
from tests.support.postgres_server import PostgresServer


@pytest.fixture
def on_postgresql(
    postgres: PostgresServer, start_gateway: Callable[..., Gateway], tmp_path: Path
) -> Iterator[Parties]:
    """A gateway of its own on a database that it migrates itself, and parties around it."""
    url = asyncio.run(postgres.new_database(migrated=False))
    gateway = start_gateway(environment={"TRUNKLINE_STORE_URL": url})
    with (
        contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api,
        Parties(gateway, api, tmp_path) as parties,
    ):
        yield parties


def test_a_call_is_kept_in_postgresql_and_read_by_the_api(on_postgresql: Parties, tmp_path: Path) -> None:
    api = on_postgresql.api
    assert not list(tmp_path.rglob("*.db")), "nothing is in a file"
    caller = on_postgresql.connected_caller(hold_ms=1_500)
    caller.audio.wait_for_audio()
    live = api.wait_for_call(lambda call: call["status"] == "in-progress")
    caller.sip.finish()
    call = api.wait_for_status(live["id"], "ended")
    assert (call["direction"], call["from_number"]) == ("inbound", RECEPTIONIST)
    assert call["end_reason"] == "contact-hangup"
    assert call["transcript"][0]["text"].strip()
    kinds = [step["kind"] for step in api.timeline(call["id"])]
    assert kinds.index("answered") < kinds.index("sip-terminated")
    assert api.calls(status="ended", direction="inbound") == [call]


def test_calls_go_on_while_the_database_is_away_and_their_end_is_written_when_it_is_back(
    on_postgresql: Parties, postgres: PostgresServer
) -> None:
    api = on_postgresql.api
    caller = on_postgresql.connected_caller(hold_ms=60_000)
    caller.audio.wait_for_audio()
    live = api.wait_for_call(lambda call: call["status"] == "in-progress")
    postgres.halt()
    try:
        other = on_postgresql.connected_caller(hold_ms=200)
        other.audio.wait_for_audio()
        other.sip.finish()  # began, talked and ended without the database
        answer = api.http.get("/calls")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "store_unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
        ready = httpx.get(f"{on_postgresql.gateway.http}/readyz")
        assert (ready.status_code, "database" in ready.text) == (503, True)
    finally:
        postgres.start()
    limit = time.monotonic() + 20
    while api.http.get("/calls").status_code == 503:
        assert time.monotonic() < limit, "the database was not found again"
        time.sleep(0.1)
    missed = api.wait_for_call(lambda call: call["status"] == "ended")
    assert missed["end_reason"] == "contact-hangup"
    assert api.timeline(missed["id"])[0]["kind"] == "invite-received"
    api.post(f"/calls/{live['id']}/hangup")
    assert api.wait_for_status(live["id"], "ended")["end_reason"] == "api-hangup"
