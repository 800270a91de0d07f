"""The call of a transfer while its far party and its agent are apart: music for the one, silence or the
target for the other, and how they come together again, or leave each other for good.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gateway.call_actions import CallActions
from gateway.conversation import Conversation


class HoldingSession(Protocol):
    """The session, as far as hold is concerned."""

    @property
    def actions(self) -> CallActions: ...

    @property
    def conversation(self) -> Conversation: ...

    def end_hold(self) -> None: ...


class PartedCall:
    """One call's. `music` is what the far party hears."""

    def __init__(self, session: HoldingSession, music: Path | None) -> None:
        self._session = session
        self._music = music
        self._parted = False
        self._held_before = False
        self._left = False  # the agent, for good

    @property
    def parted(self) -> bool:
        return self._parted

    def part(self) -> None:
        """The far party waits, and the agent hears nothing."""
        if self._parted:
            return
        self._parted = True
        session = self._session
        if self._left:
            session.actions.hold(True, self._music)
            return
        self._held_before = session.actions.held
        if not self._held_before:
            session.actions.hold(True, self._music)
        session.conversation.pause_care(True)
        session.conversation.let_engine_leave(True)

    def consult(self) -> None:
        """The far party goes on waiting; the agent is needed for somebody else."""
        self._session.conversation.let_engine_leave(False)

    def await_joining(self) -> None:
        """The agent has done its part, and may hang up."""
        self._session.conversation.let_engine_leave(True)

    def without_agent(self) -> None:
        """The agent has hung up before it was let go."""
        self._session.conversation.go_on_without_engine()

    def rejoin(self) -> None:
        """As it was before."""
        if not self._parted:
            return
        self._parted = False
        session = self._session
        if self._left or not self._held_before:
            session.actions.hold(False, None)
        if self._left:
            return
        session.conversation.pause_care(False)
        session.conversation.let_engine_leave(False)

    def leave_agent(self) -> None:
        """The far party speaks to somebody else through us from now on."""
        self._parted = False
        self._left = True
        session = self._session
        if self._held_before:
            session.end_hold()  # it was told so on the wire
        else:
            session.actions.hold(False, None)
        session.actions.unmute()  # nobody could end that any more
        session.conversation.leave_engine()

    def tell_agent(self, text: str) -> None:
        """As if the caller had written it."""
        self._session.conversation.tell_engine(type="user_text_message", text=text, urgency="immediate")
