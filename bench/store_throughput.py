"""What one call costs the store: CPU of all threads, user and system, for its states and timeline events.

Each call goes through `CallWriter` as in the gateway: four states and twelve events, with other calls between
them.
Run it as `python -m bench.store_throughput [--calls N] [--insert] [--url URL]`; `--insert` adds the row that
an outbound call commits before it is dialled, `--url` names another database than a fresh SQLite file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from store import CallWriter, Store
from store.identifiers import uuid7
from store.records import CallDirection, CallRecord, CallStatus, Organization, TimelineEvent, TranscriptEntry

STATES = (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.ENDED)
EVENTS_PER_STATE = 3
LIVE_CALLS = 100  # calls that are between two states at any moment
PAUSE = 0.02  # seconds between two states


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def state(record: CallRecord, status: CallStatus) -> CallRecord:
    """The record of a call in its next state, with what the gateway knows by then."""
    now = datetime.now(UTC)
    if status is CallStatus.IN_PROGRESS:
        return replace(record, status=status, started_at=now, engine_call_id=record.id)
    if status is CallStatus.ENDED:
        return replace(
            record,
            status=status,
            ended_at=now,
            duration_ms=61_000,
            transcript=tuple(
                TranscriptEntry(
                    "agent" if i % 2 else "contact", "About one line of speech in a call.", i * 4.0
                )
                for i in range(8)
            ),
            end_reason="contact-hangup",
            sip_status=200,
            statistics={"packets_received": 3050, "packets_sent": 3050, "packets_lost": 0, "jitter_ms": 1.25},
        )
    return replace(record, status=status)


def load(calls: int, organization_id: str) -> Iterator[list[tuple[CallRecord, list[TimelineEvent]]]]:
    """What is put between two pauses: the next state of each live call, with its events."""
    agent_id = uuid7()
    for first in range(0, calls, LIVE_CALLS):
        live = [
            CallRecord(
                id=uuid7(),
                organization_id=organization_id,
                status=CallStatus.QUEUED,
                direction=CallDirection.INBOUND,
                agent_id=agent_id,
                created_at=datetime.now(UTC),
                phone_number="+14155550123",
                from_number="+15550100",
                sip_call_id=f"{i}@198.51.100.7",
            )
            for i in range(first, min(first + LIVE_CALLS, calls))
        ]
        for step, status in enumerate(STATES):
            live = [state(record, status) for record in live]
            yield [(record, events(record.id, step)) for record in live]


def events(call_id: str, step: int) -> list[TimelineEvent]:
    """The timeline of a call between two states."""
    first = step * EVENTS_PER_STATE
    return [
        TimelineEvent(call_id, first + k, 20 * k, "invite-sent", {"trunk": "demo", "attempt": k})
        for k in range(EVENTS_PER_STATE)
    ]


async def measure(calls: int, insert: bool, url: str) -> dict[str, float]:
    """Put so many calls through a store."""
    store = await Store.open(url)
    organization = Organization(uuid7(), "bench", datetime.now(UTC))
    await store.organizations.create(organization)
    rounds = list(load(calls, organization.id))
    writer = CallWriter(store.calls)
    writer.start()
    cpu, wall = cpu_seconds(), time.perf_counter()
    for states in rounds:
        if insert and states[0][0].status is CallStatus.QUEUED:
            await asyncio.gather(*(writer.insert(record, events) for record, events in states))
        else:
            for record, events in states:
                writer.put(record, events)
        await asyncio.sleep(PAUSE)
    await writer.flush()
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    await writer.close()
    await store.close()
    return {
        "calls": calls,
        "rows_written": writer.written_records,
        "events_written": writer.written_events,
        "transactions": writer.batches,
        "cpu_ms_per_call": round(cpu * 1000 / calls, 4),
        "wall_seconds": round(wall, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--insert", action="store_true", help="wait for the commit of each first state")
    parser.add_argument("--url", help="a database to write into; default: a fresh SQLite file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or f"sqlite:///{Path(folder) / 'bench.db'}"
        print(json.dumps(asyncio.run(measure(arguments.calls, arguments.insert, url))))


if __name__ == "__main__":
    main()
