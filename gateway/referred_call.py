"""A REFER of the far party's: it asks us to call somebody else in its place, as a PBX's telephone does that
transfers the agent (RFC 3515, RFC 5589).

The agent, the leg and the recording stay. A new dialog is made to whom the REFER names, and when that one
answers the call goes on with it; until then, and when it fails, the call is with the party that it was with.
That party may hang up as soon as it has asked, and the call then waits for the new one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote

import structlog

from gateway.call import Call
from gateway.errors import ForbiddenError, GatewayError
from gateway.redirection import Attempt
from gateway.transfer_target import MayTransfer, dialled_numbers, transfer_uri
from gateway.trunk_address import SIP_PORT, SIPS_PORT, target_endpoint
from gateway.trunk_dialling import LegParties, TrunkDialling, Way
from routing.numbers import MIN_DIGITS_WITHOUT_PLUS, NumberRule, write_number
from sip.addresses import authority
from sip.audio_parameters import AudioParameters
from sip.body import session_description
from sip.call_listener import CallListener, IgnoringListener
from sip.errors import NotAcceptableError, SdpError, SipError
from sip.message import Response
from sip.offer_answer import AudioSession
from sip.received_referral import ReceivedReferral
from sip.uri import SipUri
from sip.uri_comparison import same_uri
from sip.user_agent import Call as SipCall
from sip.user_agent import OutboundTarget, Peer
from store.records import Trunk, TrunkOutbound
from store.target_records import TrunkTransport

log = structlog.get_logger(__name__)

REFERRER_GRACE_S = 4.0
"""How long the party that has asked may take for its BYE, once it knows that the new one is there."""

_DIALLED = re.compile(rf"[\d*#+]{{{MIN_DIGITS_WITHOUT_PLUS},}}")
_TRANSPORTS = frozenset(("udp", "tcp", "tls"))


class ReferredSession(Protocol):
    """What a REFER does to its call."""

    def audio_for_another_dialog(self) -> AudioSession: ...

    def take_dialog(
        self,
        sip: SipCall,
        audio: AudioSession,
        parameters: AudioParameters | None,
        step: str,
        *,
        leave: float = 0.0,
    ) -> None:
        """The call goes on in this dialog; the one before may stay for `leave` seconds."""
        ...

    def part(self) -> None:
        """Nobody is there to hear the agent."""
        ...

    def rejoin(self) -> None: ...

    def referrer_lost(self) -> None:
        """The party before has gone, and nobody has come."""
        ...


@dataclass(frozen=True, slots=True)
class ReferralServices:
    """What carrying out a REFER needs."""

    dialling: TrunkDialling
    may_call: MayTransfer
    timeout_s: float


class ReferredCall(CallListener):
    """One REFER that the trunk allows, until its end is told. Also the listener of the new dialog."""

    def __init__(
        self,
        call: Call,
        session: ReferredSession,
        trunk: Trunk,
        peer: Peer,
        referral: ReceivedReferral,
        services: ReferralServices,
    ) -> None:
        self._call = call
        self._session = session
        self._trunk = trunk
        self._peer = peer
        self._referral = referral
        self._services = services
        self._sip: SipCall | None = None
        self._audio: AudioSession | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False
        self._left = False
        self._over = False
        self._task = asyncio.create_task(self._start())

    @property
    def running(self) -> bool:
        """Whether its end is still open."""
        return not self._over

    def referrer_left(self) -> None:
        """The party that has asked has hung up, as it may: the call waits for the new one."""
        if not self._referral.accepted:
            self.close()
            self._session.referrer_lost()
            return
        self._left = True
        self._call.step("referrer-left")
        self._session.part()

    def close(self) -> None:
        """The call is over: so is what would have gone on with it."""
        if self._over:
            return
        self._finish()
        self._task.cancel()
        self._referral.reject(480)
        self._referral.finish(487)
        if self._sip is not None:
            self._sip.listener = IgnoringListener()
            self._sip.hang_up()

    async def _start(self) -> None:
        try:
            target = await self._checked_target()
        except GatewayError as error:
            self._refuse(403, error.message)
            return
        except (OSError, SipError) as error:
            self._refuse(404, str(error))
            return
        except Exception:
            log.exception("referral_crashed", call_id=self._call.id)
            self._refuse(500, "internal error")
            return
        if self._over:
            return
        self._referral.accept()
        replaces = self._referral.target.replaces is not None
        self._call.step("referred", target=target.request_uri, replaces=replaces)
        self._audio = self._session.audio_for_another_dialog()
        self._timer = asyncio.get_running_loop().call_later(self._services.timeout_s, self._ring_out)
        try:
            target = replace(target, offer=self._audio.offer())
            self._sip = self._services.dialling.user_agent.call(target, self)
        except SipError as error:
            self._fail(400, str(error))

    async def _checked_target(self) -> OutboundTarget:
        """Whom to call and how. Raises `GatewayError` where we must not, `OSError` where nothing is found."""
        wanted, trunk = self._referral.target, self._trunk
        record = self._call.record
        text = str(wanted.uri)
        uri = transfer_uri(text, trunk, authority(self._peer.host, self._peer.port))
        numbers = dialled_numbers(text, trunk)
        if _hides_a_number(wanted.uri):
            raise ForbiddenError("The number cannot be read.", code="destination_not_allowed")
        await self._services.may_call(record.organization_id, numbers)
        outbound = trunk.outbound or TrunkOutbound(
            authority(self._peer.host, self._peer.port), _transport(self._peer.transport)
        )
        way = await self._services.dialling.find_way(trunk, outbound)
        own = record.from_number or ""
        rule = NumberRule(trunk.number_format.value)
        parties = LegParties(
            to_user=wanted.uri.user or "",
            from_user=write_number(own, rule, trunk.default_country) if own else "",
            called=numbers[0] if numbers else wanted.uri.user or "",
            caller=own,
        )
        attempt = next(
            (Attempt(one) for one in way.candidates if one.contact and same_uri(one.contact.contact, text)),
            None,
        )
        target = self._services.dialling.invite_target(way, parties, b"", attempt)
        if attempt is None and wanted.uri.scheme != "tel":
            target = self._sent_to(replace(target, request_uri=uri, to_uri=uri), way)
        headers = list(target.headers)
        if wanted.replaces is not None:
            headers += (("Replaces", str(wanted.replaces)), ("Require", "replaces"))
        if wanted.referred_by is not None:
            headers.append(("Referred-By", wanted.referred_by))
        return replace(target, headers=tuple(headers))

    def _sent_to(self, target: OutboundTarget, way: Way) -> OutboundTarget:
        """The host in the URI where it is one of the trunk's own: its target, the party that asks, or an
        address of its networks. Everything else goes to the trunk's target, which knows the way: what comes
        from the wire must not have us send anywhere.
        """
        uri = self._referral.target.uri
        host, port = target_endpoint(way.outbound.address, str(way.outbound.transport))
        own = uri.host in (host, way.peer_host) and uri.port in (None, port)
        if own or not self._is_of_the_trunk(uri.host):
            return target
        transport = "tls" if uri.scheme == "sips" else uri.transport or target.transport
        if transport not in _TRANSPORTS:
            return target
        port = uri.port or (SIPS_PORT if transport == "tls" else SIP_PORT)
        # The credentials are for the trunk's target alone, as are its proxy and the way to its Contact.
        return replace(
            target,
            host=uri.host,
            port=port,
            transport=transport,
            credentials=None,
            flow=None,
            headers=tuple(header for header in target.headers if header[0] != "Route"),
        )

    def _is_of_the_trunk(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        networks = () if self._trunk.inbound is None else self._trunk.inbound.allowed_addresses
        # A trunk whose user may come from anywhere names no network of its own.
        return host == self._peer.host or any(
            address in network
            for network in map(ipaddress.ip_network, networks)
            if network.version == address.version and network.prefixlen
        )

    # --- the new dialog ---------------------------------------------------------------------------

    def on_progress(self, call: SipCall, response: Response) -> None:
        self._referral.progress(response.status, response.reason)

    def on_answer(self, call: SipCall, response: Response) -> None:
        if self._over or self._audio is None:
            call.hang_up()
            return
        try:
            parameters = self._audio.accept_answer(session_description(response) or b"")
        except (SdpError, NotAcceptableError) as error:
            self._sip = None
            call.listener = IgnoringListener()
            call.hang_up()
            self._fail(488, str(error))
            return
        self._finish()
        self._referral.finish(response.status, response.reason)
        self._session.take_dialog(call, self._audio, parameters, "referral-completed", leave=REFERRER_GRACE_S)
        if self._left:
            self._session.rejoin()

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        self._sip = None
        if self._timed_out:
            status, reason = 408, "Request Timeout"
        self._fail(status, reason)

    # --- the ends ---------------------------------------------------------------------------------

    def _ring_out(self) -> None:
        self._timed_out = True
        if self._sip is not None:
            self._sip.hang_up()

    def _refuse(self, status: int, reason: str) -> None:
        if not self._over:
            self._finish()
            self._call.step("referral-refused", sip_status=status, reason=reason)
            self._referral.reject(status)

    def _fail(self, status: int, reason: str) -> None:
        if self._over:
            return
        self._finish()
        self._call.step("referral-failed", sip_status=status, reason=reason)
        self._referral.finish(status, reason)
        if self._left:
            self._session.referrer_lost()

    def _finish(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()


def _hides_a_number(uri: SipUri) -> bool:
    """Whether there are digits that a carrier may dial and that the rules for outbound calls cannot judge: in
    a tel URI, before a password, or among other signs than those that numbers are written with.
    """
    if uri.telephone_number is not None and uri.password is None:
        return False
    said = unquote(f"{uri.user or ''}{uri.password or ''}").partition(";")[0]
    return uri.scheme == "tel" or _DIALLED.search(re.sub(r"[\s.()-]", "", said)) is not None


def _transport(name: str) -> TrunkTransport:
    """Raises `OSError` where nothing can be sent but on the connection of the far side."""
    try:
        return TrunkTransport(name)
    except ValueError:
        raise OSError("the trunk has no outbound side, and nothing but the caller's own connection") from None
