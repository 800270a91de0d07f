"""One call that another gateway, or the last run of this one, had answered, and that goes on here.

The engine is ready before the far party is asked to send its audio here: whatever fails until then leaves it
where it was. It is asked by a re-INVITE, which names our address, our ports and new keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.adoption.snapshot import CallSnapshot
from gateway.call import Call
from gateway.call_policy import call_policy, trunk_credentials
from gateway.conversation import Conversation
from gateway.engine_request import conversation_options, engine_request
from gateway.failure_reasons import FailureReason
from gateway.media_address import MediaAddress, family_of
from gateway.negotiated_media import local_audio
from gateway.new_call import CallSettings
from gateway.new_trunk_outbound import tls_towards
from gateway.session import WATCHDOG_MARGIN_S, Session
from gateway.session_services import SessionServices
from gateway.signalling.trace_ring import CallLeg
from gateway.signalling.traces import CONTACT
from media.plane import MediaCapacityError
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError, EngineRefusedError
from routing.table import RoutedNumber, RoutedTrunk
from sip.addresses import is_address
from sip.body import session_description
from sip.call_listener import CallState
from sip.dialog_snapshot import SnapshotError
from sip.errors import NotAcceptableError, SdpError
from sip.message import Request, Response
from sip.restored_audio import RestoredAudioSession
from sip.user_agent import Call as SipCall
from sip.user_agent import UserAgent
from store.records import Agent, DtmfMode, RecordingStatus

log = structlog.get_logger(__name__)

HISTORY_TIMEOUT_S = 1.0
LEAST_DURATION_S = 10.0  # what is left of a call at the end of its longest duration
_ROLES = {"MESSAGE_ROLE_USER": "user", "MESSAGE_ROLE_AGENT": "agent"}
INTERRUPTED = "(The line was interrupted for a moment and is back. Go on where you stopped.)"


class AdoptionError(Exception):
    """The call cannot go on here."""


@dataclass(frozen=True, slots=True)
class AdoptedServices:
    """What it needs beyond the sessions' own services."""

    session: SessionServices
    user_agent: UserAgent
    media_address: MediaAddress
    recordings: Path
    routed_trunk: Callable[[str], RoutedTrunk | None]
    routed_number: Callable[[str], RoutedNumber | None]


class AdoptedSession(Session):
    """One call, in progress from the beginning. `adopt` it, then it is like any other."""

    def __init__(
        self, call: Call, snapshot: CallSnapshot, agent: Agent, services: AdoptedServices, *, urgent: bool
    ) -> None:
        """`urgent`: the agent was cut off, and is told so at once."""
        record = call.record
        self.direction = record.direction
        super().__init__(call, services.session, snapshot.max_duration_s)
        self._agent = agent
        self._adopted = services
        self._from = snapshot
        self._urgent = urgent
        self._earlier_engine_calls = snapshot.engine_calls
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._goes_on = False
        lasted = (datetime.now(UTC) - (record.started_at or record.created_at)).total_seconds()
        self._left_s = max(LEAST_DURATION_S, snapshot.max_duration_s - lasted)
        call.measured(lasted)
        call.update(node_id=services.session.node_id)
        self._occupy()

    async def adopt(self) -> None:
        """Have the far party's audio here, and the agent with it. Raises `AdoptionError`; the call is then
        still to be ended or to be given up.
        """
        try:
            await self._prepare()
            asked_at = asyncio.get_running_loop().time()
            await self._move_peer()
            took_ms = round((asyncio.get_running_loop().time() - asked_at) * 1000)
            self.call.step("peer-moved", took_ms=took_ms)
        except (EngineApiError, AgentSettingsError, CallRequestError) as error:
            raise AdoptionError(f"engine: {error}") from error
        except (MediaCapacityError, SnapshotError, SdpError, NotAcceptableError) as error:
            raise AdoptionError(str(error)) from error

    def go_on(self, gap_ms: int, from_node: str | None) -> None:
        """The call is ours: agent and caller hear one another."""
        assert self._conversation is not None
        self._goes_on = True
        self.call.step("adopted", gap_ms=gap_ms, from_node=from_node)
        self._conversation.answered()
        if self._from.recorded:
            self.call.step("recording-partial", missing="what was recorded on the other side of the move")
        if self._from.held:
            self._conversation.actions.hold(True, self._services.transfers.hold_music)
        urgency = "immediate" if self._urgent else "soon"
        self._conversation.tell_engine(type="user_text_message", text=INTERRUPTED, urgency=urgency)
        self._after(self._left_s + WATCHDOG_MARGIN_S, self._exceeded)
        if self._services.keeper is not None:
            self._services.keeper.changed(self)
        self.call.save()

    def give_up(self, *, bye: bool) -> None:
        """It does not go on here. Without `bye` the far party stays where it was, and the call is not ours to
        end.
        """
        if not bye:
            self.let_go()
        self.finish(lambda: self.call.fail(FailureReason.GATEWAY_ERROR), FailureReason.GATEWAY_ERROR)

    async def count(self) -> None:
        """Have the call count against its limits here. It is up already, and is not ended for one."""
        record, services = self.call.record, self._services
        number = self._adopted.routed_number(record.from_number or "")
        limits = (
            services.limits.of_any(record.organization_id)
            if number is None
            else services.limits.of(record.organization_id, self._trunk, number)
        )
        if limits:
            await services.leases.acquire(record.id, limits)
        if self.over:
            services.leases.release(record.id)  # it ended meanwhile

    async def _prepare(self) -> None:
        """Leg, engine and its socket."""
        record, snapshot = self.call.record, self._from
        trunk = self._trunk
        settings = _settings(record.call_settings)
        if snapshot.recorded:
            self.call.update(recording_status=RecordingStatus.NONE, recording_path=None)
        options = conversation_options(
            self._agent, self._services.parts(self._agent), settings, record.direction
        )
        self._conversation = Conversation(
            self.call,
            engine_request(
                self._agent,
                self._services.parts(self._agent),
                settings,
                call_id=self.call.id,
                direction=str(record.direction),
                variables=record.variables,
                metadata=record.metadata,
                max_duration_s=self._left_s,
                ring_timeout_s=0.0,
                sample_rate=snapshot.sample_rate,
            ),
            self,
            self._services.conversation,
            # Another name than the first part has: where both are on one disk, it must not be written over.
            self._adopted.recordings / f"{self.call.id}.adopted.wav" if snapshot.recorded else None,
            replace(options, detect_answering_machine=False, leave_voicemail=False, agent_speaks_first=False),
            DtmfMode(snapshot.dtmf),
        )
        host = self._media_host()
        leg = await self._conversation.open_leg(
            trunk.symmetric if trunk is not None else "auto", family_of(host), moved=True
        )
        audio = RestoredAudioSession(local_audio(host, leg, trunk), snapshot.audio)
        audio.hold(snapshot.held)
        await self._read_history()
        try:
            await self._conversation.succeed_engine_call(snapshot.engine_calls[-1])
        except EngineRefusedError as error:
            # It does not know the earlier call any more: an agent without a memory is better than none.
            self.call.step("history-lost", error=str(error))
            await self._conversation.create_engine_call()
        self._conversation.attach_engine()
        await self._opened
        self._audio = audio

    async def _move_peer(self) -> None:
        """The re-INVITE. Raises `AdoptionError`, `SnapshotError`, `SdpError`, `NotAcceptableError`."""
        assert self._audio is not None
        record, dialog = self.call.record, self._from.dialog
        trunk = None if record.trunk_id is None else self._services.trunk(record.trunk_id)
        outbound = None if trunk is None else trunk.outbound
        self._sip = sip = self._adopted.user_agent.restore(
            dialog,
            self,
            trunk_credentials(trunk),
            call_policy(trunk),
            None if outbound is None else tls_towards(outbound),
        )
        leg = CallLeg(record.id, record.organization_id, CONTACT, dialog.local_tag, dialog.remote_tag)
        self._services.traces.leg(leg, dialog.call_id)
        done: asyncio.Future[tuple[int, Response | None]] = asyncio.get_running_loop().create_future()

        def answered(status: int, response: Response | None) -> None:
            if not done.done():
                done.set_result((status, response))

        sip.re_invite(self._audio.offer, answered)
        status, response = await done
        if response is None or status >= 300:
            raise AdoptionError(f"the far party answered {status} to the re-INVITE")
        if self.over or sip.state is not CallState.ESTABLISHED:
            raise AdoptionError("the call ended meanwhile")
        self._apply(self._audio.accept_answer(session_description(response) or b""))

    @property
    def _trunk(self) -> RoutedTrunk | None:
        trunk_id = self.call.record.trunk_id
        return None if trunk_id is None else self._adopted.routed_trunk(trunk_id)

    def _media_host(self) -> str:
        named = self._from.audio.remote_host
        usable = is_address(named) and named not in ("0.0.0.0", "::")
        return self._adopted.media_address.for_peer(named if usable else self._from.dialog.host)

    async def _read_history(self) -> None:
        """What was said until now, from the engine's earlier calls; nothing, should the engine be slow."""
        transcript = self.call.transcript
        with suppress(EngineApiError, TimeoutError):
            async with asyncio.timeout(HISTORY_TIMEOUT_S):
                for engine_call in self._from.engine_calls:
                    messages = await self._services.conversation.engine.list_messages(engine_call)
                    said = [each for each in messages if each.role in _ROLES and each.text.strip()]
                    for ordinal, each in enumerate(said):
                        start = each.timespan.start if each.timespan is not None else None
                        transcript.add(
                            _ROLES[each.role],
                            ordinal,
                            text=each.text,
                            delta=None,
                            final=True,
                            media_ms=_milliseconds(start),
                        )
                    transcript.continue_after_new_engine_call()

    # --- what happens before it goes on here ------------------------------------------------------

    def on_engine_open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def on_conversation_lost(self, reason: FailureReason, detail: str) -> None:
        if self._goes_on:
            super().on_conversation_lost(reason, detail)
        elif not self._opened.done():
            self._opened.set_exception(AdoptionError(detail))
        else:
            self.give_up(bye=True)

    def on_terminated(self, call: SipCall, by: str, request: Request | None) -> None:
        if self._goes_on or request is not None:
            super().on_terminated(call, by, request)  # whoever hangs up ends the call, wherever it is
        elif not self.over:
            self.call.step("sip-terminated", by=by, reason=None)
            self.give_up(bye=True)


def _settings(stored: dict[str, object]) -> CallSettings:
    known = CallSettings.__dataclass_fields__
    return CallSettings(**{name: value for name, value in stored.items() if name in known})  # type: ignore[arg-type]


def _milliseconds(duration: str | None) -> int:
    """`1.25s`, as the engine writes it."""
    with suppress(ValueError):
        return round(float((duration or "0s").removesuffix("s")) * 1000)
    return 0
