from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from store import Store
from store.batch_records import CampaignStatus, ContactState, NewAttempt, Settlement
from store.identifiers import uuid7
from store.records import CallStatus, Organization
from tests.store.batch_samples import NODE, OTHER, committed, running
from tests.store.samples import T0, call, later


async def test_a_contact_is_committed_to_once(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id, 1)
    (contact,) = await store.campaign_contacts.due(made.id, T0, 9)
    attempts = [NewAttempt(contact.id, uuid7(), "+18005550100") for _ in range(8)]
    done = await asyncio.gather(
        *(store.attempts.commit(made.id, NODE, T0, [attempt]) for attempt in attempts)
    )
    assert sorted(map(len, done)) == [0] * 7 + [1]
    (winner,) = next(found for found in done if found)
    (dialing,) = await store.campaign_contacts.dialing(made.id)
    assert (dialing.call_id, dialing.attempts, dialing.rang_at) == (winner.call_id, 1, None)
    assert await store.campaign_contacts.due(made.id, later(9), 9) == []


@pytest.mark.parametrize("status", [CampaignStatus.PAUSED, CampaignStatus.CANCELLED])
async def test_nothing_is_dialled_for_a_campaign_that_stopped(
    store: Store, organization: Organization, status: CampaignStatus
) -> None:
    made = await running(store, organization.id)
    (attempt,) = await committed(store, made)
    await store.campaigns.change(replace(made, status=status), CampaignStatus.ACTIVE)
    other = await store.campaign_contacts.due(made.id, T0, 1)
    more = [NewAttempt(one.id, uuid7(), "+18005550100") for one in other]
    assert await store.attempts.commit(made.id, NODE, T0, more) == []
    assert not await store.attempts.let_ring(made.id, attempt.contact_id, attempt.call_id, NODE, T0)


async def test_without_the_lease_nothing_is_dialled(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id)
    (attempt,) = await committed(store, made)
    (other, *_) = await store.campaign_contacts.due(made.id, T0, 1)
    more = [NewAttempt(other.id, uuid7(), "+18005550100")]
    for node, now in ((OTHER, T0), (NODE, later(10))):
        assert await store.attempts.commit(made.id, node, now, more) == []
        assert not await store.attempts.let_ring(made.id, attempt.contact_id, attempt.call_id, node, now)
    assert await store.attempts.let_ring(made.id, attempt.contact_id, attempt.call_id, NODE, later(9))


async def test_an_invite_is_let_go_once_and_not_after_its_attempt_was_withdrawn(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id)
    first, second = await committed(store, made, 2)

    async def let(attempt: NewAttempt) -> bool:
        return await store.attempts.let_ring(made.id, attempt.contact_id, attempt.call_id, NODE, T0)

    def withdrawal(attempt: NewAttempt) -> Settlement:
        return Settlement(
            attempt.contact_id, attempt.call_id, ContactState.PENDING, None, later(1), forget=True
        )

    assert sorted(await asyncio.gather(*(let(first) for _ in range(5)))) == [False] * 4 + [True]
    await store.attempts.settle(made.id, T0, [withdrawal(first), withdrawal(second)])
    assert not await let(second)
    (dialing,) = await store.campaign_contacts.dialing(made.id)
    assert dialing.call_id == first.call_id
    (free,) = [
        one for one in (await store.campaign_contacts.list(made.id)).items if one.id == second.contact_id
    ]
    assert (free.state, free.attempts, free.call_id) == (ContactState.PENDING, 0, None)
    assert free.scheduled_at == later(1)
    usage = await store.attempts.usage(made.id, T0, T0)
    assert (usage.attempts, usage.today, usage.recent) == (1, 1, (T0,))


async def test_calls_that_ended_are_found_and_settled_once(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id)
    over, live = await committed(store, made, 2)
    ended = call(organization.id, id=over.call_id, status=CallStatus.ENDED)
    await store.calls.insert(ended)
    await store.calls.insert(call(organization.id, id=live.call_id, status=CallStatus.RINGING))
    await store.calls.insert(call(organization.id, status=CallStatus.ENDED))
    assert await store.attempts.finished(made.id) == [ended]
    done = Settlement(over.contact_id, over.call_id, ContactState.COMPLETED, "answered")
    await store.attempts.settle(made.id, T0, [done])
    late = replace(done, state=ContactState.FAILED, outcome="busy")
    await store.attempts.settle(made.id, T0, [late])
    assert await store.attempts.finished(made.id) == []
    assert await store.campaign_contacts.count_outcomes(made.id) == {"answered": 1}


async def test_nobody_is_called_again_for_a_campaign_that_is_over(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id)
    tried, unheard = await committed(store, made, 2)
    await store.campaigns.change(replace(made, status=CampaignStatus.CANCELLED), CampaignStatus.ACTIVE)
    again = ContactState.PENDING
    await store.attempts.settle(
        made.id,
        T0,
        [
            Settlement(tried.contact_id, tried.call_id, again, "busy", later(60)),
            Settlement(unheard.contact_id, unheard.call_id, again, None, later(60), forget=True),
        ],
    )
    counts = await store.campaign_contacts.count_by_state([made.id])
    assert counts == {made.id: {ContactState.FAILED: 1, ContactState.CANCELLED: 2}}


async def test_usage_counts_the_day_and_the_minute(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id)
    await committed(store, made, 2)
    usage = await store.attempts.usage(made.id, later(59), later(-1))
    assert (usage.attempts, usage.today, usage.recent) == (2, 2, (T0, T0))
    usage = await store.attempts.usage(made.id, later(60), later(1))
    assert (usage.attempts, usage.today, usage.recent) == (2, 0, ())


async def test_the_last_attempts_tell_whether_they_failed_technically(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id)
    attempts = await committed(store, made, 3)
    for seconds, (attempt, technical) in enumerate(zip(attempts, (False, True, True), strict=True)):
        await store.attempts.settle(
            made.id,
            later(seconds),
            [Settlement(attempt.contact_id, attempt.call_id, ContactState.FAILED, "x", technical=technical)],
        )
    assert await store.attempts.last_technical(made.id, later(-1), 9) == [True, True, False]
    assert await store.attempts.last_technical(made.id, later(-1), 2) == [True, True]
    assert await store.attempts.last_technical(made.id, later(1), 9) == [True]
