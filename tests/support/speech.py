"""Real speech for a test to send, synthesised with the local engine's library."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

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


def spoken_alike(text: str, rate: int = RATE) -> Samples:
    """`text` in the default voice at `rate` Hz, the same samples each time: for a test that measures. They
    come from a process that has said nothing before.
    """
    program = (
        "import sys; from tests.support.speech import spoken; "
        "sys.stdout.buffer.write(spoken(sys.argv[1], int(sys.argv[2])).tobytes())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, text, str(rate)],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return np.frombuffer(said.stdout, dtype="<i2").astype(np.int16)
