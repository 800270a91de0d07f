"""A gateway that is killed again and again in the middle of its calls: after each start every call that it
had has ended, for good, and the one event that says so is written once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from store import Store
from store.tables import calls, webhook_events
from tests.e2e.api_client import TERMINAL, ApiClient, Json
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties

ROUNDS = 5
LONGEST_LIFE_S = 1.2
OVER = tuple(f"call.{status}" for status in TERMINAL)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_however_often_it_is_killed_every_call_ends_once(
    database: str, request: pytest.FixtureRequest, start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'crash.db'}"
    if database == "postgresql":
        url = asyncio.run(request.getfixturevalue("postgres").new_database())
    moments = random.Random(4)
    before: dict[str, Json] = {}
    for round_number in range(ROUNDS + 1):
        gateway = start_gateway(
            "--media-workers",
            "1",
            data=tmp_path / "data",
            environment={
                "TRUNKLINE_STORE_URL": url,
                "TRUNKLINE_CLUSTER_NODE_ID": "the same",
                "TRUNKLINE_CLUSTER_ADOPT_CALLS": "false",
            },
        )
        with contextlib.closing(ApiClient(gateway.http, gateway.demo_key)) as api:
            found = {call["id"]: call for call in _all_calls(api)}
            assert {call["status"] for call in found.values()} <= set(TERMINAL), "some call goes on for ever"
            for call_id, earlier in before.items():
                assert found[call_id]["status"] == earlier["status"], "an end was taken back"
                assert found[call_id]["ended_at"] == earlier["ended_at"]
            before = found
            if round_number == ROUNDS:
                break
            if round_number == 0:
                # Nobody listens there: the events wait in the outbox, where they are counted.
                api.post("/webhooks", {"url": "https://192.0.2.1/events"})
            _kill_in_the_middle(
                gateway, api, tmp_path / f"round-{round_number}", moments.uniform(0.1, LONGEST_LIFE_S)
            )
    assert len(before) > 3 * ROUNDS, "there were calls to lose"
    failed = [call for call in before.values() if call["failure_reason"] == "gateway-error"]
    assert failed, "none of them was cut by a kill"
    statuses, told = asyncio.run(_written(url))
    assert set(statuses) == set(before)
    for call_id, status in statuses.items():
        assert told[call_id] == Counter({f"call.{status}": 1}), call_id


def _kill_in_the_middle(gateway: Gateway, api: ApiClient, folder: Path, after_s: float) -> None:
    """Calls in both directions that begin, talk and end, and no mercy."""
    folder.mkdir()
    with Parties(gateway, api, folder) as parties:
        route = parties.outbound_route("callee_answers", calls=4)
        parties.caller(calls=12, hold_ms=400, options=("-r", "20"), trace=False)
        kill_at = time.monotonic() + after_s
        for number in range(4):
            api.place_call(route.agent_id, f"+1415555010{number}")
        time.sleep(max(0.0, kill_at - time.monotonic()))
        gateway.signal(signal.SIGKILL)
        gateway.wait(5)
        with pytest.raises(httpx.HTTPError):
            api.calls()


def _all_calls(api: ApiClient) -> list[Json]:
    found: list[Json] = []
    while page := api.calls(limit=100, offset=len(found)):
        found += page
    return found


async def _written(url: str) -> tuple[dict[str, str], dict[str, Counter[str]]]:
    """Each call's status, and its events of the end, as the database holds them."""
    store = await Store.open(url)
    try:
        async with store.database.reading() as connection:
            rows = (await connection.execute(sa.select(calls.c.id, calls.c.status))).all()
            statuses = {row.id: row.status for row in rows}
            query = sa.select(webhook_events.c.subject_id, webhook_events.c.name).where(
                webhook_events.c.name.in_(OVER)
            )
            told = {call_id: Counter[str]() for call_id in statuses}
            for subject_id, name in (await connection.execute(query)).all():
                told[subject_id][name] += 1
    finally:
        await store.close()
    return statuses, told
