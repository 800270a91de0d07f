"""How much of each of the agent's utterances was really played, so that it is known what the caller heard.

An utterance begins where the engine begins to speak, gets its name (the ordinal of its transcript) before or
after that, and ends when the engine stops to speak or is interrupted. Positions are bytes of the playout's
queue, counted from the beginning of the leg. No clock, no audio.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# Utterances that wait to be played; an engine that runs ahead so far has a fault.
MAX_WAITING = 64


@dataclass(slots=True)
class _Utterance:
    begin: int
    end: int | None = None  # while the engine speaks
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one utterance: so many bytes of it were played, and whether it was cut short."""

    ordinal: int
    played: int
    interrupted: bool


class Utterances:
    """The agent's utterances on one leg. `queued` is how much was ever put into the queue, `played` how much
    has left it.
    """

    __slots__ = ("_audible", "_last_told", "_nameless", "_speaking", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[_Utterance] = deque()
        self._speaking = False
        self._audible = True
        self._last_told = -1  # ordinal of the newest one that is over
        self._nameless: tuple[int, bool] | None = None  # of the last one, which was over before it had a name

    def restart(self) -> None:
        """Another engine call, which counts its ordinals from the beginning."""
        self._last_told = -1
        self._nameless = None
        self._speaking = False

    def speaking(self, speaks: bool, queued: int) -> None:
        """The engine begins or stops to speak."""
        if speaks == self._speaking:
            return
        self._speaking = speaks
        last = self._waiting[-1] if self._waiting else None
        if not speaks:
            if last is not None and last.end is None:
                last.end = queued
        elif last is None or last.end is not None or last.begin != queued:
            self._begin(queued)

    def named(self, ordinal: int, queued: int) -> list[Played]:
        """A transcript of the agent came. What can be told now that could not before."""
        if ordinal <= self._last_told:
            return []  # words about an utterance that was cut short
        last = self._waiting[-1] if self._waiting else None
        if last is not None:
            if last.ordinal is None:
                last.ordinal = ordinal
            elif last.ordinal != ordinal and last.end is None and queued > last.begin:
                self._begin(queued).ordinal = ordinal  # another one in the same breath
            return []
        if self._nameless is not None:
            played, interrupted = self._nameless
            self._nameless = None
            self._last_told = ordinal
            return [Played(ordinal, played, interrupted)]
        if self._speaking:
            self._begin(queued).ordinal = ordinal
        return []

    def _begin(self, queued: int) -> _Utterance:
        self._nameless = None
        if self._waiting and self._waiting[-1].end is None:
            self._waiting[-1].end = queued
        if len(self._waiting) == MAX_WAITING:
            self._waiting.popleft()
        begun = _Utterance(queued)
        self._waiting.append(begun)
        return begun

    def settle(self, played: int) -> list[Played]:
        """Those that were played to their end by now."""
        done = []
        waiting = self._waiting
        while waiting and waiting[0].end is not None and waiting[0].end <= played:
            done.append((waiting.popleft(), False))
        return self._told(done, played)

    def cleared(self, played: int) -> list[Played]:
        """What was not played yet is forgotten: those that it belonged to are cut short there."""
        done = []
        for utterance in self._waiting:
            whole = utterance.end is not None and utterance.end <= played
            done.append((utterance, not whole))
        self._waiting.clear()
        return self._told(done, played)

    def audible(self, heard: bool, played: int) -> list[Played]:
        """Whether what leaves the queue is heard at all: not on hold, and not while the agent is muted."""
        if heard == self._audible:
            return []
        told = self.cleared(played) if self._audible else []
        self._audible = heard
        for utterance in self._waiting:  # those that began unheard: what is left of them will be heard
            utterance.begin = max(utterance.begin, played)
        return told

    def _told(self, done: list[tuple[_Utterance, bool]], played: int) -> list[Played]:
        told = []
        for utterance, interrupted in done:
            end = played if utterance.end is None else min(utterance.end, played)
            length = max(0, end - utterance.begin) if self._audible else 0
            interrupted = interrupted or not self._audible
            if utterance.ordinal is None:
                self._nameless = (length, interrupted)
            else:
                self._last_told = max(self._last_told, utterance.ordinal)
                told.append(Played(utterance.ordinal, length, interrupted))
        return told
