"""The speech synthesiser: a thin binding of libespeak-ng through `ctypes`.

The library keeps global state and is not thread-safe: it is started once for the process, and whoever uses it
takes turns. The wheel `espeakng-loader` brings the shared library and its language data.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from dataclasses import dataclass
from typing import Any

import espeakng_loader  # type: ignore[import-untyped]

from local_engine.errors import SpeechUnavailable

# Values of speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_EVENT_LIST_END = 0
_EVENT_WORD = 1
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1

WORDS_PER_MINUTE = 165


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class WordMark:
    """A word's place: first character in the text (0-based) and first sample in the audio."""

    position: int
    sample: int


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Mono s16le audio at `rate` Hz with the words' places, in order."""

    pcm: bytes
    rate: int
    words: tuple[WordMark, ...]


_turn = threading.Lock()


@functools.cache
def _started() -> tuple[Any, int]:
    """The library, and the sample rate in Hz at which it speaks. Another start would take its memory from
    under whoever is speaking.
    """
    try:
        library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path()
    except (OSError, RuntimeError) as error:
        raise SpeechUnavailable(f"libespeak-ng cannot be loaded: {error}") from error
    rate = int(library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data_path.encode(), 0))
    if rate <= 0:
        raise SpeechUnavailable(f"libespeak-ng did not start with data in {data_path}")
    library.espeak_SetParameter(_PARAMETER_RATE, WORDS_PER_MINUTE, 0)
    return library, rate


class Espeak:
    """The loaded library. Raises `SpeechUnavailable` when it cannot be loaded."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._words: list[WordMark] = []
        self._callback = _SynthCallback(self._collect)
        with _turn:
            self._library, self._rate = _started()
            self._voices = self._list_voices()

    @property
    def rate(self) -> int:
        """The sample rate of everything it synthesises, in Hz."""
        return self._rate

    @property
    def languages(self) -> frozenset[str]:
        """The language tags it can speak, lower case (`"en-us"`, `"de"`)."""
        return frozenset(self._voices)

    def synthesize(self, text: str, language: str, variant: str) -> Synthesis:
        """Speak `text`. `language` is one of `languages`, `variant` a voice variant such as `"f3"`.

        The library carries the phase of its voice along from text to text, so that the same text spoken twice
        sounds alike but differs in its samples. Raises `SpeechUnavailable` when it refuses the voice or text.
        """
        with _turn:
            return self._synthesize(text, f"{self._voices.get(language, language)}+{variant}")

    def _synthesize(self, text: str, name: str) -> Synthesis:
        # The library keeps the pointer only, and the one it has may be of an object that is gone.
        self._library.espeak_SetSynthCallback(self._callback)
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise SpeechUnavailable(f"no voice {name!r}")
        self._audio.clear()
        self._words.clear()
        encoded = text.replace("\0", " ").encode() + b"\0"
        status = self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != 0:
            raise SpeechUnavailable(f"espeak_Synth answered {status}")
        return Synthesis(bytes(self._audio), self._rate, tuple(self._words))

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._audio += ctypes.string_at(samples, count * 2)
        index = 0
        while (event := events[index]).type != _EVENT_LIST_END:
            if event.type == _EVENT_WORD:
                self._words.append(WordMark(max(event.text_position - 1, 0), event.sample))
            index += 1
        return 0

    def _list_voices(self) -> dict[str, str]:
        """Language tag -> voice identifier (its file below the data folder)."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        listed = self._library.espeak_ListVoices(None)
        found: dict[str, tuple[int, str]] = {}
        index = 0
        while listed[index]:
            voice = listed[index].contents
            identifier = voice.identifier.decode()
            for priority, language in _language_list(voice.languages):
                if language not in found or priority < found[language][0]:
                    found[language] = (priority, identifier.rsplit("/", 1)[-1])
            index += 1
        return {language: identifier for language, (_, identifier) in found.items()}


def _language_list(address: int | None) -> list[tuple[int, str]]:
    """Decodes espeak's list: (priority byte, zero-ended tag) pairs, ended by a zero byte."""
    found: list[tuple[int, str]] = []
    if not address:
        return found
    while (priority := ctypes.c_ubyte.from_address(address).value) != 0:
        tag = ctypes.string_at(address + 1)
        found.append((priority, tag.decode(errors="replace").lower()))
        address += len(tag) + 2
    return found
