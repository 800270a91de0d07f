"""After a crash: calls that the store still believes to be live are told to have failed.

No call of a gateway that ended without saying so can be alive, because the audio went through it. Those of
our own earlier run are looked up before we listen, so that none of the new ones is among them, and told to
have failed only when we do: a gateway started by mistake beside a running one finds its ports taken, and must
not touch the other's calls. Those of another node are told so when it gives no sign of life.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from gateway.failure_reasons import FailureReason
from gateway.webhooks.call_journal import CallJournal
from store.database import Store
from store.records import CallRecord, CallStatus

log = structlog.get_logger(__name__)


async def fail_orphans(store: Store, orphans: Sequence[CallRecord], journal: CallJournal) -> None:
    """Give the unfinished calls of an earlier run (`store.calls.unfinished`) their terminal status, and tell
    of it.
    """
    if not orphans:
        return
    now = datetime.now(UTC)
    reason = str(FailureReason.GATEWAY_ERROR)
    failed = [
        replace(
            record,
            status=CallStatus.FAILED,
            ended_at=now,
            failure_reason=reason,
            end_reason=reason,
            outcome=reason,
        )
        for record in orphans
    ]
    news = [item for record in failed for item in journal.end_news(record)]
    await store.calls.save_batch(failed, [], news)
    log.warning("orphaned_calls_failed", count=len(orphans))


async def calls_of_the_dead(store: Store, living: frozenset[str]) -> list[CallRecord]:
    """Every unfinished call whose node is not among the living."""
    of_nodes = [record for record in await store.calls.unfinished() if record.node_id is not None]
    return [record for record in of_nodes if record.node_id not in living]
