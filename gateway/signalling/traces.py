"""What is known of the SIP messages of calls, and of those that never became one.

Takes each message from the user agent, keeps it without its secrets and gives it on to the collector. A
customer sees what belongs to his own calls, and what would be his by the rules of refusals.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.signalling.hep_export import HepExport
from gateway.signalling.ladder import Ladder, of_leg, of_strangers, parsed, steps_of
from gateway.signalling.redaction import redact
from gateway.signalling.saved_signalling import LegMessage, unpacked
from gateway.signalling.trace_keeper import TraceKeeper
from gateway.signalling.trace_ring import (
    LONGEST_MESSAGE,
    CallLeg,
    Conversation,
    TracedMessage,
    TraceRing,
)
from sip.addresses import authority
from sip.errors import SipError
from sip.message import Response
from sip.user_agent import TraceEvent
from store.records import CallRecord, Page

CONTACT = "contact"
TRANSFER = "transfer"
LOOKED_AT_ONCE = 50  # then the loop gets its turn

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,512})", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """What is looked for; all that is given has to fit. `source` is an address with or without its port."""

    sip_call_id: str | None = None
    number: str | None = None
    source: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One conversation."""

    sip_call_id: str
    call_id: str | None
    method: str | None
    status: int | None
    source: str
    destination: str
    transport: str
    from_: str | None
    to: str | None
    begun_at: float
    last_at: float
    messages: int


class CallTraces:
    """All of it. `owners` are the organisations of what a source said to a number."""

    def __init__(
        self,
        ring: TraceRing,
        *,
        export: HepExport | None = None,
        owners: Callable[[str, str | None], set[str]] = lambda source, called: set(),
        show_digits: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ring = ring
        self.keeper: TraceKeeper | None = None
        self._export = export
        self._owners = owners
        self._show_digits = show_digits
        self._now = now

    def observe(self, event: TraceEvent) -> None:
        """One message of the user agent's."""
        data = event.data
        size = len(data)
        if size > LONGEST_MESSAGE:
            data = data[:LONGEST_MESSAGE]
        data = redact(data, show_digits=self._show_digits)
        message = TracedMessage(
            self._now(), event.direction == "sent", event.transport, event.peer, event.local, data, size
        )
        read = event.message
        sip_call_id = (read.get("Call-ID") if read is not None else _call_id(data)) or ""
        self.ring.add(sip_call_id, message)
        if self._export is not None:
            self._export.add(sip_call_id, message)

    def leg(self, leg: CallLeg, sip_call_id: str) -> None:
        """A call has a dialog."""
        self.ring.claim(sip_call_id, leg)

    def ended(self, record: CallRecord) -> None:
        """A call is over."""
        if self.keeper is not None:
            self.keeper.ended(record)

    # --- reading ----------------------------------------------------------------------------------

    def in_memory(self, call_id: str) -> tuple[list[LegMessage], int]:
        """The messages of a call that are here, and how many had no room."""
        found: list[LegMessage] = []
        dropped = 0
        for conversation in self.ring.of_call(call_id):
            dropped += conversation.dropped
            for leg in conversation.legs:
                if leg.call_id == call_id:
                    mine = of_leg(conversation.messages(), leg)
                    found += [(conversation.sip_call_id, leg.name, message) for message in mine]
        return found, dropped

    async def of_call(self, record: CallRecord) -> Ladder:
        """The ladder of a call that the caller may see. Raises `StoreError`."""
        messages, dropped = self.in_memory(record.id)
        if messages:
            return Ladder(record.id, "memory", steps_of(messages), dropped)
        value = await self.keeper.saved(record.id) if self.keeper is not None else None
        if value is None:
            return Ladder(record.id, "none")
        messages, dropped = unpacked(value)
        return Ladder(record.id, "saved", steps_of(messages), dropped)

    def of_sip_call_id(self, organization_id: str, sip_call_id: str) -> Ladder | None:
        """What has this Call-ID and is this organisation's; None: nothing."""
        conversation = self.ring.find(sip_call_id)
        if conversation is None:
            return None
        messages = self._visible(conversation, organization_id)
        if not messages:
            return None
        call_id = _call_of(conversation, organization_id)
        return Ladder(call_id, "memory", steps_of(messages), conversation.dropped)

    async def search(
        self, organization_id: str, wanted: TraceFilter, limit: int, offset: int
    ) -> Page[TraceSummary]:
        """The conversations in memory that fit and are this organisation's, the newest first."""
        found: list[TraceSummary] = []
        for looked, conversation in enumerate(self.ring):
            if looked % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not _may_fit(conversation, wanted):
                continue
            visible = [message for _, _, message in self._visible(conversation, organization_id)]
            if visible:
                summary = _summary(conversation, visible, organization_id)
                if _fits(summary, wanted):
                    found.append(summary)
        return Page(tuple(found[offset : offset + limit]), len(found), limit, offset)

    def _visible(self, conversation: Conversation, organization_id: str) -> list[LegMessage]:
        """What of it this organisation may see."""
        found: list[LegMessage] = []
        for leg in conversation.legs:
            if leg.organization_id == organization_id:
                mine = of_leg(conversation.messages(), leg)
                found += [(conversation.sip_call_id, leg.name, message) for message in mine]
        strange = of_strangers(conversation) if conversation.legs else conversation.messages()
        if not strange:
            return found
        owners = self._owners(strange[0].peer[0], _called(strange))
        # What we said first, such as a REGISTER, is for one alone: several may have the same carrier.
        if organization_id in owners and (not strange[0].sent or len(owners) == 1):
            found += [(conversation.sip_call_id, None, message) for message in strange]
        return found


def _call_id(data: bytes) -> str | None:
    match = _CALL_ID.search(data)
    return None if match is None else match[1].decode("utf-8", "replace").strip()


def _call_of(conversation: Conversation, organization_id: str) -> str | None:
    mine = (leg.call_id for leg in conversation.legs if leg.organization_id == organization_id)
    return next(mine, None)


def _called(messages: Iterable[TracedMessage]) -> str | None:
    """The number that a peer's first request is for."""
    for message in messages:
        if message.sent:
            return None
        read = parsed(message.data)
        if read is None or isinstance(read, Response):
            return None
        try:
            return read.request_uri.user_decoded
        except SipError:
            return None
    return None


def _may_fit(conversation: Conversation, wanted: TraceFilter) -> bool:
    """What can be told without reading messages."""
    if wanted.sip_call_id is not None and conversation.sip_call_id != wanted.sip_call_id:
        return False
    messages = conversation.messages()
    return bool(messages) and (wanted.since is None or messages[-1].at >= wanted.since.timestamp())


def _fits(summary: TraceSummary, wanted: TraceFilter) -> bool:
    if wanted.number is not None and not any(
        text is not None and wanted.number in text for text in (summary.from_, summary.to)
    ):
        return False
    if wanted.source is None:
        return True
    return wanted.source in (summary.source, summary.source.rpartition(":")[0].strip("[]"))


def _summary(conversation: Conversation, messages: list[TracedMessage], organization_id: str) -> TraceSummary:
    messages.sort(key=lambda message: message.at)
    first = messages[0]
    ends = (authority(*first.local), authority(*first.peer))
    read = parsed(first.data)
    method = (read.get("CSeq") or "").rpartition(" ")[2] if read is not None else ""
    status = None
    for message in reversed(messages):
        answer = parsed(message.data)
        if isinstance(answer, Response) and (answer.get("CSeq") or "").endswith(method):
            status = answer.status
            break
    return TraceSummary(
        sip_call_id=conversation.sip_call_id,
        call_id=_call_of(conversation, organization_id),
        method=method or None,
        status=status,
        source=ends[0] if first.sent else ends[1],
        destination=ends[1] if first.sent else ends[0],
        transport=first.transport,
        from_=read.get("From") if read is not None else None,
        to=read.get("To") if read is not None else None,
        begun_at=first.at,
        last_at=messages[-1].at,
        messages=len(messages),
    )
