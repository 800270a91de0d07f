"""After a crash: calls that the store still believes to be live are told to have failed.

No call of a gateway that ended without saying so can be alive, because the audio went through it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from gateway.failure_reasons import FailureReason
from store.database import Store
from store.records import CallStatus

log = structlog.get_logger(__name__)


async def fail_orphans(store: Store) -> int:
    """Give every unfinished call of the store its terminal status; returns how many there were."""
    orphans = await store.calls.unfinished()
    if not orphans:
        return 0
    now = datetime.now(UTC)
    reason = str(FailureReason.GATEWAY_ERROR)
    await store.calls.save_batch(
        [
            replace(record, status=CallStatus.FAILED, ended_at=now, failure_reason=reason, end_reason=reason)
            for record in orphans
        ],
        [],
    )
    log.warning("orphaned_calls_failed", count=len(orphans))
    return len(orphans)
