"""One call of a browser, from the token on: waiting, joined, in progress with the first packet, over.

What lies behind the offer is the same as for a call over SIP: the leg, the conversation, the one way in which
calls end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from gateway.browser_calls.candidates import candidate_hosts
from gateway.browser_calls.credentials import Credential
from gateway.browser_calls.description import BrowserDescription, IceRestart, check_offer
from gateway.browser_calls.errors import TokenExpiredError, TokenUsedError
from gateway.browser_calls.page_commands import HangUp, PageCommand, PressKeys, SayText
from gateway.browser_calls.page_feed import Page, PageFeed
from gateway.call import Call
from gateway.configuration.browser import BrowserSection
from gateway.conversation import Conversation
from gateway.engine_request import conversation_options, engine_request, longest_call_s
from gateway.errors import ConflictError, EngineError, ForbiddenError, GatewayError, UnavailableError
from gateway.failure_reasons import EndReason, FailureReason
from gateway.media_address import MediaAddress
from gateway.new_call import CallSettings
from gateway.session import Session
from gateway.session_services import SessionServices
from media.media_timeout import FIRST_PACKET
from media.plane import MediaCapacityError
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError
from sip.audio_codecs import WIDE_BAND_HZ
from store.records import Agent, CallDirection, CallStatus

log = structlog.get_logger(__name__)

PAGE = "page"
"""By which way a key came."""

KEY_MS = 100


@dataclass(frozen=True, slots=True)
class BrowserServices:
    """What calls of browsers need beyond the sessions' own services."""

    session: SessionServices
    config: BrowserSection
    media_address: MediaAddress
    recordings: Path
    draining: Callable[[], bool]
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Joined:
    """What the browser gets for its offer. `secret` is the session's, for its address."""

    call_id: str
    answer: bytes
    secret: str = field(repr=False)
    etag: str


class BrowserSession(Session):
    """One browser's call."""

    direction = CallDirection.WEBRTC

    def __init__(
        self,
        call: Call,
        agent: Agent,
        services: BrowserServices,
        token: Credential,
        *,
        join_timeout_s: float,
        origin: str | None,
        over: Callable[[BrowserSession], None],
        untrusted_variables: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(
            call,
            services.session,
            longest_call_s(agent, CallSettings(), services.session.default_max_duration_s),
        )
        self._agent = agent if self._transfer.possible else _without_transfer(agent)
        self._browser = services
        self._token = token
        self._origin = origin
        self._untrusted_variables = untrusted_variables
        self._tell_over = over
        self._joining = False
        self._description: BrowserDescription | None = None
        self._secret: Credential | None = None
        self._media_lost: asyncio.TimerHandle | None = None
        self._feed = PageFeed(call)
        self._after(join_timeout_s, self._nobody_joined)

    # --- credentials ---

    def takes_token(self, token: str) -> bool:
        return self._token.matches(token)

    def takes_secret(self, secret: str) -> bool:
        """Whether this is the secret in the address of our session."""
        return self._secret is not None and self._secret.matches(secret)

    @property
    def agent_name(self) -> str:
        """What the page may show."""
        return self._agent.name

    @property
    def joined(self) -> bool:
        return self._description is not None

    @property
    def waiting(self) -> bool:
        """Nobody has joined yet, and somebody still may."""
        return not self._joining and not self.joined and not self.over

    # --- joining ---

    async def join(self, offer: bytes, origin: str | None, peer_host: str) -> Joined:
        """Answer the browser's offer; the token is used up by an answer, and by nothing else.

        Raises `DescriptionError`, `DescriptionNotAcceptableError`, `TokenUsedError`, `TokenExpiredError`,
        `ForbiddenError` for a page of another origin, `UnavailableError`, and `EngineError` and `OSError`,
        with which the call fails.
        """
        if self.over:
            raise TokenExpiredError("The call is over.")
        if not self.waiting:
            raise TokenUsedError("Somebody has joined the call by this token already.")
        if self._origin is not None and origin != self._origin:
            raise ForbiddenError(
                "The token was made for a page of another origin.", code="origin_not_allowed"
            )
        self._joining = True
        try:
            return await self._join(offer, peer_host)
        finally:
            self._joining = False

    async def _join(self, offer: bytes, peer_host: str) -> Joined:
        check_offer(offer)
        await self._take_place()
        try:
            conversation = self._conversation = self._new_conversation()
        except (AgentSettingsError, CallRequestError) as error:
            self._fail(FailureReason.AGENT_ERROR, str(error))
            raise EngineError(f"The agent's settings are none that the engine takes: {error}") from error
        config = self._browser.config
        try:
            hosts = await candidate_hosts(config.media_addresses, self._browser.media_address, peer_host)
            # A wildcard of IPv6 takes both families.
            ipv6 = any(":" in host for host in hosts)
            leg = await conversation.open_leg(ipv6=ipv6, browser_timeout_s=config.closed_timeout)
        except MediaCapacityError as error:
            self._conversation = None
            self._services.leases.release(self._place)
            raise self._no_room(str(error)) from error
        except BaseException as error:
            self._fail(FailureReason.GATEWAY_ERROR, f"no leg: {error!r}")
            raise
        if self.over:
            raise TokenExpiredError("The call is over.")
        try:
            self._description = BrowserDescription(offer, leg, hosts)
        except GatewayError as error:
            self._fail(FailureReason.MEDIA_NEGOTIATION_FAILED, error.message)
            raise
        return self._answered(conversation, self._description, len(hosts))

    def _answered(
        self, conversation: Conversation, description: BrowserDescription, candidates: int
    ) -> Joined:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        secret, self._secret = Credential.issue(self.call.id)
        self.call.step("joined", candidates=candidates)
        conversation.run_at(WIDE_BAND_HZ)
        self._apply(description.parameters)
        self._occupy()
        self._after(self._services.conversation.first_packet_timeout_s, self._never_connected)
        self._setup = asyncio.create_task(self._attach(conversation))
        return Joined(self.call.id, description.answer, secret, description.etag)

    async def _take_place(self) -> None:
        """Raises `UnavailableError`."""
        if self._browser.draining():
            raise UnavailableError("The gateway is shutting down.", code="draining", retry_after=30)
        if self._services.live.full(self.direction):
            raise self._no_room("as many browsers are in calls as may at once")
        limits = self._services.limits.of_any(self.call.record.organization_id)
        if limits:
            reached = await self._services.leases.acquire(self._place, limits)
            if self.over:  # meanwhile, and what it held has been given back
                self._services.leases.release(self._place)
                raise TokenExpiredError("The call is over.")
            if reached is not None:
                raise self._no_room(f"as many calls go on as may at once ({reached.limit.counted})")

    @property
    def _place(self) -> str:
        """Names the lease of whoever joins; the call has another, of whoever made it, from the beginning."""
        return f"{self.call.id} joined"

    def _no_room(self, why: str) -> UnavailableError:
        retry_after = self._browser.retry_after_s
        return UnavailableError(f"No place is free: {why}.", code="capacity", retry_after=retry_after)

    def _new_conversation(self) -> Conversation:
        call, agent = self.call, self._agent
        parts = self._services.parts(agent)
        options = conversation_options(agent, parts, CallSettings(), self.direction)
        return Conversation(
            call,
            engine_request(
                agent,
                parts,
                CallSettings(),
                call_id=call.id,
                direction=str(self.direction),
                variables=call.record.variables,
                metadata=call.record.metadata,
                max_duration_s=self._max_duration_s,
                ring_timeout_s=0.0,
                sample_rate=WIDE_BAND_HZ,
            ),
            self,
            self._services.conversation,
            self._browser.recordings / f"{call.id}.wav" if agent.recording_enabled else None,
            replace(options, untrusted_variables=self._untrusted_variables),
        )

    async def _attach(self, conversation: Conversation) -> None:
        """The engine, while the browser checks its paths to us and shakes hands."""
        try:
            await conversation.create_engine_call()
            conversation.attach_engine()
        except (EngineApiError, AgentSettingsError, CallRequestError) as error:
            self._fail(FailureReason.AGENT_ERROR, str(error))
        except Exception:
            log.exception("browser_call_crashed", call_id=self.call.id)
            self._fail(FailureReason.GATEWAY_ERROR, "internal error")

    def _nobody_joined(self) -> None:
        self.call.step("join-timeout")
        self.finish(lambda: self.call.fail(FailureReason.NO_ANSWER), FailureReason.NO_ANSWER)

    def _never_connected(self) -> None:
        """Checks of ICE may come, but no audio: such a page must not keep a place."""
        if self.call.status is CallStatus.QUEUED:
            self._fail(FailureReason.MEDIA_TIMEOUT, "the page joined, but no audio came")

    # --- media ---

    def take_fragment(self, fragment: bytes, *, restarts: bool) -> IceRestart | None:
        """Candidates, or a restart of ICE. Raises `DescriptionError` and `DescriptionNotAcceptableError`."""
        assert self._description is not None
        restart = self._description.take_fragment(fragment, restarts=restarts)
        if restart is not None:
            self.call.step("ice-restarted")
            self._feed.page_is_back()
            if self._media_lost is not None:  # it begins anew, and has its time for that
                self._media_lost.cancel()
                self._wait_for_media(self._browser.config.media_timeout)
            self._apply(restart.parameters)
        return restart

    @property
    def etag(self) -> str:
        assert self._description is not None
        return self._description.etag

    def on_media(self) -> None:
        self._connected()

    def on_media_secured(self) -> None:
        """A page that only listens sends no packet: for it the keys are enough."""
        if self._parameters is not None and self._parameters.direction == "sendonly":
            self._connected()

    def _connected(self) -> None:
        if self.call.status is CallStatus.QUEUED and not self.over:
            super()._connected()

    def on_media_timeout(self, kind: str, silent_ms: int) -> None:
        """Neither audio nor a check of ICE: the page is gone, or its network is. Only a page that has said
        that it leaves is surely gone; from a network that changes, its socket comes back as its audio does.
        """
        if kind == FIRST_PACKET or self._media_lost is not None:
            super().on_media_timeout(kind, silent_ms)
            return
        if self._feed.abandoned:
            self._page_gone()
            return
        self._wait_for_media(max(0.0, self._browser.config.media_timeout - silent_ms / 1000))

    def _wait_for_media(self, seconds: float) -> None:
        self._media_lost = asyncio.get_running_loop().call_later(seconds, self._gone)

    def on_media_returned(self) -> None:
        if self._media_lost is not None:
            self._media_lost.cancel()
            self._media_lost = None

    def _page_gone(self) -> None:
        self.call.step("page-gone")
        end = self._transfer.end_reason(EndReason.CONTACT_HANGUP)
        self.finish(lambda: self.call.end(end), end)

    def _gone(self) -> None:
        detail = f"nothing came for {self._browser.config.media_timeout:g} s"
        self.on_conversation_lost(FailureReason.MEDIA_TIMEOUT, detail)

    # --- the page ---

    def attach_page(self) -> Page:
        """A page watches. Raises `LimitExceededError`."""
        return self._feed.attach()

    def detach_page(self, page: Page, *, left: bool = False) -> None:
        """It does no longer. `left`: it has said that it leaves; else it may come back."""
        self._feed.detach(page, left=left)
        if self._media_lost is not None and self._feed.abandoned and not self.over:
            self._page_gone()

    def obey(self, command: PageCommand) -> None:
        """Raises `ConflictError` when the call is not in progress."""
        if isinstance(command, HangUp):
            self.leave()
            return
        conversation = self._conversation
        if conversation is None or self.over or self.call.status is not CallStatus.IN_PROGRESS:
            raise ConflictError("the call is not in progress", code="call_not_in_progress")
        match command:
            case SayText(text):
                self._transfer.require_agent()
                self.actions.message(text, urgency="immediate")
            case PressKeys(digits):
                for digit in digits:
                    if self._transfer.joined:
                        self._transfer.pressed(digit)
                    else:
                        conversation.pressed(digit, PAGE, KEY_MS)

    def on_engine_open(self) -> None:
        self._feed.engine_there()

    def on_agent_speech(self, *, speaking: bool) -> None:
        self._feed.heard(speaking=speaking)

    # --- what cannot be done without SIP ---

    def set_hold(self, held: bool, music: Path | None = None) -> None:
        """Nothing is renegotiated: the browser hears the music, the engine silence."""
        self._transfer.require_idle()
        if held != self.actions.held:
            self._set_hold(held, music)

    def _set_hold(self, held: bool, music: Path | None) -> None:
        self.call.step("held" if held else "unheld")
        self.actions.hold(held, music)

    # --- the end ---

    @property
    def cancellable(self) -> bool:
        return self.call.status is CallStatus.QUEUED

    def cancel(self) -> None:
        self.call.step("cancel-requested")
        self.finish(self.call.cancel)

    def leave(self) -> None:
        """The browser hangs up."""
        self.call.step("hung-up", by="browser")
        end = self._transfer.end_reason(EndReason.CONTACT_HANGUP)
        self.finish(lambda: self._end_or_fail(end, FailureReason.CALLER_HANGUP))

    def _fail(self, reason: FailureReason, detail: str) -> None:
        self.call.step("failed", reason=str(reason), detail=detail)
        self.finish(lambda: self.call.fail(reason), reason)

    def finish(self, settle: Callable[[], bool], why: EndReason | FailureReason | None = None) -> None:
        self.on_media_returned()
        super().finish(settle, why)

    def on_released(self) -> None:
        self._services.leases.release(self._place)
        self._tell_over(self)


def _without_transfer(agent: Agent) -> Agent:
    """An agent without a number to call from cannot call anybody to whom it could transfer."""
    built_in = agent.built_in_config
    if not built_in or "transfer" not in built_in:
        return agent
    return replace(
        agent, built_in_config={name: value for name, value in built_in.items() if name != "transfer"}
    )
