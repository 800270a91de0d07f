"""The engine itself: makes calls, joins them, ends them. REST and sockets are its two faces."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from local_engine.call_settings import CallSettings
from local_engine.clock import Clock, Ticked
from local_engine.corpora import CorpusService
from local_engine.durations import format_duration, format_timestamp, utc_now
from local_engine.errors import InvalidRequest, NotFound
from local_engine.faults import CallFaults, FaultPlan, call_faults, parse_faults
from local_engine.http_tools import ToolService
from local_engine.media_session import Connection, MediaSession
from local_engine.records import (
    AgentRecord,
    CallBook,
    CallRecord,
    EndReason,
    HistoryMessage,
    Role,
    WebhookRecord,
)
from local_engine.requests import CallBody
from local_engine.scenario import Scenario, scenario_name
from local_engine.scenario_assistant import Assistant
from local_engine.scenario_echo import Echo
from local_engine.scenario_receptionist import Receptionist
from local_engine.scenario_script import Script, script_steps
from local_engine.speech import SpeechService
from local_engine.tools import ToolCatalogue
from local_engine.validation import call_settings

logger = structlog.get_logger(__name__)

MAX_AGENTS = 10_000
MAX_WEBHOOKS = 1_000
MAX_TOMBSTONES = 1_000


def make_scenario(settings: CallSettings) -> Scenario:
    """The scenario a call asks for. Raises `InvalidRequest`."""
    match scenario_name(settings):
        case "receptionist":
            return Receptionist()
        case "echo":
            return Echo()
        case "script":
            return Script(script_steps(settings))
    return Assistant()


def stage_scenario(settings: CallSettings, stage: dict[str, Any]) -> Scenario | None:
    """The scenario a new stage brings: that of its system prompt, when the prompt names one."""
    prompt = stage.get("systemPrompt")
    if not isinstance(prompt, str) or "[scenario:" not in prompt:
        return None
    try:
        return make_scenario(replace(settings, system_prompt=prompt))
    except InvalidRequest as error:
        logger.warning("stage with an invalid scenario", reason=str(error))
        return None


class Engine:
    """All state of the process, and the operations on it. Every method on the event loop."""

    def __init__(self, *, keep_calls: int = 10_000) -> None:
        self.book = CallBook(keep=keep_calls)
        self.agents: dict[str, AgentRecord] = {}
        self.webhooks: dict[str, WebhookRecord] = {}
        self.tools = ToolCatalogue()
        self.corpora = CorpusService()
        self.tool_service = ToolService(self.corpora)
        self.plan = FaultPlan()
        self.deleted: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.clock = Clock()
        self.speech = SpeechService()
        self.started: datetime = utc_now()

    def create_call(
        self,
        body: CallBody,
        raw: dict[str, Any],
        socket_base: str,
        slow_socket_base: str,
        *,
        agent: AgentRecord | None = None,
        prior_call_id: str | None = None,
        greeting_prompt: bool = True,
        planned_faults: str = "",
    ) -> CallRecord:
        """Validate and create. `*_base` are `ws://host:port` of the socket and of its slow front.

        Raises `InvalidRequest`.
        """
        settings = call_settings(body, self.tools, prior_call=prior_call_id is not None)
        settings = replace(settings, greeting_prompt=greeting_prompt)
        scenario = make_scenario(settings)
        planned = parse_faults(planned_faults) if planned_faults else CallFaults()
        faults = call_faults(settings.metadata, settings.system_prompt, planned)
        if faults.client_close_reason not in set(EndReason):
            raise InvalidRequest(f"fault: client_close_reason is one of {[str(each) for each in EndReason]}")
        call_id = str(uuid.uuid4())
        base = slow_socket_base if faults.slow_upgrade_ms else socket_base
        record = CallRecord(
            call_id=call_id,
            created=utc_now(),
            settings=settings,
            faults=faults,
            body=raw,
            scenario=scenario.name,
            join_url=f"{base}/calls/{call_id}/server_web_socket",
            agent_id=agent.agent_id if agent else None,
            agent_name=agent.name if agent else None,
            prior_call_id=prior_call_id,
        )
        self._inherit(record, body, prior_call_id)
        if agent is not None:
            agent.calls += 1
        self.book.add(record)
        self.clock.call_at(self.clock.now() + settings.join_timeout_s, lambda: self._join_timeout(call_id))
        return record

    def prior_call(self, call_id: str) -> CallRecord:
        """The call a `priorCallId` names. Raises `InvalidRequest`."""
        try:
            return self.book.get(call_id)
        except NotFound as error:
            raise InvalidRequest(f"priorCallId: no call {call_id!r}") from error

    def forget_call(self, record: CallRecord) -> None:
        """Delete a call that is not live, leaving a tombstone."""
        self.book.end(record, EndReason.UNJOINED)
        self.book.delete(record.call_id)
        self.deleted[record.call_id] = {
            "callId": record.call_id,
            "created": format_timestamp(record.created),
            "joined": format_timestamp(record.joined) if record.joined else None,
            "ended": format_timestamp(record.ended) if record.ended else None,
            "maxDuration": format_duration(record.settings.max_duration_s),
            "endReason": record.end_reason.value if record.end_reason else None,
            "recordingEnabled": record.settings.recording_enabled,
            "hadSummary": record.joined is not None,
            "deletionTime": format_timestamp(utc_now()),
        }
        while len(self.deleted) > MAX_TOMBSTONES:
            self.deleted.popitem(last=False)

    def make_session(self, record: CallRecord, connection: Connection) -> MediaSession:
        """The call is joined by `connection`."""
        return MediaSession(
            record,
            make_scenario(record.settings),
            connection,
            self.speech,
            self.book,
            stage_scenario,
            self.tool_service,
        )

    def session_failed(self, session: Ticked, error: Exception) -> None:
        """A tick of one call raised: end that call."""
        logger.error("call failed inside the engine", exc_info=error)
        if isinstance(session, MediaSession):
            session.on_failure(error)

    def _inherit(self, record: CallRecord, body: CallBody, prior_call_id: str | None) -> None:
        if prior_call_id is not None:
            for message in self.prior_call(prior_call_id).history:
                record.history.append(replace(message, stage=0))
        for initial in body.initial_messages or ():
            record.history.append(
                HistoryMessage(
                    Role(initial.role),
                    initial.text,
                    medium="text" if initial.medium == "MESSAGE_MEDIUM_TEXT" else "voice",
                    tool_name=initial.tool_name,
                    invocation_id=initial.invocation_id,
                )
            )
        record.inherited = len(record.history)

    def _join_timeout(self, call_id: str) -> None:
        record = self.book.find(call_id)
        if record is not None and record.joined is None:
            self.book.end(record, EndReason.UNJOINED)
