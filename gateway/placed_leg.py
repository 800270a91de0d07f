"""A leg of ours on its way over a trunk: one INVITE after the other until somebody answers for it.

The next server is tried after an answer that says nothing about the number called, or after no answer at all.
Once it rang there is no other: a person may have heard it. An INVITE that is given up for silence is
cancelled, and should its 200 come late it gets ACK and BYE.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog

from gateway.failure_reasons import is_about_callee
from gateway.redirection import Attempt, followed
from gateway.registrar.contact_ways import may_go_on
from gateway.retry_after import retry_after_of
from gateway.target_states import TargetStates
from sip.errors import SipError
from sip.message import Request, Response
from sip.q850 import q850_cause
from sip.user_agent import Call as SipCall
from sip.user_agent import CallListener, OutgoingCall
from store.target_records import Redirects

if TYPE_CHECKING:
    from gateway.trunk_dialling import LegParties, TrunkDialling, Way

log = structlog.get_logger(__name__)


class LegOwner(CallListener):
    """The owner of a placed leg."""

    def on_attempt(self, call: OutgoingCall, destination: str) -> None:
        """An INVITE leaves: all that is heard from now on is about this call, and one before it is
        forgotten."""

    def on_target_failed(self, target: str, status: int, reason: str, *, answered: bool) -> None:
        """A server did not take the INVITE, and another one is tried."""

    def on_redirect(self, target: str, refused: str | None) -> None:
        """A 3xx named this URI: it is tried, or why it is not."""


class PlacedLeg(CallListener):
    """A leg on its way. What the far side says is handed on to the owner."""

    def __init__(
        self, dialling: TrunkDialling, way: Way, parties: LegParties, offer: bytes, owner: LegOwner
    ) -> None:
        self._dialling = dialling
        self._way = way
        self._parties = parties
        self._offer = offer
        self._owner = owner
        self._waiting = deque(Attempt(one) for one in way.candidates)
        self._attempt = self._waiting[0]
        self._call: OutgoingCall | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._redirecting: asyncio.Task[None] | None = None
        self._redirects: set[str] = set()
        self._rang = False
        self._given_up = False

    def start(self) -> None:
        """Send the first INVITE. Raises `SipError` when it cannot be written."""
        self._try_next()

    def give_up(self) -> None:
        """The leg is not wanted any more: CANCEL, `on_failure` follows. BYE when it is up already."""
        self.stop()
        call = self._call
        if call is None:
            return
        if self._redirecting is not None:
            self._redirecting.cancel()
            asyncio.get_running_loop().call_soon(
                self._owner.on_failure, call, 487, "Request Terminated", None
            )
        call.hang_up()

    def stop(self) -> None:
        """Try nothing else."""
        self._given_up = True
        self._stop_timer()

    def on_progress(self, call: SipCall, response: Response) -> None:
        if call is self._call:
            self._stop_timer()
            self._rang = self._rang or response.status > 100
            self._worked()
            self._owner.on_progress(call, response)

    def on_answer(self, call: SipCall, response: Response) -> None:
        if call is self._call:
            self.stop()
            self._worked()
            call.listener = self._owner
            self._owner.on_answer(call, response)

    def on_info(self, call: SipCall, request: Request) -> None:
        if call is self._call:
            self._owner.on_info(call, request)

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        if call is not self._call:
            return  # given up for another
        self._stop_timer()
        self._note(status, response)
        signalling = self._way.trunk.signalling
        if self._given_up:
            self._owner.on_failure(call, status, reason, response)
        elif (
            response is not None and 300 <= status < 400 and signalling.follow_redirects is not Redirects.OFF
        ):
            self._redirecting = asyncio.create_task(self._redirect(call, response))
        elif self._may_try_next(status, response):
            self._pass_over(status, reason, answered=response is not None)
        else:
            self._owner.on_failure(call, status, reason, response)

    @property
    def _states(self) -> TargetStates:
        return self._dialling.states

    def _may_try_next(self, status: int, response: Response | None) -> bool:
        contacts = [one.candidate.contact for one in (self._attempt, *self._waiting)]
        if contacts[0] is not None:
            # The next Contact, by q: one telephone out of reach is not all of them.
            return may_go_on(status, [one for one in contacts if one is not None])
        if self._rang or not self._waiting:
            return False
        if response is None:
            return True
        about_callee = is_about_callee(status, q850_cause(response))
        return status in self._way.outbound.failover.codes and not about_callee

    def _pass_over(self, status: int, reason: str, *, answered: bool) -> None:
        """Go on to the next, or to one after it when nothing can be sent to that."""
        while True:
            self._owner.on_target_failed(self._attempt.destination, status, reason, answered=answered)
            try:
                self._try_next()
            except SipError as error:
                status, reason, answered = 503, str(error), False
                if self._waiting:
                    continue
                if self._call is not None:
                    self._owner.on_failure(self._call, status, reason, None)
            return

    def _try_next(self) -> None:
        self._attempt = self._waiting.popleft()
        self._rang = False
        target = self._dialling.invite_target(self._way, self._parties, self._offer, self._attempt)
        self._call = self._dialling.user_agent.call(target, self)
        self._owner.on_attempt(self._call, self._attempt.destination)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(
                self._way.outbound.failover.timeout, self._unanswered
            )

    def _unanswered(self) -> None:
        """Not even 100 has come, and there is another."""
        call, self._timer = self._call, None
        if call is None or self._given_up:
            return
        self._failed("no answer", None)
        self._call = None  # what it still says is about nobody
        call.hang_up()
        self._call = call
        self._pass_over(408, "Request Timeout", answered=False)

    def _note(self, status: int, response: Response | None) -> None:
        """Whether the server does its work, whatever it thinks of the call."""
        if response is None and status in (408, 503):
            self._failed("no answer" if status == 408 else "cannot be reached", None)
        elif response is not None and status == 503 and not is_about_callee(status, q850_cause(response)):
            self._failed("503 " + response.reason[:100], response)
        elif response is not None:
            self._worked()

    def _worked(self) -> None:
        if self._attempt.candidate.contact is None:
            self._states.worked(self._way.trunk.id, self._attempt.target, self._attempt.server)

    def _failed(self, error: str, response: Response | None) -> None:
        if self._attempt.candidate.contact is not None:
            return  # it is the telephone's own affair whether it is registered
        self._states.failed(
            self._way.trunk.id,
            self._attempt.target,
            self._attempt.server,
            self._way.outbound.failover.put_aside,
            error=error,
            sip_status=None if response is None else response.status,
            retry_after_s=None if response is None else retry_after_of(response),
        )

    async def _redirect(self, call: SipCall, response: Response) -> None:
        found: list[Attempt] = []
        try:
            found = await followed(self._dialling, self._way, response, self._redirects, self._owner)
        except Exception:
            log.exception("redirection_failed")
        self._redirecting = None
        if self._given_up:
            return
        if not found:
            self._owner.on_failure(call, response.status, response.reason, response)
            return
        self._waiting = deque(found)
        self._pass_over(response.status, response.reason, answered=True)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
