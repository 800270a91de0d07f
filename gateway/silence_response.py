"""What is done when a watchdog of the media plane notices silence: something is said, then the call ends."""

from __future__ import annotations

from gateway.call import Call
from gateway.configuration.media import WatchdogsSection
from gateway.conversation_control import ConversationControl
from gateway.failure_reasons import EndReason, FailureReason
from media.messages import SilenceNoticed, WatchSilence


def watch_command(leg_id: str, config: WatchdogsSection, *, agent_speaks_first: bool) -> WatchSilence | None:
    """The watchdogs' limits for a leg; None when all of them are off."""
    limits = (
        config.agent_prompt_after if config.agent_prompt else 0.0,
        config.agent_end_after,
        config.caller_prompt_after if config.caller_prompt else 0.0,
        config.caller_end_after,
    )
    if not any(limits):
        return None
    agent_prompt, agent_end, caller_prompt, caller_end = (int(limit * 1000) for limit in limits)
    return WatchSilence(
        leg_id=leg_id,
        agent_prompt_ms=agent_prompt,
        agent_end_ms=agent_end,
        caller_prompt_ms=caller_prompt,
        caller_end_ms=caller_end,
        agent_speaks_first=agent_speaks_first,
    )


class SilenceResponse:
    """Acts on one conversation's silences."""

    def __init__(self, call: Call, control: ConversationControl, config: WatchdogsSection) -> None:
        self._call = call
        self._control = control
        self._config = config

    def noticed(self, event: SilenceNoticed) -> None:
        """Say something, or end the call."""
        self._call.step(f"{event.party}-silent", stage=event.stage, silent_ms=event.silent_ms)
        match event.party, event.stage:
            case "agent", "prompt":
                # Spoken by the engine in the agent's voice: an engine that cannot even do that has failed.
                self._say(self._config.agent_prompt, "immediate")
            case "agent", "end":
                self._control.lose(
                    FailureReason.AGENT_ERROR, f"the agent owed an answer for {event.silent_ms} ms"
                )
            case "caller", "prompt":
                self._say(self._config.caller_prompt, "soon")
            case "caller", "end":
                self._end()

    def _say(self, text: str, urgency: str) -> None:
        self._control.tell_engine(type="forced_agent_message", content=text, urgency=urgency)

    def _end(self) -> None:
        farewell = self._config.caller_farewell
        if farewell:
            self._control.ask_engine_to_end(EndReason.INACTIVITY, farewell)
        else:
            self._control.end_after_playout(EndReason.INACTIVITY)
