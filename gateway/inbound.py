"""Calls that come in: each INVITE becomes a session or is refused.

A refused INVITE never becomes a call object; it is told to the log, the metrics, the list of rejections and,
where that is safe, to the peer.
"""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic

from gateway.call_policy import call_policy, trunk_credentials
from gateway.call_replacement import CallReplacement
from gateway.defence.token_buckets import MOST_KEYS, take
from gateway.inbound_session import InboundServices, InboundSession, reason_header
from gateway.new_trunk_outbound import tls_towards
from gateway.received_identity import received_identity
from gateway.refused_invites import Refused
from routing.decisions import Refusal
from routing.explain import explain_text
from routing.inbound import InboundQuery, decide_inbound
from sip.errors import SipError
from sip.message import Request
from sip.q850 import reason_of_status
from sip.user_agent import IncomingCall
from store.records import (
    CallDirection,
    Trunk,
)


class InboundCalls:
    """Takes each new INVITE from the user agent and refuses it or makes a session of it."""

    def __init__(self, services: InboundServices) -> None:
        self._services = services
        self._told = services.refused
        self._replacement = CallReplacement(services)
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def on_invite(self, invite: IncomingCall) -> None:
        """Called by the user agent for every INVITE outside a dialog."""
        services = self._services
        if invite.replaces is not None:
            self._replacement.take(invite)
            return
        if services.draining():
            self._refuse_busy(
                invite, "draining", "the gateway is shutting down", "Send the call to another gateway."
            )
            return
        try:
            query = _query(invite)
        except SipError as error:
            fix = "Have the far side send a correct Request-URI, From and To."
            self._refused(Refused("malformed", str(error), 400, fix=fix), invite)
            invite.reject(400, str(error))
            return
        decision = decide_inbound(services.table(), query)
        if isinstance(decision, Refusal):
            # Nothing but the status goes to the peer: more would tell a scanner which numbers exist.
            self._refused(
                Refused(
                    decision.code,
                    decision.message,
                    decision.sip_status,
                    decision.looked_up,
                    decision.fix,
                    explain_text(decision),
                ),
                invite,
            )
            reason = ("Reason", reason_of_status(decision.sip_status))
            invite.reject(decision.sip_status, decision.sip_reason, (reason,))
            return
        agent = services.agent(decision.agent.id)
        if agent is None:
            fix = "Assign the number to another agent."
            self._refused(
                Refused("agent_not_active", "the agent was deleted a moment ago", 480, fix=fix), invite
            )
            invite.reject(480, headers=(("Reason", reason_of_status(480)),))
            return
        if services.session.live.full(CallDirection.INBOUND):
            self._refuse_busy(
                invite, "capacity", "all places for inbound calls are taken", "Raise calls.max_inbound."
            )
            return
        trunk = None if decision.trunk is None else services.trunk(decision.trunk.id)
        if trunk is not None and not self._within_rate(trunk):
            self._refuse_busy(
                invite,
                "trunk_rate",
                f"more calls a second than the trunk {trunk.name!r} may send",
                "Raise rates.inbound_calls_per_second of the trunk, or have the far side wait.",
            )
            return
        if not invite.take_policy(call_policy(trunk)):
            self._refused(_not_fitting(invite, trunk), invite)
            return
        invite.credentials = trunk_credentials(trunk)
        if trunk is not None and trunk.outbound is not None:
            invite.trust_onward(tls_towards(trunk.outbound))
        InboundSession(invite, decision, agent, services).start()

    def refused_by_stack(self, request: Request, source: tuple[str, int], status: int, reason: str) -> None:
        """Called by the user agent for an INVITE that it refused by itself."""
        refused = Refused("sip", f"The INVITE breaks a rule of SIP: {reason}.", status)
        self._told.note(refused, request, source)

    def _within_rate(self, trunk: Trunk) -> bool:
        """Whether the trunk may send one more call now."""
        rate = trunk.rates.inbound_calls_per_second
        return rate is None or take(self._rates, trunk.id, rate, max(1.0, rate), monotonic(), MOST_KEYS)

    def _refuse_busy(self, invite: IncomingCall, kind: str, message: str, fix: str) -> None:
        self._refused(Refused(kind, message, 503, fix=fix), invite)
        retry_after = str(max(1, round(self._services.retry_after_s)))
        invite.reject(503, headers=(("Retry-After", retry_after), ("Reason", reason_header(503, message))))

    def _refused(self, refused: Refused, invite: IncomingCall) -> None:
        self._told.note(refused, invite.request, (invite.source_host, invite.source_port))


def _query(invite: IncomingCall) -> InboundQuery:
    """What routing has to know of an INVITE. Raises `SipError` when the request cannot be read so far."""
    request = invite.request
    told = received_identity(request)
    return InboundQuery(
        source_ip=invite.source_host,
        to_user=request.request_uri.user_decoded or "",
        from_user=request.from_.uri.user_decoded,
        asserted_user=told.asserted_user,
        authenticated=invite.identity,
        party_user=told.party_user,
        private=told.private,
        to_header_user=told.to_user,
        diverted_user=None if told.diverted is None else told.diverted.user,
    )


def _not_fitting(invite: IncomingCall, trunk: Trunk | None) -> Refused:
    """An INVITE that the trunk's signalling policy has refused."""
    request = invite.request
    offered = ", ".join(
        f"{name}: {value}"
        for name in ("Require", "Supported", "Session-Expires")
        if (value := request.get(name)) is not None
    )
    return Refused(
        "signalling",
        "The INVITE does not fit the trunk's signalling policy.",
        invite.final_status or 0,
        f"{offered or 'no extensions'} against the signalling of trunk {trunk.name if trunk else 'none'!r}",
        "Change session_timer, min_session_expires or reliable_provisionals of the trunk, or the far side.",
    )
