from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.accounts import Accounts
from gateway.errors import NotFoundError
from gateway.sign_in.sessions import REMEMBERED_S, Sessions
from store import Store
from store.identifiers import uuid7
from store.records import ApiKey
from store.tables import sessions as table
from store.user_records import Role, SignedIn, User

IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=8)


class Time:
    """The time of day and the clock, moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def clock(self) -> float:
        return self.at.timestamp()

    def pass_(self, **of: float) -> None:
        self.at += timedelta(**of)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'trunkline.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def sessions(store: Store, time: Time) -> Sessions:
    return make(store, time)


def make(store: Store, time: Time) -> Sessions:
    return Sessions(
        store,
        idle_s=IDLE.total_seconds(),
        lifetime_s=LIFETIME.total_seconds(),
        now=time.now,
        clock=time.clock,
    )


@pytest.fixture
async def accounts(store: Store) -> Accounts:
    return Accounts(store)


@pytest.fixture
async def user(store: Store, accounts: Accounts) -> User:
    owner = await accounts.ensure_organization("Bright Dental")
    at = datetime.now(UTC)
    made = User(uuid7(), owner.id, "ada", "hash", Role.READ, at, at)
    await store.users.create(made)
    return made


@pytest.fixture
async def key(accounts: Accounts) -> ApiKey:
    owner = await accounts.ensure_organization("Bright Dental")
    made, _ = await accounts.create_key(owner.id, "ci")
    return made


async def test_a_session_is_known_by_its_secret_which_is_kept_nowhere(
    store: Store, sessions: Sessions, user: User
) -> None:
    opened, token = await sessions.open(user, address="192.0.2.1", user_agent="x" * 1_000)
    found = await sessions.verify(token)
    assert found == opened
    assert (opened.name, opened.role) == ("ada", Role.READ)
    assert opened.session.user_agent == "x" * 256
    assert await sessions.verify(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert await sessions.verify("") is None
    async with store.database.reading() as connection:
        row = (await connection.execute(sa.select(table))).one()
    assert all(token not in str(value) for value in row)
    again = await store.users.get(user.organization_id, user.id)
    assert again is not None
    assert again.last_sign_in_at is not None


async def test_who_does_nothing_is_signed_out_and_who_does_something_is_not(
    sessions: Sessions, user: User, time: Time
) -> None:
    _, token = await sessions.open(user, address=None, user_agent=None)
    for _ in range(4):
        time.pass_(minutes=50)
        assert await sessions.verify(token) is not None
    time.pass_(minutes=61)
    assert await sessions.verify(token) is None


async def test_a_session_that_is_used_ends_in_the_end(sessions: Sessions, user: User, time: Time) -> None:
    _, token = await sessions.open(user, address=None, user_agent=None)
    for _ in range(9):
        time.pass_(minutes=50)
        assert await sessions.verify(token) is not None
    time.pass_(minutes=31)
    assert await sessions.verify(token) is None


async def test_a_remembered_session_does_not_outlast_its_time(
    sessions: Sessions, user: User, time: Time
) -> None:
    _, token = await sessions.open(user, address=None, user_agent=None)
    time.pass_(seconds=IDLE.total_seconds() - REMEMBERED_S / 2)
    assert await sessions.verify(token) is not None
    time.pass_(hours=7, seconds=1)
    assert await sessions.verify(token) is None


async def test_an_ended_session_is_good_for_nothing_at_once_here_and_soon_elsewhere(
    store: Store, sessions: Sessions, user: User, time: Time
) -> None:
    elsewhere = make(store, time)
    opened, token = await sessions.open(user, address=None, user_agent=None)
    assert await elsewhere.verify(token) is not None
    with pytest.raises(NotFoundError):
        await sessions.end(uuid7(), opened.session.id)
    await sessions.end(user.organization_id, opened.session.id)
    assert await sessions.verify(token) is None
    time.pass_(seconds=REMEMBERED_S)
    assert await elsewhere.verify(token) is None
    with pytest.raises(NotFoundError):
        await sessions.end(user.organization_id, opened.session.id)


async def test_a_session_of_a_key_ends_with_the_key(
    accounts: Accounts, sessions: Sessions, key: ApiKey, time: Time
) -> None:
    opened, token = await sessions.open(key, address=None, user_agent=None)
    assert (opened.name, opened.role) == ("ci", Role.ADMIN)
    assert await sessions.verify(token) == opened
    await accounts.revoke_key(key.organization_id, key.id)
    time.pass_(seconds=REMEMBERED_S)
    assert await sessions.verify(token) is None


async def test_sessions_of_a_user_go_with_the_user(store: Store, sessions: Sessions, user: User) -> None:
    _, token = await sessions.open(user, address=None, user_agent=None)
    assert await store.users.delete(user.organization_id, user.id)
    sessions.forget()
    assert await sessions.verify(token) is None


async def test_the_list_shows_those_that_are_good_and_each_reader_what_he_may_see(
    sessions: Sessions, user: User, key: ApiKey, time: Time
) -> None:
    old, _ = await sessions.open(user, address=None, user_agent=None)
    time.pass_(minutes=61)
    first, _ = await sessions.open(user, address=None, user_agent=None)
    time.pass_(seconds=1)
    of_key, _ = await sessions.open(key, address=None, user_agent=None)
    time.pass_(seconds=1)
    second, _ = await sessions.open(user, address=None, user_agent=None)
    page = await sessions.list(user.organization_id, 2, 0)
    assert [each.session.id for each in page.items] == [second.session.id, of_key.session.id]
    assert page.total == 3
    own = await sessions.list(user.organization_id, 50, 0, of=first)
    assert [each.session.id for each in own.items] == [second.session.id, first.session.id]
    keys_own = await sessions.list(user.organization_id, 50, 0, of=of_key)
    assert [each.session.id for each in keys_own.items] == [of_key.session.id]
    assert (await sessions.list(uuid7(), 50, 0)).items == ()
    assert old.session.id not in {each.session.id for each in page.items}


async def test_what_is_over_is_forgotten(store: Store, sessions: Sessions, user: User, time: Time) -> None:
    await sessions.open(user, address=None, user_agent=None)
    time.pass_(minutes=61)
    await sessions.open(user, address=None, user_agent=None)
    async with store.database.reading() as connection:
        assert len((await connection.execute(sa.select(table))).all()) == 1


async def test_a_session_that_ends_while_it_is_looked_up_is_over_at_once(
    store: Store, sessions: Sessions, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, token = await sessions.open(user, address=None, user_agent=None)
    look_up = store.sessions.find_by_token_hash

    async def ended_behind_our_back(token_hash: str) -> SignedIn | None:
        found = await look_up(token_hash)
        if found is not None:
            await sessions.end(user.organization_id, opened.session.id)
        return found

    monkeypatch.setattr(store.sessions, "find_by_token_hash", ended_behind_our_back)
    assert await sessions.verify(token) is None
    assert await sessions.verify(token) is None
