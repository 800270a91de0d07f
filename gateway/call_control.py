"""Control of live calls as the API sees it: each verb checks the call, acts, and gives the call back.

Files to be played come from one configured directory, or from the web (`gateway.audio_fetch`); what has to
be fetched is played when it is here, and the timeline tells what became of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from gateway.audio_fetch import AudioFetcher, AudioFetchError, FetchLimits
from gateway.call_actions import Side
from gateway.calls import CallService
from gateway.configuration.http import ControlSection
from gateway.errors import GatewayError, InvalidRequestError, LimitExceededError, NotFoundError
from gateway.listening import TOKEN_LIFETIME_S, CallListeners, ListenTokens
from gateway.session import Session
from gateway.transfers.plan import TransferPlan
from store.records import CallRecord

log = structlog.get_logger(__name__)

# Files being fetched at once, over all calls.
FETCH_LIMIT = 100


class RecordingVerb(StrEnum):
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class ListenTicket:
    """What lets somebody listen to a call, once."""

    token: str
    expires_at: datetime


class CallControl:
    """The verbs. `recordings` and `fetched` are directories for files of live calls. All raise
    `NotFoundError`, and `ConflictError` when the call is not in progress.
    """

    def __init__(
        self, calls: CallService, config: ControlSection, *, recordings: Path, fetched: Path
    ) -> None:
        self._calls = calls
        self._config = config
        self._recordings = recordings
        self._fetcher = AudioFetcher(
            fetched,
            FetchLimits(
                max_bytes=config.play_max_bytes,
                timeout_s=config.play_timeout,
                allow_private=config.play_private_urls,
            ),
        )
        self._tokens = ListenTokens()
        self._fetching: dict[str, asyncio.Task[None]] = {}  # by call

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the agent ---

    async def say(
        self, organization_id: str, call_id: str, text: str, *, uninterruptible: bool, urgency: str
    ) -> CallRecord:
        """Have the agent say this, word for word."""
        session = await self._with_agent(organization_id, call_id)
        session.actions.say(text, uninterruptible=uninterruptible, urgency=urgency)
        return session.call.record

    async def message(self, organization_id: str, call_id: str, text: str, *, urgency: str) -> CallRecord:
        """Tell the agent something."""
        session = await self._with_agent(organization_id, call_id)
        session.actions.message(text, urgency=urgency)
        return session.call.record

    # --- sound ---

    async def play(
        self,
        organization_id: str,
        call_id: str,
        *,
        path: str | None,
        url: str | None,
        loop: bool,
        volume: float,
    ) -> CallRecord:
        """Play a file of ours, or one from the web, in place of the agent. Raises `InvalidRequestError` that
        names the field.
        """
        session = await self._with_agent(organization_id, call_id)
        if (path is None) == (url is None):
            raise InvalidRequestError("Give a path or a url, one of the two.", field="path")
        if path is not None:
            file = await asyncio.to_thread(self._configured_file, path)
            self._stop_fetching(call_id)
            session.actions.play(file, loop=loop, volume=volume)
        elif url is not None:
            self._fetch_and_play(session, url, loop=loop, volume=volume)
        return session.call.record

    async def stop_play(self, organization_id: str, call_id: str) -> CallRecord:
        session = await self._calls.in_progress(organization_id, call_id)
        self._stop_fetching(call_id)
        session.actions.stop_play()
        return session.call.record

    async def mute(self, organization_id: str, call_id: str, side: Side, *, muted: bool) -> CallRecord:
        session = await self._with_agent(organization_id, call_id)
        session.actions.mute(side, muted=muted)
        return session.call.record

    async def hold(self, organization_id: str, call_id: str, *, held: bool) -> CallRecord:
        """Put the far party on hold with music, or take it back."""
        session = await self._calls.in_progress(organization_id, call_id)
        if held:
            self._stop_fetching(call_id)
        session.set_hold(held, self._config.hold_music)
        return session.call.record

    async def transfer(self, organization_id: str, call_id: str, plan: TransferPlan) -> CallRecord:
        """Have the far party speak to somebody else. Raises `InvalidRequestError` and `ForbiddenError` that
        name the field, and `LimitExceededError`.
        """
        session = await self._calls.in_progress(organization_id, call_id)
        await session.transfers.request(plan)
        self._stop_fetching(call_id)
        return session.call.record

    async def end_transfer(self, organization_id: str, call_id: str, *, complete: bool) -> CallRecord:
        """Put the far party through to whom the agent speaks with, or give the transfer up."""
        session = await self._calls.in_progress(organization_id, call_id)
        if complete:
            session.transfers.complete()
        else:
            session.transfers.cancel()
        return session.call.record

    async def send_digits(self, organization_id: str, call_id: str, digits: str) -> CallRecord:
        session = await self._calls.in_progress(organization_id, call_id)
        session.actions.send_digits(digits)
        return session.call.record

    async def recording(self, organization_id: str, call_id: str, verb: RecordingVerb) -> CallRecord:
        session = await self._calls.in_progress(organization_id, call_id)
        match verb:
            case RecordingVerb.START:
                session.actions.start_recording(self._recordings / f"{call_id}.wav")
            case RecordingVerb.STOP:
                session.actions.stop_recording()
            case RecordingVerb.PAUSE | RecordingVerb.RESUME:
                session.actions.pause_recording(paused=verb is RecordingVerb.PAUSE)
        return session.call.record

    # --- listening ---

    async def listen(self, organization_id: str, call_id: str) -> ListenTicket:
        """A ticket for one listener. Raises `LimitExceededError` when the call has enough of them."""
        session = await self._calls.in_progress(organization_id, call_id)
        session.actions.listeners.require_room()
        session.call.step("listen-requested")
        return ListenTicket(
            self._tokens.issue(call_id), datetime.now(UTC) + timedelta(seconds=TOKEN_LIFETIME_S)
        )

    def listeners(self, call_id: str, token: str) -> CallListeners:
        """The listeners of the call that the token is for. Raises `NotFoundError`; the token is used up."""
        session = self._calls.live_session(call_id) if self._tokens.redeem(token) == call_id else None
        if session is None:
            raise NotFoundError("the token is not valid, or the call is over")
        return session.actions.listeners

    async def _with_agent(self, organization_id: str, call_id: str) -> Session:
        """Raises `ConflictError` also when the call was put through to somebody and its agent has left."""
        session = await self._calls.in_progress(organization_id, call_id)
        session.transfers.require_agent()
        return session

    # --- files ---

    def _configured_file(self, path: str) -> Path:
        """The file of this name in the configured directory. Raises `InvalidRequestError`."""
        directory = self._config.play_dir
        if directory is None:
            raise InvalidRequestError("No directory of sound files is configured.", field="path")
        root = directory.resolve()
        try:
            file = (root / path).resolve()
            good = file.is_relative_to(root) and file.is_file()
        except (OSError, ValueError):
            good = False
        if not good:
            raise InvalidRequestError("There is no such sound file.", field="path")
        return file

    def _fetch_and_play(self, session: Session, url: str, *, loop: bool, volume: float) -> None:
        if not self._config.play_urls:
            raise InvalidRequestError("Playing from the web is switched off.", field="url")
        self._fetcher.check(url)
        session.actions.require_not_held()
        self._stop_fetching(session.call.id)
        if len(self._fetching) >= FETCH_LIMIT:
            raise LimitExceededError(
                "Too many files are being fetched.", code="too_many_fetches", retry_after=5
            )
        call_id = session.call.id
        session.call.step("play-fetching", host=urlsplit(url).hostname)
        task = asyncio.create_task(self._fetched(session, url, loop=loop, volume=volume))
        self._fetching[call_id] = task

        def forget(done: asyncio.Task[None]) -> None:
            if self._fetching.get(call_id) is done:
                del self._fetching[call_id]

        task.add_done_callback(forget)

    async def _fetched(self, session: Session, url: str, *, loop: bool, volume: float) -> None:
        try:
            path = await self._fetcher.fetch(url)
        except AudioFetchError as error:
            session.call.step("play-failed", error=str(error))
            return
        try:
            if session.over:
                raise NotFoundError("the call is over")
            session.transfers.require_agent()
            session.actions.play(path, loop=loop, volume=volume, remove=True)
        except GatewayError as error:
            path.unlink(missing_ok=True)
            session.call.step("play-failed", error=error.message)

    def _stop_fetching(self, call_id: str) -> None:
        task = self._fetching.pop(call_id, None)
        if task is not None:
            task.cancel()
