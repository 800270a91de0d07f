"""Leaving a message on an answering machine: wait for the beep, speak, hang up.

While the machine talks, the agent is kept from hearing it and from being heard, so that it does not begin to
converse with a recording; after the beep only the far party hears. Every wait is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from gateway.call import Call
from gateway.configuration.media import AmdSection
from gateway.conversation_control import ConversationControl
from gateway.failure_reasons import EndReason

# The agent has stopped speaking, but may only be taking breath, or giving up what it was saying before.
SETTLE_S = 4.0
# States of the engine in which the agent says nothing.
SILENT_STATES = frozenset({"listening", "idle"})


class _Stage(Enum):
    NOT_YET = auto()
    WAITING = auto()  # for the beep
    SPEAKING = auto()
    OVER = auto()


class Voicemail:
    """The message of one call. All methods run on the gateway's event loop."""

    def __init__(
        self, call: Call, control: ConversationControl, config: AmdSection, message: str | None
    ) -> None:
        self._call = call
        self._control = control
        self._config = config
        self._message = message
        self._stage = _Stage.NOT_YET
        self._by_beep = False
        self._spoke = False
        self._limit: asyncio.TimerHandle | None = None
        self._settling: asyncio.TimerHandle | None = None

    @property
    def active(self) -> bool:
        """A machine is being waited for or spoken to."""
        return self._stage in (_Stage.WAITING, _Stage.SPEAKING)

    def machine_answered(self) -> None:
        """Wait for its beep."""
        if self._stage is not _Stage.NOT_YET:
            return
        self._stage = _Stage.WAITING
        self._control.mute(caller=True, agent=True)
        self._call.step("voicemail-waiting")
        self._within(self._config.beep_timeout, lambda: self._speak("timeout"))

    def asked_by_agent(self, message: str | None) -> bool:
        """The agent wants to leave this message, unless the call came with one. False when it is too late."""
        if self._stage is _Stage.NOT_YET:
            self._message = self._message or message
            self.machine_answered()
        return self._stage is not _Stage.OVER

    def beep(self) -> None:
        """The machine records from now on; what was said before, after a silence, it did not record."""
        if self._stage is _Stage.WAITING or (self._stage is _Stage.SPEAKING and not self._by_beep):
            self._by_beep = True
            self._speak("beep")

    def greeting_ended(self) -> None:
        """The machine is silent: it may have no beep."""
        if self._stage is _Stage.WAITING:
            self._speak("silence")

    def engine_state(self, state: str) -> None:
        """Follow the agent through its message."""
        if self._stage is not _Stage.SPEAKING:
            return
        self._stop(self._settling)
        self._settling = None
        if state == "speaking":
            self._spoke = True
        elif state in SILENT_STATES:
            if self._spoke:
                self._over("left")
            else:
                self._settling = self._after(SETTLE_S, lambda: self._over("nothing-said"))

    def close(self) -> None:
        """The call is over: no timer fires any more."""
        self._stage = _Stage.OVER
        self._stop(self._limit)
        self._stop(self._settling)

    def _speak(self, after: str) -> None:
        self._stage = _Stage.SPEAKING
        self._spoke = False
        self._stop(self._settling)
        self._call.step("voicemail-message", after=after)
        self._control.mute(caller=True, agent=False)
        if self._message is not None:
            self._control.tell_engine(
                type="forced_agent_message",
                content=self._message,
                uninterruptible=True,
                urgency="immediate",
            )
        else:
            self._control.tell_engine(
                type="user_text_message", text=self._config.voicemail_prompt, urgency="immediate"
            )
        self._control.engine_ends(EndReason.VOICEMAIL)
        self._within(self._config.message_timeout, lambda: self._over("timeout"))

    def _over(self, how: str) -> None:
        if self._stage is not _Stage.SPEAKING:
            return
        self.close()
        self._call.step("voicemail-over", how=how)
        if self._call.record.outcome is None and how == "left":
            self._call.update(outcome="voicemail")
        self._control.end_after_playout(EndReason.VOICEMAIL)

    def _within(self, seconds: float, act: Callable[[], None]) -> None:
        self._stop(self._limit)
        self._limit = self._after(seconds, act)

    @staticmethod
    def _after(seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
