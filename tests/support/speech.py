"""Real speech for a test to send, synthesised with the local engine's library."""

from __future__ import annotations

import functools

import numpy as np

from local_engine.espeak import Espeak
from local_engine.speech import SpeechKey, make_speech
from local_engine.voices import speaking_voice
from tests.support.audio import RATE, Samples


@functools.cache
def _espeak() -> Espeak:
    return Espeak()


def spoken(text: str, rate: int = RATE, voice_name: str | None = None) -> Samples:
    """`text` in the default voice or that of the catalogue's name, at `rate` Hz. No two calls give the same
    samples: keep what you got.
    """
    espeak = _espeak()
    voice = speaking_voice(voice_name, None, espeak.languages)
    speech = make_speech(SpeechKey(text, voice, rate), espeak.synthesize(text, voice.language, voice.variant))
    return np.frombuffer(speech.pcm, dtype="<i2").astype(np.int16)
