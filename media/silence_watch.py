"""The two watchdogs of a conversation: an agent that owes an answer and does not give it, a caller who says
nothing. Each has two stages, first something to be said, then the end.

No clock, no audio: who speaks is judged by `media.quality.turn_latency`, times are monotonic seconds. A stage
is told once; what resets it is speech of the party that was silent. Comfort noise is no speech.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    PROMPT = "prompt"  # say something
    END = "end"  # end the call


class _Stages:
    """Two limits in seconds, 0 = never, and which of them was told for the present silence."""

    __slots__ = ("_end_s", "_prompt_s", "_told")

    def __init__(self, prompt_s: float, end_s: float) -> None:
        self._prompt_s = prompt_s
        self._end_s = end_s
        self._told: Stage | None = None

    def reset(self) -> None:
        self._told = None

    def due(self, silent_s: float) -> Stage | None:
        """The stage that has come, once."""
        if self._told is Stage.END:
            return None
        if self._end_s and silent_s >= self._end_s:
            self._told = Stage.END
        elif self._prompt_s and silent_s >= self._prompt_s and self._told is None:
            self._told = Stage.PROMPT
        else:
            return None
        return self._told


class SilentAgent:
    """Watches what the agent owes. Its own filler, once it is heard, pays the debt."""

    __slots__ = ("_stages",)

    def __init__(self, prompt_s: float, end_s: float) -> None:
        self._stages = _Stages(prompt_s, end_s)

    def check(self, owed_since: float | None, now: float) -> tuple[Stage, int] | None:
        """`owed_since`: when the caller began to wait, None while nothing is owed. The stage that has come
        and the milliseconds of silence.
        """
        if owed_since is None:
            self._stages.reset()
            return None
        stage = self._stages.due(now - owed_since)
        return None if stage is None else (stage, int((now - owed_since) * 1000))


class SilentCaller:
    """Watches a caller who says nothing while the agent waits."""

    __slots__ = ("_since", "_stages", "_word")

    def __init__(self, prompt_s: float, end_s: float) -> None:
        self._stages = _Stages(prompt_s, end_s)
        self._since: float | None = None  # begin of the silence that was prompted
        self._word: float | None = None  # the caller's last sign of life then

    def check(
        self, resting_since: float | None, last_word: float | None, now: float
    ) -> tuple[Stage, int] | None:
        """`resting_since`: when both fell silent, None while one speaks; `last_word`: the caller's last sign
        of life.
        """
        if self._since is not None and last_word != self._word:
            self._since = None
            self._stages.reset()
        if resting_since is None:
            return None
        # What the agent says in answer to the prompt does not begin the silence anew.
        since = resting_since if self._since is None else self._since
        stage = self._stages.due(now - since)
        if stage is None:
            return None
        self._since, self._word = since, last_word
        return stage, int((now - since) * 1000)

    def reset(self) -> None:
        """The call was on hold, or the like: begin anew."""
        self._since = None
        self._stages.reset()
