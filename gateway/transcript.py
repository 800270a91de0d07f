"""The transcript of a call in the product's shape, built from the engine's messages.

One utterance has one `ordinal`; `text` replaces what stood there, `delta` appends, and a non-empty `text`
wins when both come (Ultravox data messages, "transcript"). The timestamp is that of the first message of
the utterance, on the leg's audio clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.records import TranscriptEntry

USER = "user"  # the far party, as the engine calls it
SPEAKERS = {"agent": "agent", USER: "contact"}
UTTERANCE_LIMIT = 5_000  # utterances kept for one call


@dataclass(slots=True)
class _Utterance:
    speaker: str
    text: str
    media_ms: int
    final: bool = False
    played_ms: int | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance as far as it is known. `ordinal` counts through the whole call."""

    ordinal: int
    speaker: str
    text: str
    final: bool


class Transcript:
    """Collects utterances by ordinal; bounded by `UTTERANCE_LIMIT`."""

    def __init__(self) -> None:
        self._utterances: dict[int, _Utterance] = {}
        self._base = 0
        self.dropped = 0

    def add(
        self, role: str, ordinal: int, *, text: str | None, delta: str | None, final: bool, media_ms: int
    ) -> TranscriptEntry | None:
        """Take one message; returns the finished utterance when this one made it final."""
        speaker = SPEAKERS.get(role)
        if speaker is None:
            return None
        key = self._base + ordinal
        utterance = self._utterances.get(key)
        if utterance is None:
            if len(self._utterances) >= UTTERANCE_LIMIT:
                self.dropped += 1
                return None
            utterance = self._utterances[key] = _Utterance(speaker, "", media_ms)
        if text:
            utterance.text = text
        elif delta:
            utterance.text += delta
        utterance.final = utterance.final or final
        return _entry(utterance) if final and utterance.text.strip() else None

    def played(self, ordinal: int, played_ms: int, *, interrupted: bool) -> None:
        """How much of an utterance of the agent the far party heard; before or after its text."""
        key = self._base + ordinal
        utterance = self._utterances.get(key)
        if utterance is not None:
            utterance.played_ms = played_ms
            utterance.interrupted = interrupted

    def said(self, ordinal: int) -> Said | None:
        """The utterance that the engine counts so now."""
        return self._said(self._base + ordinal)

    def so_far(self) -> list[Said]:
        """All utterances, unfinished ones too, in their order."""
        found = (self._said(key) for key in sorted(self._utterances))
        return [each for each in found if each is not None and each.text]

    def _said(self, key: int) -> Said | None:
        utterance = self._utterances.get(key)
        if utterance is None:
            return None
        return Said(key, utterance.speaker, utterance.text.strip(), utterance.final)

    def continue_after_new_engine_call(self) -> None:
        """A new engine call counts its ordinals from nought again: put them behind those known."""
        self._base = max(self._utterances, default=-1) + 1

    def entries(self) -> tuple[TranscriptEntry, ...]:
        """All utterances with text, in the order of their ordinals."""
        return tuple(
            _entry(utterance) for _, utterance in sorted(self._utterances.items()) if utterance.text.strip()
        )


def _entry(utterance: _Utterance) -> TranscriptEntry:
    return TranscriptEntry(
        utterance.speaker,
        utterance.text.strip(),
        round(utterance.media_ms / 1000, 1),
        interrupted=utterance.interrupted,
        played_ms=utterance.played_ms,
    )
