"""Attempts: how a campaign commits to calls before it makes them, and writes down what became of them.

What makes a call unique lies here. `commit` gives the contact the call's id while it is `pending`; `let_ring`
is the last step before the INVITE and succeeds once for an attempt; `settle` changes only a contact that
still has that call. Each is one conditional statement that also asks for the dialer's lease, so that of two
nodes, or of a node and its own successor after a crash, only one ever gets through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch_records import CampaignStatus, ContactState, NewAttempt, Settlement, Usage
from store.calls import call_record
from store.columns import from_microseconds, to_microseconds
from store.connection import Database
from store.records import CallRecord
from store.tables import batch_attempts, batch_calls, batch_contacts, calls

_TERMINAL = ("ended", "failed", "cancelled")


class AttemptRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(
        self, campaign_id: str, node: str, now: datetime, attempts: Sequence[NewAttempt]
    ) -> list[NewAttempt]:
        """Commit to calls; those that may be made are given back. None when the campaign does not run any
        more or the lease is not the node's.
        """
        done: list[NewAttempt] = []
        moment = to_microseconds(now)
        async with self._database.transaction() as connection:
            if not await self._may_dial(connection, campaign_id, node, moment):
                return []
            for attempt in attempts:
                claimed = await connection.execute(
                    batch_contacts.update()
                    .where(
                        batch_contacts.c.id == attempt.contact_id,
                        batch_contacts.c.state == ContactState.PENDING.value,
                    )
                    .values(
                        state=ContactState.DIALING.value,
                        attempts=batch_contacts.c.attempts + 1,
                        call_id=attempt.call_id,
                        from_number=attempt.from_number,
                        last_attempt_at=moment,
                        rang_at=None,
                        outcome=None,
                    )
                )
                if claimed.rowcount == 1:
                    done.append(attempt)
            if done:
                await connection.execute(
                    batch_attempts.insert(),
                    [
                        {
                            "call_id": attempt.call_id,
                            "campaign_id": campaign_id,
                            "contact_id": attempt.contact_id,
                            "from_number": attempt.from_number,
                            "attempted_at": moment,
                            "technical": False,
                        }
                        for attempt in done
                    ],
                )
        return done

    async def let_ring(
        self, campaign_id: str, contact_id: str, call_id: str, node: str, now: datetime
    ) -> bool:
        """Whether the attempt's INVITE may leave: once, while the campaign runs and is the node's."""
        moment = to_microseconds(now)
        async with self._database.transaction() as connection:
            if not await self._may_dial(connection, campaign_id, node, moment):
                return False
            marked = await connection.execute(
                batch_contacts.update()
                .where(
                    batch_contacts.c.id == contact_id,
                    batch_contacts.c.call_id == call_id,
                    batch_contacts.c.state == ContactState.DIALING.value,
                    batch_contacts.c.rang_at.is_(None),
                )
                .values(rang_at=moment)
            )
            return marked.rowcount == 1

    async def finished(self, campaign_id: str) -> list[CallRecord]:
        """The calls of unsettled attempts that have reached their end."""
        query = (
            sa.select(calls)
            .join(batch_contacts, batch_contacts.c.call_id == calls.c.id)
            .where(
                batch_contacts.c.campaign_id == campaign_id,
                batch_contacts.c.state == ContactState.DIALING.value,
                calls.c.status.in_(_TERMINAL),
            )
        )
        async with self._database.reading() as connection:
            return [call_record(row) for row in (await connection.execute(query)).all()]

    async def settle(self, campaign_id: str, now: datetime, settlements: Sequence[Settlement]) -> None:
        """Write down what became of attempts. One that was settled already stays as it is.

        A `forget` changes nothing when the INVITE was let go meanwhile. Where the campaign is over, nobody
        is called again.
        """
        over = sa.select(batch_calls.c.status).where(batch_calls.c.id == campaign_id)
        async with self._database.transaction() as connection:
            status = (await connection.execute(over.with_for_update(read=True))).scalar_one_or_none()
            if status is None:
                return
            for settlement in settlements:
                if CampaignStatus(status).terminal and settlement.state is ContactState.PENDING:
                    end = ContactState.FAILED if settlement.outcome else ContactState.CANCELLED
                    settlement = replace(settlement, state=end)
                await self._settle(connection, settlement, to_microseconds(now))

    async def _settle(self, connection: AsyncConnection, settlement: Settlement, now: int) -> None:
        this = [
            batch_contacts.c.id == settlement.contact_id,
            batch_contacts.c.call_id == settlement.call_id,
            batch_contacts.c.state == ContactState.DIALING.value,
        ]
        values: dict[str, Any] = {
            "state": settlement.state.value,
            "outcome": settlement.outcome,
        }
        attempt = batch_attempts.c.call_id == settlement.call_id
        if settlement.scheduled_at is not None:
            values["scheduled_at"] = to_microseconds(settlement.scheduled_at)
        if settlement.forget:
            this.append(batch_contacts.c.rang_at.is_(None))
            values |= {"attempts": batch_contacts.c.attempts - 1, "call_id": None}
        result = await connection.execute(batch_contacts.update().where(*this).values(values))
        if result.rowcount == 0:
            return
        if settlement.forget:
            await connection.execute(batch_attempts.delete().where(attempt))
        else:
            await connection.execute(
                batch_attempts.update()
                .where(attempt)
                .values(ended_at=now, outcome=settlement.outcome, technical=settlement.technical)
            )

    async def usage(self, campaign_id: str, now: datetime, day_begin: datetime) -> Usage:
        """What the campaign has used of its limits."""
        this = batch_attempts.c.campaign_id == campaign_id
        total = sa.select(sa.func.count()).select_from(batch_attempts).where(this)
        today = total.where(batch_attempts.c.attempted_at >= to_microseconds(day_begin))
        recent = sa.select(batch_attempts.c.attempted_at).where(
            this, batch_attempts.c.attempted_at > to_microseconds(now - timedelta(minutes=1))
        )
        async with self._database.reading() as connection:
            return Usage(
                (await connection.execute(total)).scalar_one(),
                (await connection.execute(today)).scalar_one(),
                tuple(sorted(from_microseconds(at) for at in (await connection.execute(recent)).scalars())),
            )

    async def last_technical(self, campaign_id: str, since: datetime, limit: int) -> list[bool]:
        """Of the last attempts that ended after `since`: whether each failed technically."""
        query = (
            sa.select(batch_attempts.c.technical)
            .where(
                batch_attempts.c.campaign_id == campaign_id,
                batch_attempts.c.ended_at > to_microseconds(since),
            )
            .order_by(batch_attempts.c.ended_at.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def _may_dial(self, connection: AsyncConnection, campaign_id: str, node: str, moment: int) -> bool:
        """Whether the campaign runs and the lease is the node's; the row stays as it is to the end of the
        transaction.
        """
        query = (
            sa.select(batch_calls.c.id)
            .where(
                batch_calls.c.id == campaign_id,
                batch_calls.c.status == CampaignStatus.ACTIVE.value,
                batch_calls.c.dialer == node,
                batch_calls.c.dialer_until > moment,
            )
            .with_for_update(read=True)
        )
        return (await connection.execute(query)).one_or_none() is not None
