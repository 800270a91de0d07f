"""The newest SIP messages, by Call-ID, within bounds of bytes and of messages.

What is forgotten first is the conversation in which nothing was said for the longest time, as a whole: half a
ladder explains nothing. Strangers' conversations have a quarter of the room, so that a scanner pushes no call
out. Of one that goes on and on the begin and the newest part are kept.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

LONGEST_MESSAGE = 65_536  # of a longer one the begin is kept
KEPT_OF_BEGIN = 100
KEPT_OF_END = 300
STRANGERS_SHARE = 4
# What Python needs for one, beside its text.
MESSAGE_COST = 300
CONVERSATION_COST = 900

Address = tuple[str, int]


class TracedMessage(NamedTuple):
    """One message on the wire, without secrets. `at` is Unix time, `size` what it had on the wire."""

    at: float
    sent: bool
    transport: str
    peer: Address
    local: Address
    data: bytes
    size: int


@dataclass(frozen=True, slots=True)
class CallLeg:
    """What belongs to a call: a dialog of ours, or what `source` said to make it before we gave our tag. A
    Call-ID alone is a stranger's to choose, and two customers' could be the same.
    """

    call_id: str
    organization_id: str
    name: str
    local_tag: str
    remote_tag: str | None = None
    source: Address | None = None


@dataclass(slots=True)
class Conversation:
    """All that has one Call-ID."""

    sip_call_id: str
    begin: list[TracedMessage] = field(default_factory=list)
    end: deque[TracedMessage] = field(default_factory=deque)
    legs: list[CallLeg] = field(default_factory=list)
    cost: int = 0
    dropped: int = 0

    def messages(self) -> list[TracedMessage]:
        return [*self.begin, *self.end]

    @property
    def last_at(self) -> float:
        """When something was said last; 0 where nothing is kept."""
        newest = self.end or self.begin
        return newest[-1].at if newest else 0.0

    def __len__(self) -> int:
        return len(self.begin) + len(self.end)


class TraceRing:
    """All conversations."""

    def __init__(self, max_bytes: int, max_messages: int) -> None:
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._calls: OrderedDict[str, Conversation] = OrderedDict()
        self._strangers: OrderedDict[str, Conversation] = OrderedDict()
        self._of_call: dict[str, list[Conversation]] = {}
        self._strangers_cost = 0
        self.bytes = 0
        self.messages = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._calls) + len(self._strangers)

    def add(self, sip_call_id: str, message: TracedMessage) -> None:
        """Keep a message."""
        conversation = self._calls.get(sip_call_id)
        if conversation is not None:
            self._calls.move_to_end(sip_call_id)
        else:
            conversation = self._strangers.get(sip_call_id)
            if conversation is not None:
                self._strangers.move_to_end(sip_call_id)
            else:
                conversation = self._begin(sip_call_id)
        if len(conversation.begin) < KEPT_OF_BEGIN:
            conversation.begin.append(message)
        else:
            if len(conversation.end) >= KEPT_OF_END:
                self._lose(conversation, conversation.end.popleft())
            conversation.end.append(message)
        self._weigh(conversation, MESSAGE_COST + len(message.data))
        self.messages += 1
        if self.bytes > self._max_bytes or self.messages > self._max_messages:
            self._make_room()

    def claim(self, sip_call_id: str, leg: CallLeg) -> None:
        """Say that (a part of) a conversation is a call's."""
        conversation = self._strangers.pop(sip_call_id, None)
        if conversation is not None:
            self._strangers_cost -= conversation.cost
        else:
            conversation = self._calls.get(sip_call_id)
        if conversation is None:
            conversation = Conversation(sip_call_id, cost=CONVERSATION_COST + len(sip_call_id))
            self.bytes += conversation.cost
        self._calls[sip_call_id] = conversation
        conversation.legs.append(leg)
        self._of_call.setdefault(leg.call_id, []).append(conversation)

    def of_call(self, call_id: str) -> list[Conversation]:
        """The conversations in which a call has a part."""
        return self._of_call.get(call_id, [])

    def find(self, sip_call_id: str) -> Conversation | None:
        """The conversation with this Call-ID."""
        found = self._calls.get(sip_call_id)
        return self._strangers.get(sip_call_id) if found is None else found

    def __iter__(self) -> Iterator[Conversation]:
        """All, those where something was said last first."""
        everything = [*self._calls.values(), *self._strangers.values()]
        everything.sort(key=lambda one: one.last_at, reverse=True)
        return iter(everything)

    def _begin(self, sip_call_id: str) -> Conversation:
        conversation = self._strangers[sip_call_id] = Conversation(sip_call_id)
        self._weigh(conversation, CONVERSATION_COST + len(sip_call_id))
        return conversation

    def _weigh(self, conversation: Conversation, cost: int) -> None:
        conversation.cost += cost
        self.bytes += cost
        if not conversation.legs:
            self._strangers_cost += cost

    def _lose(self, conversation: Conversation, message: TracedMessage) -> None:
        self._weigh(conversation, -MESSAGE_COST - len(message.data))
        conversation.dropped += 1
        self.messages -= 1
        self.dropped += 1

    def _make_room(self) -> None:
        while (self.bytes > self._max_bytes or self.messages > self._max_messages) and len(self):
            strangers_first = self._strangers_cost * STRANGERS_SHARE > self._max_bytes or not self._calls
            if strangers_first and self._strangers:
                _, conversation = self._strangers.popitem(last=False)
                self._strangers_cost -= conversation.cost
            elif self._calls:
                _, conversation = self._calls.popitem(last=False)
            else:
                return
            self.bytes -= conversation.cost
            self.messages -= len(conversation)
            self.dropped += len(conversation)
            for leg in conversation.legs:
                self._forget(leg.call_id, conversation)

    def _forget(self, call_id: str, conversation: Conversation) -> None:
        left = [one for one in self._of_call.get(call_id, ()) if one is not conversation]
        if left:
            self._of_call[call_id] = left
        else:
            self._of_call.pop(call_id, None)
