"""Sessions: opened by a sign-in, known by a secret in a cookie, over after a while or when they are ended."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from gateway.errors import NotFoundError
from store.database import Store
from store.identifiers import uuid7
from store.keys import hash_secret
from store.records import ApiKey, Page
from store.user_records import Session, SignedIn, User

REMEMBERED_S = 5.0  # seconds that a session ended by another process stays good
REMEMBERED = 1024  # sessions; the oldest goes first
SEEN_EVERY = timedelta(minutes=1)  # as exactly as the end of an idle session is known
TOKEN_LENGTH = 43  # characters of 256 random bits
MAX_ADDRESS = 64
MAX_USER_AGENT = 256


class Sessions:
    """All sessions of the installation. `idle_s` and `lifetime_s`: how long one may be silent and last."""

    def __init__(
        self,
        store: Store,
        *,
        idle_s: float,
        lifetime_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._idle = timedelta(seconds=idle_s)
        self._lifetime = timedelta(seconds=lifetime_s)
        self._now = now
        self._clock = clock
        self._good: OrderedDict[str, tuple[SignedIn, float]] = OrderedDict()
        self._forgotten = 0  # times; what was read before the last of them is not kept

    async def open(
        self, owner: User | ApiKey, *, address: str | None, user_agent: str | None
    ) -> tuple[SignedIn, str]:
        """A new session of a user or a key, and the secret for its cookie."""
        now = self._now()
        await self._store.sessions.prune(now, now - self._idle)
        token = secrets.token_urlsafe(32)
        user = owner if isinstance(owner, User) else None
        key = owner if isinstance(owner, ApiKey) else None
        session = Session(
            id=uuid7(),
            organization_id=owner.organization_id,
            token_hash=hash_secret(token),
            created_at=now,
            seen_at=now,
            expires_at=now + self._lifetime,
            user_id=None if user is None else user.id,
            api_key_id=None if key is None else key.id,
            address=None if address is None else address[:MAX_ADDRESS],
            user_agent=None if user_agent is None else user_agent[:MAX_USER_AGENT],
        )
        await self._store.sessions.create(session)
        if user is not None:
            await self._store.users.signed_in(user.id, now)
            return SignedIn(session, user.username, user.role), token
        assert key is not None
        return SignedIn(session, key.name, key.role, key.allowed_addresses), token

    async def verify(self, token: str) -> SignedIn | None:
        """The session that a cookie's secret belongs to; `None` when there is none, or it is over."""
        return await self._verify(hash_secret(token)) if len(token) == TOKEN_LENGTH else None

    async def still_good(self, signed_in: SignedIn) -> bool:
        """Whether a session that was found is not over yet; for what goes on after its request."""
        return await self._verify(signed_in.session.token_hash) is not None

    async def _verify(self, digest: str) -> SignedIn | None:
        remembered = self._good.get(digest)
        if remembered is not None and remembered[1] > self._clock():
            return remembered[0] if self._lasts(remembered[0].session) else None
        forgotten = self._forgotten
        found = await self._store.sessions.find_by_token_hash(digest)
        if (
            found is None
            or not hmac.compare_digest(found.session.token_hash, digest)
            or not self._lasts(found.session)
        ):
            self._good.pop(digest, None)
            return None
        if self._now() - found.session.seen_at >= SEEN_EVERY:
            await self._store.sessions.seen(found.session.id, self._now())
        if forgotten != self._forgotten:
            return await self._verify(digest)  # something has ended meanwhile: this one?
        self._good[digest] = (found, self._clock() + REMEMBERED_S)
        self._good.move_to_end(digest)
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return found

    async def end(self, organization_id: str, session_id: str) -> None:
        """Good for nothing from now on. Raises `NotFoundError`."""
        ended = await self._store.sessions.delete(organization_id, session_id)
        self.forget()
        if not ended:
            raise NotFoundError(f"There is no session {session_id}.", session_id=session_id)

    async def end_of_user(self, user_id: str, *, but: str | None = None) -> None:
        """End all sessions of a user, or all `but` one."""
        await self._store.sessions.delete_of_user(user_id, but=but)
        self.forget()

    async def list(
        self, organization_id: str, limit: int, offset: int, *, of: SignedIn | None = None
    ) -> Page[SignedIn]:
        """The organisation's sessions that are good, newest first. `of`: those of the same user alone; for a
        session of a key, itself alone.
        """
        user_id = None if of is None else of.session.user_id
        session_id = of.session.id if of is not None and user_id is None else None
        now = self._now()
        return await self._store.sessions.list(
            organization_id,
            limit,
            offset,
            seen_after=now - self._idle,
            now=now,
            user_id=user_id,
            session_id=session_id,
        )

    def forget(self) -> None:
        """Ask the store again about every session: one has ended, or what its user may do has changed."""
        self._forgotten += 1
        self._good.clear()

    def _lasts(self, session: Session) -> bool:
        now = self._now()
        return now < session.expires_at and now - session.seen_at < self._idle
