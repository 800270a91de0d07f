"""What a page sees of its call: the agent's state, the transcript as it grows, who is muted, the end.

The engine says what the agent does, and is ahead of what is heard: it has finished a sentence long before it
was played. So `speaking` is what the browser hears, and the engine's word counts for everything else.

A page that does not read gets the newest of each thing: what waits for it is bounded by what there is to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gateway.call import Call
from gateway.errors import LimitExceededError
from store.records import CallStatus

# A page, its reconnection, and what its owner debugs it with.
PAGES = 4


class AgentState(StrEnum):
    """What a page shows."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    IDLE = "idle"
    ENDED = "ended"


_OF_ENGINE = {
    "listening": AgentState.LISTENING,
    "thinking": AgentState.THINKING,
    "idle": AgentState.IDLE,
    "speaking": AgentState.SPEAKING,
}
_MUTE_STEPS = {"muted": True, "unmuted": False}

Message = Mapping[str, Any]


class Page:
    """One page's queue."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Any], Message] = {}
        self._arrived = asyncio.Event()
        self._ended = False

    def offer(self, key: tuple[str, Any], message: Message) -> None:
        """Queue a message, in the place of an older one of the same thing."""
        self._waiting.pop(key, None)
        self._waiting[key] = message
        self._arrived.set()

    def end(self) -> None:
        """Nothing follows what waits."""
        self._ended = True
        self._arrived.set()

    async def next(self) -> Message | None:
        """The next message; None when the call is over."""
        while not self._waiting:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        key = next(iter(self._waiting))
        return self._waiting.pop(key)


class PageFeed:
    """One call's pages."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pages: set[Page] = set()
        self._engine: AgentState | None = None  # None until it is there
        self._heard = False
        self._muted: dict[str, bool] = {}
        self._abandoned = False
        self.state = AgentState.CONNECTING
        call.follow(self._announced)

    @property
    def abandoned(self) -> bool:
        """The last page that watched has said that it leaves, and none has come since."""
        return self._abandoned

    def attach(self) -> Page:
        """A page comes, or comes back: it sees how things stand first. Raises `LimitExceededError`."""
        if len(self._pages) >= PAGES:
            raise LimitExceededError(f"At most {PAGES} may watch a call.", code="too_many_watchers")
        page = Page()
        self._abandoned = False
        page.offer(("state", None), self._state_message())
        for side, muted in self._muted.items():
            page.offer(("muted", side), _muted_message(side, muted=muted))
        if self._call.transcribed:
            for said in self._call.transcript.so_far():
                page.offer(
                    ("transcript", said.ordinal),
                    _transcript_message(said.ordinal, said.speaker, said.text, final=said.final),
                )
        if self._call.terminal:
            page.end()
        else:
            self._pages.add(page)
        return page

    def detach(self, page: Page, *, left: bool) -> None:
        """The page watches no longer. `left`: it has said so itself; else its connection broke and it may
        come back.
        """
        if page in self._pages:
            self._pages.remove(page)
            self._abandoned = left and not self._pages

    def page_is_back(self) -> None:
        """It has said so by other means than a socket."""
        self._abandoned = False

    def engine_there(self) -> None:
        """The agent can hear."""
        self._engine = self._engine or AgentState.LISTENING
        self._look()

    def heard(self, *, speaking: bool) -> None:
        """The browser begins or ceases to hear the agent."""
        self._heard = speaking
        self._look()

    def _announced(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "agent-state":
                self._engine = _OF_ENGINE.get(data["state"], self._engine)
                self._look()
            case "status":
                self._look()
                if self._call.terminal:
                    for page in self._pages:
                        page.end()
                    self._pages.clear()
            case "transcript":
                said = self._call.transcript.said(data["ordinal"])
                if said is not None and said.text:
                    self._tell(
                        ("transcript", said.ordinal),
                        _transcript_message(said.ordinal, said.speaker, said.text, final=said.final),
                    )
            case "timeline" if data["step"] in _MUTE_STEPS:
                side, muted = str(data["detail"]["side"]), _MUTE_STEPS[data["step"]]
                self._muted[side] = muted
                self._tell(("muted", side), _muted_message(side, muted=muted))

    def _look(self) -> None:
        """Tell the state if it is another."""
        state = self._present()
        if state is not self.state:
            self.state = state
            self._tell(("state", None), self._state_message())

    def _present(self) -> AgentState:
        if self._call.terminal:
            return AgentState.ENDED
        if self._call.status is not CallStatus.IN_PROGRESS or self._engine is None:
            return AgentState.CONNECTING
        if self._heard:
            return AgentState.SPEAKING
        if self._engine is AgentState.SPEAKING:
            # Not heard yet, or between two sentences: as it was, until either side says otherwise.
            return AgentState.LISTENING if self.state is AgentState.CONNECTING else self.state
        return self._engine

    def _state_message(self) -> Message:
        if self.state is AgentState.ENDED:
            return {"type": "state", "state": str(self.state), "reason": self._call.record.end_reason}
        return {"type": "state", "state": str(self.state)}

    def _tell(self, key: tuple[str, Any], message: Message) -> None:
        for page in self._pages:
            page.offer(key, message)


def _transcript_message(ordinal: int, speaker: str, text: str, *, final: bool) -> Message:
    return {"type": "transcript", "speaker": speaker, "text": text, "isFinal": final, "ordinal": ordinal}


def _muted_message(side: str, *, muted: bool) -> Message:
    return {"type": "muted", "side": side, "muted": muted}
