"""The transfers of one call, one at a time: which step a transfer is in, and what leads to the next.

A cold one asks the far party to call the target (REFER), or calls it and joins both; a warm one lets the
agent speak with the target first. What becomes of a transfer is told exactly once: completed, or failed, and
then the far party is back with the agent, who is told so. A target that was joined stays to the end of the
call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from gateway.call import Call
from gateway.errors import ConflictError, GatewayError, LimitExceededError
from gateway.failure_reasons import EndReason, FailureReason
from gateway.transfers.agent_words import came_to_nothing, reached
from gateway.transfers.parted_call import PartedCall
from gateway.transfers.plan import TransferMethod, TransferMode, TransferPlan
from gateway.transfers.report import TransferReport
from gateway.transfers.route import LegRoute
from gateway.transfers.services import TransferringSession, TransferServices
from gateway.transfers.target_leg import TargetLeg
from media import messages as m
from sip.addresses import authority
from sip.attended_referral import replacing_uri
from sip.referral import ReferralNews, ReferralState
from sip.user_agent import Call as SipCall

log = structlog.get_logger(__name__)

LIMIT_RETRY_S = 5
KEY_S = 0.25  # how long one key takes at most, pause included
PAUSE_S = 0.5
KEYS_MARGIN_S = 3.0


class Phase(StrEnum):
    IDLE = "idle"
    CHECKING = "checking"  # whether it may be begun
    REFERRING = "referring"  # the far party was asked to call the target
    DIALLING = "dialling"  # we call it
    KEYING = "keying"  # it has answered, and keys are pressed for its extension
    CONSULTING = "consulting"  # the agent speaks with it
    JOINING = "joining"  # the far party was asked to take the agent's place
    JOINED = "joined"  # both far parties speak through us
    OVER = "over"


@dataclass(slots=True)
class _Running:
    """The transfer that is under way, or was joined."""

    plan: TransferPlan
    method: TransferMethod
    leg: TargetLeg | None = None
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    target_gone: bool = False
    tools: bool = False
    patched: bool = False


class CallTransfer:
    """One call's transfers."""

    def __init__(self, call: Call, session: TransferringSession, services: TransferServices) -> None:
        self._call = call
        self._session = session
        self._services = services
        self.apart = PartedCall(session, services.hold_music)
        self._report = TransferReport(call)
        self._phase = Phase.IDLE
        self._now: _Running | None = None
        self._legs = 0
        self._closing: list[TargetLeg] = []
        self.agent_has_tools = False

    # --- what others may ask ----------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._phase not in (Phase.IDLE, Phase.JOINED, Phase.OVER)

    @property
    def joined(self) -> bool:
        """Whether the far party speaks with the target through us, and the agent has left."""
        return self._phase is Phase.JOINED

    @property
    def consulting(self) -> bool:
        return self._phase is Phase.CONSULTING

    @property
    def possible(self) -> bool:
        """Whether we could call somebody for this call."""
        return self._services.router.has_way(self._call.record)

    def require_agent(self) -> None:
        """Raises `ConflictError` when the call has been put through: there is no agent any more."""
        if self.joined:
            raise self._conflict("the call has been transferred; the agent has left it", "call_transferred")

    def require_idle(self) -> None:
        """Raises `ConflictError` while a transfer is under way, and when the call has been put through."""
        self.require_agent()
        if self.running or self._session.transfer_running:
            raise self._conflict("a transfer of this call is under way", "transfer_running")

    def end_reason(self, otherwise: EndReason) -> EndReason:
        """Why a call that one of its far parties ends is over."""
        replaced = self._phase is Phase.JOINING and self._now is not None and self._now.target_gone
        return EndReason.TRANSFERRED if self.joined or replaced else otherwise

    async def request(self, plan: TransferPlan) -> None:
        """Begin. Raises `InvalidRequestError`, `ForbiddenError` (it may not be called from here),
        `LimitExceededError` and `ConflictError`.
        """
        plan.check()
        self.require_idle()
        self._phase = Phase.CHECKING
        try:
            await self._begin(plan)
        finally:
            if self._phase is Phase.CHECKING:
                self._phase = Phase.IDLE

    def complete(self) -> None:
        """Put the far party through to the target that the agent speaks with. Raises `ConflictError`."""
        now = self._now
        if self._phase is not Phase.CONSULTING or now is None:
            raise self._conflict("no transfer of this call waits to be completed", "transfer_not_consulting")
        self._stop_timer(now)
        if now.method is TransferMethod.REFER and self._have_replaced(now):
            return
        self._join(now)

    def agent_left(self) -> bool:
        """The agent has hung up; false when the call ends with that. While somebody is being called, or asked
        to call, it goes on, and the agent is fetched back when nothing comes of it.
        """
        if not self.running or self._phase is Phase.CHECKING:
            return False
        consulting = self.consulting
        self.apart.part()
        self.apart.without_agent()
        if consulting:
            self.complete()  # as when a person who has announced a caller puts the receiver down
        return True

    def cancel(self, reason: str = "cancelled") -> None:
        """Give the transfer up: the far party is back with the agent. Raises `ConflictError`."""
        if self._phase not in (Phase.DIALLING, Phase.KEYING, Phase.CONSULTING):
            raise self._conflict("no transfer of this call can be cancelled now", "transfer_not_cancellable")
        self._fail(reason=reason)

    def pressed(self, digit: str) -> None:
        """The far party has pressed a key, and said so by SIP INFO."""
        if self.joined and self._now is not None and self._now.leg is not None:
            self._now.leg.press(digit)

    def patch_ended(self, other_leg_id: str, reason: str) -> None:
        """The media plane has lost the leg that the call's was joined with."""
        now = self._now
        if now is not None and now.leg is not None and now.leg.leg_id == other_leg_id:
            self.target_lost(FailureReason.GATEWAY_ERROR, reason)

    def close(self) -> None:
        """The call is over; a transfer that was still open has not succeeded as far as anybody knows."""
        now, phase = self._now, self._phase
        self._phase, self._now = Phase.OVER, None
        if now is None:
            return
        self._stop_timer(now)
        if now.task is not None:
            now.task.cancel()
        self._drop_leg(now)
        if phase is Phase.JOINING and now.target_gone:
            self._report.completed(reason="the target has taken the call")
        elif phase is not Phase.JOINED:
            self._report.failed(reason="the call ended first")

    async def wait_closed(self) -> None:
        """Return when nothing is left of any leg."""
        await asyncio.gather(*(leg.wait_closed() for leg in self._closing), return_exceptions=True)

    # --- the begin --------------------------------------------------------------------------------

    async def _begin(self, plan: TransferPlan) -> None:
        method = plan.method or self._services.method
        sip = self._session.sip
        if plan.mode is TransferMode.COLD and method is not TransferMethod.BRIDGE:
            if sip is not None and (method is TransferMethod.REFER or sip.peer_refers):
                await self._refer(plan, method, sip)
                return
            if method is TransferMethod.REFER:
                raise self._conflict("a browser's call cannot be referred", "transfer_unavailable")
        route = await self._route(plan)
        # A warm one ends with a REFER only where that was asked for.
        refers = plan.mode is TransferMode.WARM and method is TransferMethod.REFER and sip is not None
        method = TransferMethod.REFER if refers else TransferMethod.BRIDGE
        now = self._now = _Running(plan, method, tools=self.agent_has_tools)
        self._report.started(plan, method)
        self._dial(now, route)

    async def _refer(self, plan: TransferPlan, method: TransferMethod, sip: SipCall) -> None:
        peer = authority(sip.peer.host, sip.peer.port)
        uri = await self._services.router.refer_uri(self._call.record, plan.target, peer)
        self._require_alive()
        if not sip.refer(uri, self, self._services.refer_timeout_s):
            raise self._conflict("the call cannot be transferred now", "transfer_not_possible")
        self._phase = Phase.REFERRING
        self._now = _Running(plan, method)
        self._report.started(plan, TransferMethod.REFER)

    async def _route(self, plan: TransferPlan) -> tuple[LegRoute, str]:
        """The way to the target and the name of the place that is held for it."""
        route = await self._services.router.leg(self._call.record, plan)
        self._require_alive()
        self._legs += 1
        lease = f"{self._call.id} transfer {self._legs}"
        if route.limits:
            reached_limit = await self._services.leases.acquire(lease, route.limits)
            if reached_limit is not None:
                raise LimitExceededError(
                    f"As many calls are going on as may at once ({reached_limit.limit.counted}).",
                    code="concurrency_limit",
                    limited=str(reached_limit.limit.counted),
                    retry_after=LIMIT_RETRY_S,
                )
            try:
                self._require_alive()
            except ConflictError:
                self._services.leases.release(lease)
                raise
        return route, lease

    def _require_alive(self) -> None:
        if self._session.over or self._phase is Phase.OVER:
            raise self._conflict("the call is over", "call_already_terminal")

    def _dial(self, now: _Running, way: tuple[LegRoute, str]) -> None:
        route, lease = way
        self._phase = Phase.DIALLING
        self.apart.part()
        leg_id = f"{self._call.id}-transfer-{self._legs}"
        now.leg = TargetLeg(self._call, leg_id, route, lease, self, self._services.leg)
        self._wait(now, now.plan.ring_timeout_s or self._services.ring_timeout_s, self._ring_out)

    def _ring_out(self) -> None:
        self._fail(408, "no answer in time")

    # --- REFER ------------------------------------------------------------------------------------

    def on_referral(self, call: SipCall, news: ReferralNews) -> None:
        """What the far party says of a REFER."""
        now = self._now
        if now is None or self._phase not in (Phase.REFERRING, Phase.JOINING):
            return
        match news.state:
            case ReferralState.ACCEPTED:
                # Only now: a far party that refuses at once never notices.
                self.apart.part()
                self._report.progress("accepted")
            case ReferralState.PROGRESS:
                ringing = news.status is not None and news.status > 100
                self._report.progress(
                    "ringing" if ringing else "trying", sip_status=news.status, reason=news.reason
                )
            case ReferralState.COMPLETED:
                self._phase = Phase.OVER
                self._report.completed(news.status, news.reason)
                self._session.transferred()
            case ReferralState.FAILED:
                self._referral_failed(now, news)

    def _referral_failed(self, now: _Running, news: ReferralNews) -> None:
        reason = news.reason
        if news.status is None:
            reason = f"nobody said whether it went through ({reason or 'no reason was given'})"
        if self._phase is Phase.JOINING:
            if now.target_gone:
                self._fail(news.status, reason)
                return
            self._report.progress("refer-refused", sip_status=news.status, reason=reason, method="bridge")
            self._join(now)
        elif news.refused and now.method is TransferMethod.AUTO and not self._session.over:
            self._report.progress("refer-refused", sip_status=news.status, reason=reason, method="bridge")
            self._phase = Phase.DIALLING
            now.task = asyncio.create_task(self._call_instead(now, news))
        else:
            self._fail(news.status, reason)

    async def _call_instead(self, now: _Running, news: ReferralNews) -> None:
        """The far party calls nobody: we do."""
        try:
            way = await self._route(now.plan)
        except GatewayError as error:
            if self._now is now:
                self._fail(news.status, f"{news.reason}; {error.message}")
            return
        except Exception:
            log.exception("transfer_crashed", call_id=self._call.id)
            if self._now is now:
                self._fail(reason="internal error")
            return
        now.task = None
        if self._now is now:
            self._dial(now, way)
        else:
            self._services.leases.release(way[1])

    def _have_replaced(self, now: _Running) -> bool:
        """Ask the far party to take our place in the call with the target; false when it cannot be asked."""
        sip, target = self._session.sip, now.leg.sip if now.leg is not None else None
        if sip is None or target is None or target.dialog is None:
            return False
        if not sip.refer(replacing_uri(target.dialog), self, self._services.refer_timeout_s):
            return False
        self._phase = Phase.JOINING
        self.apart.await_joining()
        self._report.progress("joining")
        return True

    # --- the target -------------------------------------------------------------------------------

    def target_rings(self, status: int, reason: str) -> None:
        if self._phase is Phase.DIALLING:
            self._report.progress("ringing", sip_status=status, reason=reason)

    def target_answered(self) -> None:
        now = self._now
        if now is None or now.leg is None or self._phase is not Phase.DIALLING:
            return
        self._stop_timer(now)
        self._report.progress("answered", sip_status=200)
        digits = now.plan.digits
        if not digits:
            self._reached(now)
            return
        self._phase = Phase.KEYING
        now.leg.press(digits)
        pauses = digits.lower().count("w")
        longest = PAUSE_S * pauses + KEY_S * (len(digits) - pauses) + KEYS_MARGIN_S
        self._wait(now, longest, self.target_keyed)

    def target_keyed(self) -> None:
        if self._phase is Phase.KEYING and self._now is not None:
            self._stop_timer(self._now)
            self._reached(self._now)

    def target_failed(self, status: int | None, reason: str) -> None:
        if self.running:
            self._fail(status, reason)

    def target_gone(self) -> None:
        now = self._now
        if now is None:
            return
        if self._phase is Phase.JOINED:
            self._session.transferred()
        elif self._phase is Phase.JOINING:
            now.target_gone = True  # its place with us is taken, or it has had enough: the NOTIFY will tell
        else:
            self._fail(reason="the person called has hung up")

    def target_lost(self, failure: FailureReason, detail: str) -> None:
        now = self._now
        if now is None:
            return
        if self._phase is Phase.JOINED:
            self._session.target_lost(failure, detail)
        elif self._phase is Phase.JOINING:
            now.target_gone = True
        else:
            self._fail(reason=detail)

    def target_pressed(self, digit: str) -> None:
        if self.joined:
            self._services.plane.send(m.SendDigits(leg_id=self._call.id, digits=digit))

    def _reached(self, now: _Running) -> None:
        if now.plan.mode is TransferMode.COLD:
            self._join(now)
            return
        self._phase = Phase.CONSULTING
        self._patch(now, m.PatchMode.CONSULT)
        self.apart.consult()
        self._report.progress("consulting")
        self.apart.tell_agent(reached(now.plan.target, now.plan.briefing, tools=now.tools))
        timeout = now.plan.consult_timeout_s or self._services.consult_timeout_s
        self._wait(now, timeout, lambda: self._fail(reason="nobody completed it in time"))

    def _join(self, now: _Running) -> None:
        self._phase = Phase.JOINED
        self._patch(now, m.PatchMode.BRIDGE)
        self.apart.leave_agent()
        self._report.completed(200, "joined")

    def _patch(self, now: _Running, mode: m.PatchMode) -> None:
        if now.leg is not None:
            now.patched = True
            self._services.plane.send(m.Patch(leg_id=self._call.id, other_leg_id=now.leg.leg_id, mode=mode))

    # --- the end ----------------------------------------------------------------------------------

    def _fail(self, status: int | None = None, reason: str = "") -> None:
        """The far party is back with the agent, who is told so."""
        now, self._now = self._now, None
        self._phase = Phase.IDLE
        if now is not None:
            self._stop_timer(now)
            if now.task is not None and now.task is not asyncio.current_task():
                now.task.cancel()
            if now.patched:
                self._patch(now, m.PatchMode.AGENT)
            self._drop_leg(now)
        self._report.failed(status, reason)
        self.apart.rejoin()
        self.apart.tell_agent(came_to_nothing(status, reason))

    def _drop_leg(self, now: _Running) -> None:
        leg, now.leg = now.leg, None
        if leg is not None:
            leg.close('Q.850;cause=16;text="transfer"')
            self._closing = [one for one in self._closing if not one.closed]
            self._closing.append(leg)

    def _wait(self, now: _Running, seconds: float, act: Callable[[], None]) -> None:
        self._stop_timer(now)
        now.timer = asyncio.get_running_loop().call_later(seconds, act)

    def _stop_timer(self, now: _Running) -> None:
        if now.timer is not None:
            now.timer.cancel()
            now.timer = None

    def _conflict(self, message: str, code: str) -> ConflictError:
        return ConflictError(message, code=code, status=str(self._call.status))
