"""What can be done to a call while it is in progress: say, play, mute, hold, keys, recording, listening.

The part of it that concerns the leg and the engine; signalling (a hold's re-INVITE) is the session's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from gateway.call import Call
from gateway.errors import ConflictError
from gateway.listening import CallListeners
from media import messages as m
from store.records import RecordingStatus

log = structlog.get_logger(__name__)


class Side(StrEnum):
    """Who is muted: the caller for the agent, or the agent for the caller."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(slots=True)
class _Playing:
    play_id: str
    remove: Path | None  # a file of ours, fetched for this


class CallActions:
    """One call's. `send` passes commands to the media plane, `tell_engine` messages to the engine."""

    def __init__(
        self, call: Call, send: Callable[[m.Command], None], tell_engine: Callable[..., None]
    ) -> None:
        self._call = call
        self._send = send
        self._tell_engine = tell_engine
        self._muted: set[Side] = set()
        self._muted_by_gateway: set[Side] = set()
        self._playing: _Playing | None = None
        self._plays = 0
        self._recording: Path | None = None
        self._recording_paused = False
        self.held = False
        self.listeners = CallListeners(self._listen)

    # --- the agent ---

    def say(self, text: str, *, uninterruptible: bool, urgency: str) -> None:
        """Have the agent say this, word for word. Raises `ConflictError` on hold."""
        self.require_not_held()
        self._call.step("say", characters=len(text), urgency=urgency, uninterruptible=uninterruptible)
        self._tell_engine(
            type="forced_agent_message", content=text, uninterruptible=uninterruptible, urgency=urgency
        )

    def message(self, text: str, *, urgency: str) -> None:
        """Tell the agent something, as if the caller had written it."""
        self._call.step("message", characters=len(text), urgency=urgency)
        self._tell_engine(type="user_text_message", text=text, urgency=urgency)

    # --- sound in place of the agent ---

    def play(self, path: Path, *, loop: bool, volume: float, remove: bool = False) -> None:
        """Play a file in place of the agent, instead of one that plays already. Raises `ConflictError` on
        hold. `remove`: it is ours, and goes when it was played.
        """
        self.require_not_held()
        self.stop_play()
        self._plays += 1
        self._playing = _Playing(f"play-{self._plays}", path if remove else None)
        self._call.step("play-started", play_id=self._playing.play_id, loop=loop, volume=volume)
        self._send(
            m.Play(
                leg_id=self._call.id,
                play_id=self._playing.play_id,
                path=str(path),
                loop=loop,
                volume=volume,
            )
        )

    def stop_play(self) -> None:
        """Stop what plays, if anything does."""
        if self._playing is not None:
            self._send(m.StopPlay(leg_id=self._call.id, play_id=self._playing.play_id))
            self._forget_play()

    def mute(self, side: Side, *, muted: bool) -> None:
        """Mute one side for the other, or end that."""
        if muted == (side in self._muted):
            return
        self._call.step("muted" if muted else "unmuted", side=str(side))
        (self._muted.add if muted else self._muted.discard)(side)
        self._apply_mute()

    def mute_for_gateway(self, *, caller: bool, agent: bool) -> None:
        """What the gateway mutes by its own rules (voicemail), beside what somebody has asked for."""
        self._muted_by_gateway = {
            side for side, muted in ((Side.CALLER, caller), (Side.AGENT, agent)) if muted
        }
        self._apply_mute()

    def unmute(self) -> None:
        """Everybody may be heard, whoever has muted them."""
        if self._muted or self._muted_by_gateway:
            self._muted.clear()
            self._muted_by_gateway.clear()
            self._apply_mute()

    def hold(self, held: bool, music: Path | None) -> None:
        """Music for the far party, silence for the engine; or the end of that."""
        self.held = held
        if held:
            self.stop_play()
        self._send(
            m.SetHold(leg_id=self._call.id, held=held, music_path=None if music is None else str(music))
        )

    def send_digits(self, digits: str) -> None:
        """Press keys for the far party."""
        self._call.step("digits-requested", count=len(digits))
        self._send(m.SendDigits(leg_id=self._call.id, digits=digits))

    # --- recording ---

    def start_recording(self, path: Path) -> None:
        """Record from now on. Raises `ConflictError` when it is being recorded, or was: a call has one
        recording.
        """
        if self._recording is not None:
            raise ConflictError("the call is being recorded", code="recording_running")
        if self._call.record.recording_status is not RecordingStatus.NONE:
            raise ConflictError(
                "the call has been recorded; to leave a part out, pause and resume", code="recording_exists"
            )
        self._recording = path
        self._recording_paused = False
        self._send(m.StartRecording(leg_id=self._call.id, path=str(path)))
        self._call.update(recording_path=str(path), recording_status=RecordingStatus.RECORDING)
        self._call.step("recording-started")
        self._call.save()  # a crash from now on leaves a file that somebody has to know of

    def stop_recording(self) -> None:
        """Raises `ConflictError` when nothing is recorded."""
        self._require_recording()
        self._recording = None
        self._call.step("recording-stopped")
        self._send(m.StopRecording(leg_id=self._call.id))

    def pause_recording(self, *, paused: bool) -> None:
        """While it is paused silence is written. Raises `ConflictError` when nothing is recorded."""
        self._require_recording()
        if paused == self._recording_paused:
            return
        self._recording_paused = paused
        self._call.step("recording-paused" if paused else "recording-resumed")
        leg_id = self._call.id
        self._send(m.PauseRecording(leg_id=leg_id) if paused else m.ResumeRecording(leg_id=leg_id))

    # --- what the media plane tells ---

    def take(self, event: m.Event) -> None:
        """Act on an event, if it is one of these."""
        match event:
            case m.AudioHeard():
                self.listeners.heard(event)
            case m.PlayFinished():
                self._play_finished(event)
            case m.DigitsSent():
                self._call.step("digits-sent", count=len(event.digits))
            case m.EngineStateChanged():
                self._call.announce("agent-state", state=event.state)

    def _play_finished(self, event: m.PlayFinished) -> None:
        self._call.step("play-finished", play_id=event.play_id, complete=event.complete, error=event.error)
        if self._playing is not None and self._playing.play_id == event.play_id:
            self._forget_play()

    def close(self) -> None:
        """The call is over."""
        self.listeners.end()
        self._forget_play()

    # --- inside ---

    def _apply_mute(self) -> None:
        muted = self._muted | self._muted_by_gateway
        self._send(m.SetMute(leg_id=self._call.id, caller=Side.CALLER in muted, agent=Side.AGENT in muted))

    def _listen(self, on: bool) -> None:
        leg_id = self._call.id
        self._send(m.StartListening(leg_id=leg_id) if on else m.StopListening(leg_id=leg_id))

    def _forget_play(self) -> None:
        playing, self._playing = self._playing, None
        if playing is not None and playing.remove is not None:
            playing.remove.unlink(missing_ok=True)

    def require_not_held(self) -> None:
        """Raises `ConflictError`."""
        if self.held:
            raise ConflictError("the call is on hold", code="call_on_hold", status=str(self._call.status))

    def _require_recording(self) -> None:
        if self._recording is None:
            raise ConflictError("the call is not being recorded", code="recording_not_running")
