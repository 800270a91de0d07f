"""Speech for the calls: one synthesis thread, a bounded queue before it and a bounded cache behind it.

Audio comes out at the call's own rate, band-limited, levelled and without the synthesiser's leading and
trailing silence. The event loop never waits: `request` answers from the cache at once or later through its
callback.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from local_engine.errors import SpeechQueueFull, SpeechUnavailable
from local_engine.espeak import Espeak, Synthesis
from local_engine.resample import resample
from local_engine.voices import SpeakingVoice, speaking_voice

# Half of full scale: loud enough on a phone, with head room for a codec's overshoot.
PEAK = 16384
# Samples below this (out of 32768, before levelling) count as the synthesiser's silence.
_SILENCE = 60
_TRAILING_MS = 80

# Longer texts are cut: an utterance must fit the client's 30 s buffer many times over, not without end.
MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its punctuation and the blank before it, and when it begins (ms from the utterance's first
    sample).
    """

    text: str
    start_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text: s16le mono `pcm` at `rate` Hz, and its words in order."""

    text: str
    pcm: bytes
    rate: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SpeechKey:
    """All that decides how an utterance sounds."""

    text: str
    voice: SpeakingVoice
    rate: int


SpeechCallback = Callable[[Speech], None]


def make_speech(key: SpeechKey, synthesis: Synthesis) -> Speech:
    """Turn the synthesiser's output into a call's audio: trimmed, resampled, levelled, with words on its
    clock.
    """
    samples = np.frombuffer(synthesis.pcm, dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _SILENCE)
    if not len(loud):
        return Speech(key.text, b"", key.rate, ())
    first = int(loud[0])
    last = min(len(samples), int(loud[-1]) + 1 + synthesis.rate * _TRAILING_MS // 1000)
    trimmed = samples[first:last].astype(np.float64)
    trimmed *= PEAK / np.abs(trimmed).max()
    audio = resample(trimmed.astype(np.int16), synthesis.rate, key.rate)
    marks = [(m.position, max(0.0, (m.sample - first) * 1000.0 / synthesis.rate)) for m in synthesis.words]
    return Speech(key.text, audio.astype("<i2").tobytes(), key.rate, split_words(key.text, marks))


def split_words(text: str, marks: Iterable[tuple[int, float]]) -> tuple[Word, ...]:
    """Cut `text` at the words' first characters; all pieces together are the text without outer blanks.

    `marks` are (character, ms) pairs; one that does not move forward through the text is dropped, as the
    synthesiser reports several for a symbol it spells out.
    """
    forward: list[tuple[int, float]] = []
    for position, start_ms in marks:
        if position < len(text) and (not forward or position > forward[-1][0]):
            forward.append((position, start_ms))
    if not forward:
        return (Word(text.strip(), 0.0),) if text.strip() else ()
    forward[0] = (0, forward[0][1])
    words: list[Word] = []
    begin = len(text) - len(text.lstrip())
    for index, (_, start_ms) in enumerate(forward):
        upto = forward[index + 1][0] if index + 1 < len(forward) else len(text)
        end = len(text[:upto].rstrip())
        if end > begin:
            words.append(Word(text[begin:end], start_ms))
            begin = end
    return tuple(words)


class SpeechService:
    """Synthesises for all calls of the process. `start` before use; every method on the event loop."""

    def __init__(self, *, cache_bytes: int = 32 * 1024 * 1024, queue_limit: int = 256) -> None:
        self._cache: OrderedDict[SpeechKey, Speech] = OrderedDict()
        self._cached_bytes = 0
        self._cache_limit = cache_bytes
        self._queue_limit = queue_limit
        self._waiting: dict[SpeechKey, list[SpeechCallback]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="speech")
        self._espeak: Espeak | None = None
        self._languages: frozenset[str] = frozenset()
        self.refused = 0
        self.failed = 0

    async def start(self, phrases: Iterable[str] = (), rates: Iterable[int] = ()) -> None:
        """Load the library and fill the cache with `phrases` in the default voice.

        Raises `SpeechUnavailable`.
        """
        loop = asyncio.get_running_loop()
        self._espeak = await loop.run_in_executor(self._thread, Espeak)
        self._languages = self._espeak.languages
        voice = self.voice(None, None)
        for rate in rates:
            for phrase in phrases:
                key = SpeechKey(phrase, voice, rate)
                self._keep(key, await loop.run_in_executor(self._thread, self._synthesize, key))

    def close(self) -> None:
        """Drop what waits and end the thread."""
        self._waiting.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def voice(self, voice: str | None, language_hint: str | None) -> SpeakingVoice:
        """How a call with this voice id and language hint sounds."""
        return speaking_voice(voice, language_hint, self._languages)

    @property
    def pending(self) -> int:
        """Utterances that wait for the thread."""
        return len(self._waiting)

    def request(self, key: SpeechKey, callback: SpeechCallback) -> None:
        """Call `callback` with the speech: before this returns when it is cached, else later on the loop.

        Speech the library refuses arrives without audio. Raises `SpeechQueueFull`.
        """
        key = SpeechKey(key.text[:MAX_TEXT], key.voice, key.rate)
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            callback(cached)
            return
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(callback)
            return
        if len(self._waiting) >= self._queue_limit:
            self.refused += 1
            raise SpeechQueueFull(f"{self._queue_limit} utterances are waiting")
        self._waiting[key] = [callback]
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._synthesize, key)
        future.add_done_callback(lambda done: self._finished(key, done))

    def _finished(self, key: SpeechKey, done: asyncio.Future[Speech]) -> None:
        callbacks = self._waiting.pop(key, [])
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self.failed += 1
            speech = Speech(key.text, b"", key.rate, ())
        else:
            speech = done.result()
            self._keep(key, speech)
        for callback in callbacks:
            callback(speech)

    def _synthesize(self, key: SpeechKey) -> Speech:
        if self._espeak is None:
            raise SpeechUnavailable("the speech service was not started")
        return make_speech(key, self._espeak.synthesize(key.text, key.voice.language, key.voice.variant))

    def _keep(self, key: SpeechKey, speech: Speech) -> None:
        if len(speech.pcm) > self._cache_limit or key in self._cache:
            return
        self._cache[key] = speech
        self._cached_bytes += len(speech.pcm)
        while self._cached_bytes > self._cache_limit:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped.pcm)
