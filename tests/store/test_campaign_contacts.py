from __future__ import annotations

from dataclasses import replace

from store import Store
from store.batch_records import ContactState, Settlement
from store.identifiers import uuid7
from store.records import Organization
from tests.store.batch_samples import campaign, committed, contact, running
from tests.store.samples import T0, later


async def test_a_contact_comes_back_as_it_was_put_in_and_a_number_stands_once(
    store: Store, organization: Organization
) -> None:
    made = campaign(organization.id)
    await store.campaigns.create(made)
    full = contact(
        made.id,
        0,
        contact_id=uuid7(),
        variables={"first_name": "Zoë"},
        state=ContactState.FAILED,
        attempts=2,
        call_id=uuid7(),
        from_number="+18005550100",
        last_attempt_at=later(1),
        rang_at=later(2),
        outcome="busy",
    )
    again = contact(made.id, 1, phone_number=full.phone_number)
    await store.campaign_contacts.add([full, again])
    assert (await store.campaign_contacts.list(made.id)).items == (full,)
    await store.campaign_contacts.clear(made.id)
    assert (await store.campaign_contacts.list(made.id)).items == ()


async def test_contacts_are_listed_in_their_order_by_state_and_outcome(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id, 5)
    (attempt,) = await committed(store, made)
    await store.attempts.settle(
        made.id, T0, [Settlement(attempt.contact_id, attempt.call_id, ContactState.FAILED, "busy")]
    )
    listed = store.campaign_contacts.list
    assert [one.position for one in (await listed(made.id, limit=2, offset=1)).items] == [1, 2]
    assert [one.position for one in (await listed(made.id, ContactState.FAILED)).items] == [0]
    assert [one.position for one in (await listed(made.id, outcome="busy")).items] == [0]
    assert (await listed(made.id, ContactState.PENDING)).total == 4
    assert await store.campaign_contacts.count_outcomes(made.id) == {"busy": 1}


async def test_contacts_are_due_in_the_order_of_their_times(store: Store, organization: Organization) -> None:
    made = campaign(organization.id)
    await store.campaigns.create(made)
    people = [contact(made.id, position, scheduled_at=None) for position in range(4)]
    await store.campaign_contacts.add(people)
    assert await store.campaign_contacts.untried(made.id, 0, 2) == [(people[1].id, 1), (people[2].id, 2)]
    assert await store.campaign_contacts.next_due(made.id) is None
    times = [later(5), later(1), later(3)]
    await store.campaign_contacts.schedule([(one.id, due) for one, due in zip(people, times, strict=False)])
    assert await store.campaign_contacts.next_due(made.id) == later(1)
    assert await store.campaign_contacts.due(made.id, later(0.5), 9) == []
    due = await store.campaign_contacts.due(made.id, later(5), 2)
    assert due == [replace(people[1], scheduled_at=later(1)), replace(people[2], scheduled_at=later(3))]
