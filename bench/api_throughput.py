"""How many requests a second the API answers, and how quickly: reading a call, listing calls, creating one.

Run it as `python -m bench.api_throughput [--url URL] [--calls N] [--seconds S] [--connections N]`. `--url`
names the database (default: a fresh SQLite file), `--calls` so many ended calls are put there first. A call
that is created waits in the dial queue: nothing is dialled, what is measured is the request and its commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import sqlalchemy as sa

from bench.conditions import conditions
from bench.processes import GatewayProcess
from store import Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus

BATCH = 2_000
PREFIX = "/api/public/v1"
AGENT_NAME = "Receptionist"
MONTH_S = 30 * 86_400


async def put_calls(url: str, count: int) -> str:
    """Ended calls of the demonstration's organisation, spread over a month; a key of it."""
    store = await Store.open(url)
    owner = (await store.organizations.list())[0]
    _, key = await store.keys.create(owner.id, "bench")
    now = datetime.now(UTC)
    whole = CallRecord(
        id="",
        organization_id=owner.id,
        status=CallStatus.ENDED,
        direction=CallDirection.INBOUND,
        agent_id=uuid7(),
        created_at=now,
        phone_number="+14155550123",
        from_number="+15550100",
        duration_ms=61_000,
        end_reason="contact-hangup",
    )
    for first in range(0, count, BATCH):
        batch = []
        for number in range(first, min(first + BATCH, count)):
            at = now - timedelta(seconds=600 + (count - number) * MONTH_S / count)
            batch.append(replace(whole, id=uuid7(), created_at=at, started_at=at, ended_at=at))
        await store.calls.save_batch(batch, [])
    async with store.database.transaction() as connection:
        await connection.execute(sa.text("ANALYZE"))  # as the database does by itself after a while
    await store.close()
    return key


async def load(
    base: str, key: str, connections: int, seconds: float, ask: Callable[[], tuple[str, str, Any]]
) -> dict[str, float]:
    """So many clients, each asking again when it is answered: requests a second and milliseconds."""
    times: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal failed
        while (begun := time.perf_counter()) < end:
            method, path, body = ask()
            async with session.request(method, base + PREFIX + path, json=body) as answer:
                await answer.read()
                failed += answer.status >= 400
            times.append(time.perf_counter() - begun)

    connector = aiohttp.TCPConnector(limit=connections)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(client(session) for _ in range(connections)))
    times.sort()
    return {
        "requests_per_second": round(len(times) / seconds),
        "p50_ms": round(times[len(times) // 2] * 1000, 2),
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 2),
        "failed": failed,
    }


async def measure(http: str, key: str, connections: int, seconds: float) -> dict[str, Any]:
    """Each kind of request in turn."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:

        async def get(path: str) -> Any:
            async with session.get(http + PREFIX + path) as answer:
                answer.raise_for_status()
                return (await answer.json())["data"]

        agents = await get("/agents")
        agent = next(found["id"] for found in agents if found["name"] == AGENT_NAME)
        number = (await get("/telephony/numbers"))[0]
        body = {"number_id": number["id"], "agent_id": agent}
        async with session.post(http + PREFIX + "/telephony/numbers/assign", json=body) as answer:
            answer.raise_for_status()
        known = [found["id"] for found in await get("/calls?limit=100")]
    kinds: dict[str, Callable[[], tuple[str, str, Any]]] = {}
    if known:
        kinds["read a call"] = lambda: ("GET", f"/calls/{random.choice(known)}", None)
        kinds["first page of calls"] = lambda: ("GET", "/calls?limit=20", None)
        kinds["page 500 of calls"] = lambda: ("GET", "/calls?limit=20&offset=10000", None)
    new_call = {"agent_id": agent, "phone_number": "+14155550199"}
    kinds["create a call"] = lambda: ("POST", "/calls", new_call)
    return {name: await load(http, key, connections, seconds, ask) for name, ask in kinds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="the database; default: a fresh SQLite file")
    parser.add_argument("--calls", type=int, default=1_000, help="calls that are there already")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or f"sqlite:///{Path(folder) / 'bench.db'}"
        environment = {
            "TRUNKLINE_STORE_URL": url,
            "TRUNKLINE_HTTP_RATE_LIMIT_PER_MINUTE": "0",
            "TRUNKLINE_CALLS_MAX_OUTBOUND": "0",
            "TRUNKLINE_CALLS_QUEUE_LIMIT": "1000000",
            "TRUNKLINE_CALLS_QUEUE_TIMEOUT": "1h",
            "TRUNKLINE_CALLS_DRAIN_TIMEOUT": "0",
        }
        given = conditions()
        with GatewayProcess(Path(folder), environment=environment) as gateway:
            key = asyncio.run(put_calls(url, arguments.calls))
            http = f"http://{gateway.http}"
            figures = asyncio.run(measure(http, key, arguments.connections, arguments.seconds))
    said = {
        "conditions": msgspec.to_builtins(given),
        "database": url.partition(":")[0],
        "calls": arguments.calls,
        "connections": arguments.connections,
        "figures": figures,
    }
    print(json.dumps(said, indent=2))


if __name__ == "__main__":
    main()
