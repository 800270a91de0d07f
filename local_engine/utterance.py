"""One stretch of agent audio, put together from spoken text, recorded audio and tones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_engine.actions import Audible, Chirp, Keypad, Play, Say, Silence, Tone
from local_engine.speech import Speech, Word
from local_engine.tones import chirp, keypad, silence, tone


@dataclass(frozen=True, slots=True)
class Utterance:
    """Audio at the call's output rate with its words on the utterance's clock."""

    pcm: bytes
    words: tuple[Word, ...]
    text: str
    uninterruptible: bool


# Asks for speech; the callback may come at once or later.
Speak = Callable[[str, Callable[[Speech], None]], None]


def spoken_text(parts: Sequence[Audible]) -> str:
    """All that is said in `parts`, in order."""
    return " ".join(part.text.strip() for part in parts if isinstance(part, Say) and part.text.strip())


class UtteranceBuilder:
    """Collects the speech of `parts` and then gives the utterance to `ready`, unless cancelled before."""

    def __init__(
        self, parts: Sequence[Audible], rate: int, speak: Speak, ready: Callable[[Utterance], None]
    ) -> None:
        self._parts = tuple(parts)
        self._rate = rate
        self._ready = ready
        self._speech: dict[int, Speech] = {}
        self._cancelled = False
        self._missing = sum(isinstance(part, Say) for part in self._parts)
        self._speak = speak

    @property
    def uninterruptible(self) -> bool:
        """Whether any part must be heard to its end."""
        return any(isinstance(part, Say) and part.uninterruptible for part in self._parts)

    def start(self) -> None:
        """Ask for all speech; `ready` is called before this returns when everything is at hand."""
        if not self._missing:
            self._finish()
            return
        for index, part in enumerate(self._parts):
            if isinstance(part, Say):
                self._speak(part.text, self._receiver(index))

    def cancel(self) -> None:
        """Forget it: `ready` will not be called."""
        self._cancelled = True

    def _receiver(self, index: int) -> Callable[[Speech], None]:
        def receive(speech: Speech) -> None:
            self._speech[index] = speech
            if len(self._speech) == self._missing and not self._cancelled:
                self._finish()

        return receive

    def _finish(self) -> None:
        audio: list[bytes] = []
        words: list[Word] = []
        length = 0
        for index, part in enumerate(self._parts):
            offset_ms = length * 500.0 / self._rate
            match part:
                case Say():
                    speech = self._speech[index]
                    piece = speech.pcm
                    for place, word in enumerate(speech.words):
                        text = f" {word.text}" if words and place == 0 else word.text
                        words.append(Word(text, offset_ms + word.start_ms))
                case Play(pcm):
                    piece = pcm
                case Tone(frequency, duration_ms):
                    piece = tone((frequency,), duration_ms, self._rate)
                case Chirp(low, high, duration_ms):
                    piece = chirp(low, high, duration_ms, self._rate)
                case Keypad(digits, tone_ms, space_ms):
                    piece = keypad(digits, self._rate, tone_ms, space_ms)
                case Silence(duration_ms):
                    piece = silence(duration_ms, self._rate)
            audio.append(piece)
            length += len(piece)
        text = spoken_text(self._parts)
        self._ready(Utterance(b"".join(audio), tuple(words), text, self.uninterruptible))
