"""Transcript messages: one sequence of ordinals over both sides, the agent's words on the playback clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local_engine.speech import Word

VOICE = "voice"
TEXT = "text"
USER = "user"
AGENT = "agent"


def transcript_message(
    role: str, medium: str, ordinal: int, *, text: str | None = None, delta: str | None = None, final: bool
) -> dict[str, Any]:
    """A `transcript` data message with `text` or `delta`."""
    message: dict[str, Any] = {"type": "transcript", "role": role, "medium": medium}
    if delta is not None:
        message["delta"] = delta
    else:
        message["text"] = text or ""
    message["final"] = final
    message["ordinal"] = ordinal
    return message


def heard_text(speech_ms: float) -> str:
    """What stands for the caller's words: there is no recognition here, and none is pretended."""
    return f"[speech, {speech_ms / 1000:.1f} s]"


class SpokenTranscript:
    """The words of one spoken utterance, told as they are played."""

    __slots__ = ("_told", "_words", "ordinal")

    def __init__(self, ordinal: int, words: Sequence[Word]) -> None:
        self.ordinal = ordinal
        self._words = words
        self._told = 0

    @property
    def spoken(self) -> str:
        """What has been told so far."""
        return "".join(word.text for word in self._words[: self._told])

    def advance(self, played_ms: float) -> list[dict[str, Any]]:
        """Messages for the words begun by `played_ms`: `text` for the first, `delta` for each later one."""
        messages: list[dict[str, Any]] = []
        while self._told < len(self._words) and self._words[self._told].start_ms < played_ms:
            word = self._words[self._told].text
            key = "delta" if self._told else "text"
            message = transcript_message(AGENT, VOICE, self.ordinal, final=False, **{key: word})
            messages.append(message)
            self._told += 1
        return messages

    def complete(self) -> dict[str, Any]:
        """The final message after the whole utterance."""
        self._told = len(self._words)
        return self.cut()

    def cut(self) -> dict[str, Any]:
        """The final message for what was told until now."""
        return transcript_message(AGENT, VOICE, self.ordinal, text=self.spoken, final=True)
