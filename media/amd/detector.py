"""Answering machine detection: a person says a word or two and waits, a machine talks on and beeps.

Feed the far party's audio in frames of 20 ms from the answer on. After the decision the
end of a machine's greeting follows, by its beep or, failing that, by silence; a beep also corrects a decision
that was wrong. No clock: time is the audio's own.
"""

from __future__ import annotations

import audioop
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from media.amd.greeting import FRAME_MS, Greeting, measure, threshold_of
from media.amd.tones import RATE, Tone, ToneKind, ToneTracker

# A person's greeting is shorter than this from its first word to its last, and then there is silence.
LONGEST_HUMAN_MS = 1_900
# So much speech without the gaps cannot be a person's greeting either.
MOST_HUMAN_SPEECH_MS = 1_700
HUMAN_SILENCE_MS = 700
# Nobody has said anything for this long after the answer.
NO_SPEECH_MS = 5_000
# Less than this is a cough or a click on the line.
MIN_SPEECH_MS = 100
# A machine that has been silent for this long after its greeting records, with or without a beep.
GREETING_OVER_MS = 3_000
# The greeting is looked at in every so many frames.
LOOK_FRAMES = 5
# After the decision levels are judged over this long.
KEPT_FRAMES = 400
_SILENCE = bytes(RATE * FRAME_MS // 1000 * 2)


class AnsweredBy(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answered and why it is thought so; times count from the first frame. A second one, by a beep,
    replaces the first.
    """

    answered_by: AnsweredBy
    reason: str
    decided_ms: int
    speech_ms: int


@dataclass(frozen=True, slots=True)
class Beep:
    """A machine's beep has just ended."""

    frequency_hz: float
    duration_ms: int


@dataclass(frozen=True, slots=True)
class GreetingOver:
    """A machine has fallen silent without a beep."""

    silent_ms: int


AmdEvent: TypeAlias = Decision | Beep | GreetingOver


class AnsweringMachineDetector:
    """One call's detector. Frames may be of any rate above 8000 Hz, told by their length."""

    __slots__ = (
        "_decide_ms",
        "_decision",
        "_frames",
        "_levels",
        "_listen_ms",
        "_quiet_frames",
        "_rate",
        "_state",
        "_threshold",
        "_tones",
        "finished",
    )

    def __init__(self, decide_ms: int = 8_000, listen_ms: int = 45_000) -> None:
        self._rate = RATE
        self._decide_ms = decide_ms
        self._listen_ms = listen_ms
        self._tones = ToneTracker()
        self._levels: list[int] = []
        self._frames = 0
        self._quiet_frames = 0
        self._threshold = 0.0
        self._state: Any = None  # of the rate conversion
        self._decision: Decision | None = None
        self.finished = False  # nothing more is to come

    @property
    def decision(self) -> Decision | None:
        return self._decision

    def feed(self, frame: bytes | None) -> list[AmdEvent]:
        """20 ms of audio, None for silence; what has become known by it."""
        if self.finished:
            return []
        self._frames += 1
        tone: Tone | None = None
        level = 0
        if frame is None:
            frame = _SILENCE
        elif len(frame) != len(_SILENCE):
            frame = self._converted(frame)
        if len(frame) == len(_SILENCE):
            level = audioop.rms(frame, 2)
            tone = self._tones.feed(frame, level)
        # A tone is no speech.
        self._levels.append(0 if self._tones.tonal else level)
        if self._decision is None:
            return self._before(tone)
        return self._after(tone, level)

    def _converted(self, frame: bytes) -> bytes:
        rate = len(frame) // 2 * 1000 // FRAME_MS
        if rate != self._rate:
            self._rate, self._state = rate, None
        converted, self._state = audioop.ratecv(frame, 2, 1, rate, RATE, self._state)
        return converted

    def _now_ms(self) -> int:
        return self._frames * FRAME_MS

    def _before(self, tone: Tone | None) -> list[AmdEvent]:
        if tone is not None:
            decided = self._decide(AnsweredBy.MACHINE, str(tone.kind), measure(self._levels))
            if tone.kind is ToneKind.BEEP:
                return [decided, self._beep(tone)]
            self.finished = True  # an announcement or a fax takes no message
            return [decided]
        if self._frames % LOOK_FRAMES:
            return []
        decision = self._judge(measure(self._levels))
        return [] if decision is None else [decision]

    def _judge(self, greeting: Greeting) -> Decision | None:
        spoken = greeting.began_ms is not None and greeting.speech_ms >= MIN_SPEECH_MS
        if spoken and (greeting.span_ms > LONGEST_HUMAN_MS or greeting.speech_ms > MOST_HUMAN_SPEECH_MS):
            return self._decide(AnsweredBy.MACHINE, "long-greeting", greeting)
        if spoken and greeting.silent_ms >= HUMAN_SILENCE_MS:
            return self._decide(AnsweredBy.HUMAN, "short-greeting", greeting)
        if not spoken and self._now_ms() >= NO_SPEECH_MS:
            return self._decide(AnsweredBy.UNKNOWN, "no-speech", greeting)
        if self._now_ms() >= self._decide_ms:
            return self._decide(AnsweredBy.UNKNOWN, "undecided", greeting)
        return None

    def _decide(self, answered_by: AnsweredBy, reason: str, greeting: Greeting) -> Decision:
        self._decision = Decision(answered_by, reason, self._now_ms(), greeting.speech_ms)
        self._threshold = threshold_of(self._levels)
        return self._decision

    def _beep(self, tone: Tone) -> Beep:
        self.finished = True
        return Beep(tone.frequency_hz, tone.duration_ms)

    def _beep_of(self, answered_by: AnsweredBy, tone: Tone) -> list[AmdEvent]:
        """Whoever beeps is a machine, even one that was taken for a person since it made a pause."""
        if answered_by is AnsweredBy.MACHINE:
            return [self._beep(tone)]
        return [self._decide(AnsweredBy.MACHINE, "beep", measure(self._levels)), self._beep(tone)]

    def _after(self, tone: Tone | None, level: int) -> list[AmdEvent]:
        assert self._decision is not None
        answered_by = self._decision.answered_by
        if tone is not None and tone.kind is ToneKind.BEEP:
            return self._beep_of(answered_by, tone)
        self._quiet_frames = 0 if level > self._threshold else self._quiet_frames + 1
        if self._frames % LOOK_FRAMES == 0:
            del self._levels[:-KEPT_FRAMES]
            self._threshold = threshold_of(self._levels)
        over = answered_by is AnsweredBy.MACHINE and self._quiet_frames * FRAME_MS == GREETING_OVER_MS
        if over:
            return [GreetingOver(GREETING_OVER_MS)]  # and the beep may yet come
        if self._now_ms() >= self._listen_ms:
            self.finished = True
        return []
