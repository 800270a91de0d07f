"""Who speaks when, on one leg: how long the caller waits for an answer, and how fast a barge-in is obeyed.

Measured where the caller is: an answer begins with the first audible frame we send, the caller's turn ends
with the last frame of speech taken from the jitter buffer. The caller's frames are judged every other tick,
so that a figure is good to 20 ms. Nothing here has a clock; `now` is monotonic seconds.
"""

from __future__ import annotations

import audioop
from collections import deque
from enum import StrEnum

from media.quality.speech_detector import SpeechDetector

# One in so many ticks is judged, for either side.
JUDGED_MS = 40
# The agent is audible above this level (about -50 dBFS).
AGENT_RMS = 100
# So many active frames nearly in a row begin speech, so that a click does not.
ONSET_FRAMES = 3
# Active frames apart by more than this do not belong to one onset.
ONSET_GAP_FRAMES = 2
# Speech is over after this long without an active frame.
HANGOVER_FRAMES = 8
# A turn shorter than this in active time is a cough: nobody has to answer it.
MIN_TURN_FRAMES = 5
# Silence of the agent shorter than this is a pause within its turn.
AGENT_PAUSE_S = 0.3
# An answer sooner than this began while the caller still spoke: the two overlap, nothing was waited for.
MIN_LATENCY_S = 0.06
# A barge-in whose speech began longer ago than this was not the speech that stopped the agent.
MAX_BARGE_IN_S = 3.0
# What the meters show falls by this much with each judged frame: a word's peak is seen for about a second.
METER_DECAY = 0.9
# A level of which a clipped sample can be part, and the sample value that counts as clipped: the topmost
# codes of both G.711 laws are above it, all others below.
CLIPPING_RMS = 4_000
CLIPPED = 32_000
# Figures kept for the percentiles; in a longer call the oldest go.
KEPT_FIGURES = 512


class Measure(StrEnum):
    """What a measured time is about."""

    TURN = "turn"  # end of the caller's speech to the agent's first audible packet
    BARGE_IN = "barge-in"  # begin of the caller's speech to the agent's silence


class TurnLatency:
    """The two voices of one leg. Call `frame` once each tick."""

    __slots__ = (
        "_agent_speaking",
        "_detector",
        "_now",
        "_odd",
        "_quiet",
        "_resting",
        "_run",
        "_run_began_at",
        "_turn_frames",
        "agent_level",
        "barge_ins_ms",
        "caller_level",
        "caller_speaking",
        "first_agent_at",
        "frames_clipped",
        "frames_judged",
        "frames_silent",
        "fresh",
        "last_agent_at",
        "last_speech_at",
        "owed_since",
        "turns",
        "turns_ms",
    )

    def __init__(self) -> None:
        self._detector = SpeechDetector()
        self._odd = False
        self._now = 0.0
        self._run = 0  # active frames of the present speech, or of what may become one
        self._quiet = 0  # frames since the last active one
        self._run_began_at = 0.0
        self._turn_frames = 0  # active frames since the agent was last heard
        self._resting = False
        self._agent_speaking = False
        self.caller_speaking = False
        self.last_speech_at: float | None = None
        self.last_agent_at: float | None = None
        self.first_agent_at: float | None = None
        self.owed_since: float | None = None  # the caller has finished and waits
        self.caller_level = 0.0  # RMS of the latest frames, for a meter
        self.agent_level = 0.0
        self.frames_judged = 0
        self.frames_silent = 0
        self.frames_clipped = 0
        self.turns = 0
        self.turns_ms: deque[int] = deque(maxlen=KEPT_FIGURES)
        self.barge_ins_ms: deque[int] = deque(maxlen=KEPT_FIGURES)
        # Measured since the owner looked; it clears the list.
        self.fresh: deque[tuple[Measure, int]] = deque(maxlen=KEPT_FIGURES)

    def rest(self, resting: bool) -> None:
        """Whether no turns are counted, since it is not the agent whom the caller talks with."""
        self._resting = resting
        self._turn_frames = 0
        self.owed_since = None

    @property
    def resting(self) -> bool:
        return self._resting

    @property
    def agent_speaking(self) -> bool:
        return self._agent_speaking

    def frame(self, caller: bytes | None, agent: bytes | bytearray | None, now: float) -> None:
        """One tick: 20 ms of each side as PCM, None for silence."""
        self._now = now
        odd = self._odd = not self._odd
        if odd:
            self.frames_judged += 1
            level = audioop.rms(caller, 2) if caller is not None else 0
            self.caller_level = max(level, self.caller_level * METER_DECAY)
            if self._detector.active(level):
                self._caller_active(caller, level, now)
            else:
                self.frames_silent += 1
                if self._run:
                    self._caller_quiet()
            if self._agent_speaking:
                return
        level = audioop.rms(agent, 2) if agent is not None else 0
        self.agent_level = max(level, self.agent_level * METER_DECAY)
        if level > AGENT_RMS:
            if self._agent_speaking:
                self.last_agent_at = now
            else:
                self._agent_begins(now)
        elif self._agent_speaking and now - (self.last_agent_at or 0.0) > AGENT_PAUSE_S:
            self._agent_speaking = False

    def _caller_active(self, caller: bytes | None, level: int, now: float) -> None:
        if level > CLIPPING_RMS and caller is not None and audioop.max(caller, 2) >= CLIPPED:
            self.frames_clipped += 1
        if not self._run:
            self._run_began_at = now
        self._run += 1
        self._quiet = 0
        if self.caller_speaking:
            self._turn_frames += 1
            self.last_speech_at = now
        elif self._run >= ONSET_FRAMES:
            self.caller_speaking = True
            self._turn_frames += self._run
            self.last_speech_at = now
            self.owed_since = None

    def _caller_quiet(self) -> None:
        self._quiet += 1
        if not self.caller_speaking:
            if self._quiet >= ONSET_GAP_FRAMES:
                self._run = 0
        elif self._quiet >= HANGOVER_FRAMES:
            self.caller_speaking = False
            self._run = 0
            if self._waiting():
                self.owed_since = self.last_speech_at

    def _waiting(self) -> bool:
        """The caller has said something since the agent was heard last."""
        if self._turn_frames < MIN_TURN_FRAMES or self.last_speech_at is None or self._resting:
            return False
        return self.last_agent_at is None or self.last_speech_at > self.last_agent_at

    def _agent_begins(self, now: float) -> None:
        if self._waiting() and self.last_speech_at is not None:
            waited = now - self.last_speech_at
            if waited >= MIN_LATENCY_S:
                self.turns += 1
                self._measured(Measure.TURN, waited, self.turns_ms)
        self._agent_speaking = True
        self._turn_frames = 0
        self.owed_since = None
        self.last_agent_at = now
        if self.first_agent_at is None:
            self.first_agent_at = now

    def cleared(self) -> None:
        """The engine had the playout emptied: the agent gives way, within one frame from now."""
        took = self._now - self._run_began_at
        if self._run and took <= MAX_BARGE_IN_S and not self._resting:
            self._measured(Measure.BARGE_IN, took, self.barge_ins_ms)

    def _measured(self, what: Measure, seconds: float, kept: deque[int]) -> None:
        milliseconds = round(seconds * 1000)
        kept.append(milliseconds)
        self.fresh.append((what, milliseconds))

    def caller_resting_since(self, since: float) -> float:
        """When the present silence of both sides began, at the earliest `since`; `now` while one speaks."""
        if self.caller_speaking or self._agent_speaking:
            return self._now
        return max(since, self.last_speech_at or since, self.last_agent_at or since)


def percentile(figures: deque[int], share: float) -> int | None:
    """The nearest-rank percentile, `share` from 0 to 1; None when there are no figures."""
    if not figures:
        return None
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
