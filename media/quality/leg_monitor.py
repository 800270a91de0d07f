"""Everything that listens to one leg without being heard: turns, quality, watchdogs, answering machine
detection, and the report of it all.

The leg calls `listen` once each tick and `housekeeping` now and then; the engine's events pass through
`from_engine`. What is found out goes out as events.
"""

from __future__ import annotations

from collections.abc import Callable

from media import messages
from media.amd.detector import AmdEvent, AnsweringMachineDetector, Beep, Decision
from media.jitter_buffer import JitterBuffer
from media.messages import Direction, Event
from media.quality.call_quality import CallQuality, StreamCounters
from media.quality.e_model import CodecImpairment, impairment_of
from media.quality.turn_latency import TurnLatency
from media.rtp_session import RtpSession
from media.silence_watch import SilentAgent, SilentCaller, Stage

Listen = Callable[[bytes | None, bytes | bytearray | None, float], None]


class LegMonitor:
    """One leg's listener. `now` is monotonic seconds."""

    def __init__(
        self,
        leg_id: str,
        rtp: RtpSession,
        now: float,
        emit: Callable[[Event], None],
        *,
        tells_speech: bool = False,
    ) -> None:
        """`tells_speech`: whether each begin and end of the agent's speech is told."""
        self._leg_id = leg_id
        self._rtp = rtp
        self._emit = emit
        self._now = now
        self._tells_speech = tells_speech
        self._speech_told = False
        self.turns = TurnLatency()
        self.quality = CallQuality(now)
        self.listen: Listen = self.turns.frame
        self.answered_at: float | None = None
        self.engine_open_at: float | None = None
        self._amd: AnsweringMachineDetector | None = None
        self._watched: messages.WatchSilence | None = None
        self._agent_watch = SilentAgent(0, 0)
        self._caller_watch = SilentCaller(0, 0)
        self._resting_from = now  # nobody is called silent for the time before this
        self._last_key_at: float | None = None
        self._paused = True

    # --- what happens on the leg ---

    def answered(self, now: float) -> None:
        """The call was answered: time begins for what is owed."""
        if self.answered_at is None:
            self.answered_at = self._resting_from = now
            if self._watched is not None and self._watched.agent_speaks_first:
                self._owe_greeting(now)

    def key_pressed(self) -> None:
        """A key is a sign of life as good as a word."""
        self._last_key_at = self._now

    def from_engine(self, event: Event) -> None:
        """Note an event of the engine and pass it on."""
        if isinstance(event, messages.PlaybackCleared):
            self.turns.cleared()
        elif isinstance(event, messages.EngineOpened):
            self.engine_open_at = self._now
        elif isinstance(event, messages.EngineClosed):
            self.engine_open_at = None
            self.turns.owed_since = None  # the recovery of the engine has limits of its own
        self._emit(event)

    def start_amd(self, command: messages.StartAmd) -> None:
        self._amd = AnsweringMachineDetector(command.decide_ms, command.listen_ms)
        self.listen = self._listen_with_amd

    def watch_silence(self, command: messages.WatchSilence) -> None:
        self._watched = command
        self._agent_watch = SilentAgent(command.agent_prompt_ms / 1000, command.agent_end_ms / 1000)
        self._caller_watch = SilentCaller(command.caller_prompt_ms / 1000, command.caller_end_ms / 1000)
        if command.agent_speaks_first and self.answered_at is not None:
            self._owe_greeting(self.answered_at)

    def _owe_greeting(self, since: float) -> None:
        if self.turns.first_agent_at is None and self.turns.owed_since is None:
            self.turns.owed_since = since

    # --- every tick ---

    def _listen_with_amd(self, caller: bytes | None, agent: bytes | bytearray | None, now: float) -> None:
        self.turns.frame(caller, agent, now)
        amd = self._amd
        if amd is None:
            return
        for event in amd.feed(caller):
            self._emit(self._amd_event(event))
        if amd.finished:
            self._amd = None
            self.listen = self.turns.frame

    def _amd_event(self, event: AmdEvent) -> Event:
        if isinstance(event, Decision):
            return messages.AmdResult(
                leg_id=self._leg_id,
                answered_by=str(event.answered_by),
                reason=event.reason,
                decided_ms=event.decided_ms,
                speech_ms=event.speech_ms,
            )
        if isinstance(event, Beep):
            return messages.BeepDetected(
                leg_id=self._leg_id, frequency_hz=round(event.frequency_hz), duration_ms=event.duration_ms
            )
        return messages.GreetingEnded(leg_id=self._leg_id, silent_ms=event.silent_ms)

    # --- now and then ---

    def housekeeping(self, now: float, *, muted: bool) -> None:
        """`muted`: one side is kept from hearing the other, so that nobody owes anything."""
        self._now = now
        if self._tells_speech and self.turns.agent_speaking is not self._speech_told:
            self._speech_told = self.turns.agent_speaking
            self._emit(messages.AgentSpeech(leg_id=self._leg_id, speaking=self._speech_told))
        fresh = self.turns.fresh
        while fresh:
            what, took_ms = fresh.popleft()
            self._emit(messages.TurnMeasured(leg_id=self._leg_id, what=str(what), took_ms=took_ms))
        if self.quality.due(now):
            self._sample(now)
        if self._watched is not None and self.answered_at is not None:
            self._watch(now, muted)

    def _sample(self, now: float) -> None:
        counters = self.counters()
        if counters is None:
            return
        if self._rtp.expecting:
            self.quality.sample(now, counters, self.impairment())
        else:
            self.quality.restart(now, counters)

    def _watch(self, now: float, muted: bool) -> None:
        settled = self._rtp.negotiated
        paused = muted or self.turns.resting or settled is None or settled.direction is not Direction.SENDRECV
        if paused:
            if not self._paused:
                self._caller_watch.reset()
                self.turns.owed_since = None
            self._resting_from = now
            self._paused = True
            return
        self._paused = False
        turns = self.turns
        owed = turns.owed_since if self.engine_open_at is not None else None
        self._notice("agent", self._agent_watch.check(owed, now))
        word, key = turns.last_speech_at, self._last_key_at
        if key is not None and (word is None or key > word):
            word = key
        resting = None
        if not turns.caller_speaking and not turns.agent_speaking and turns.owed_since is None:
            resting = max(self._resting_from, word or 0.0, turns.last_agent_at or 0.0)
        self._notice("caller", self._caller_watch.check(resting, word, now))

    def _notice(self, party: str, noticed: tuple[Stage, int] | None) -> None:
        if noticed is not None:
            stage, silent_ms = noticed
            self._emit(
                messages.SilenceNoticed(
                    leg_id=self._leg_id, party=party, stage=str(stage), silent_ms=silent_ms
                )
            )

    # --- figures ---

    @property
    def now(self) -> float:
        """The time of the last housekeeping."""
        return self._now

    def impairment(self) -> CodecImpairment:
        settled = self._rtp.negotiated
        return impairment_of(settled.codec if settled is not None else "", self._rtp.sample_rate or 8000)

    def counters(self) -> StreamCounters | None:
        """The inbound stream so far; None while there is none."""
        received, settled = self._rtp.receiver.received, self._rtp.negotiated
        if settled is None:
            return None
        buffer: JitterBuffer = self._rtp.receiver.inbound.buffer
        return StreamCounters(
            packets=received.packets,
            lost=received.lost,
            gaps=received.gaps,
            discarded=buffer.late + buffer.overflowed,
            jitter_ms=received.jitter_ms,
            buffer_ms=buffer.depth * 1000 / settled.clock_rate,
            round_trip_ms=self._rtp.rtcp.round_trip_ms,
        )
