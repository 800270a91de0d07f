"""Calls answered by people and by machines, synthesised: espeak voices, noise of the line, G.711, beeps.

The same for the same seed. People say one short thing and wait; machines talk for 3 to 10 seconds and beep.
"""

from __future__ import annotations

import audioop
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from local_engine.espeak import Espeak

RATE = 8000
FRAME_BYTES = 320
SEED = 20

HUMAN = (
    ("en-us", "Hello?"),
    ("en-us", "Yes?"),
    ("en-gb", "Yes, this is Anna."),
    ("en-us", "Hi, Tom speaking."),
    ("en-gb", "Good morning, Miller."),
    ("en-us", "Hello, who is this?"),
    ("en-gb", "Hello. Hello?"),
    ("de", "Ja, hallo?"),
    ("de", "Müller, guten Tag."),
    ("fr", "Allô, oui?"),
    ("es", "¿Sí, dígame?"),
    ("it", "Pronto?"),
)
MACHINE = (
    ("en-us", "Hi, you have reached Anna. Please leave a message after the tone."),
    ("en-us", "Your call has been forwarded to an automated voice message system. At the tone, please "
     "record your message."),
    ("en-gb", "Hello, this is the voicemail of Tom Miller. I can't come to the phone right now, so please "
     "leave your name and number, and I will call you back as soon as I can. Thank you."),
    ("en-gb", "The person you are calling is not available. Please speak after the tone."),
    ("en-us", "Hey, it's Jenny, you know what to do. Leave me a message and have a great day."),
    ("en-us", "Thank you for calling Bright Dental. Our office is closed. We are open from nine to five."),
    ("de", "Guten Tag, Sie sind mit dem Anschluss von Familie Müller verbunden. Bitte hinterlassen Sie eine "
     "Nachricht nach dem Signalton."),
    ("fr", "Bonjour, vous êtes bien sur la messagerie de Marie. Laissez-moi un message après le bip sonore."),
    ("es", "Hola, ahora no puedo atenderle. Por favor, deje su mensaje después de la señal."),
    ("it", "Risponde la segreteria telefonica di Marco Rossi. Lasciate un messaggio dopo il segnale."),
)  # fmt: skip
VOICES = ("m1", "m3", "m7", "f1", "f2", "f5")
SNR_DB: tuple[float | None, ...] = (None, 30.0, 20.0, 10.0)
SPEECH_RMS = 2500.0


@dataclass(frozen=True)
class Item:
    """One answered call: the far party's audio at 8 kHz, s16le, whole frames."""

    name: str
    machine: bool
    pcm: bytes
    speech_ms: tuple[int, int]  # begin and end of what is said
    beep_ms: tuple[int, int] | None  # begin and end of the beep

    def frames(self) -> Iterator[bytes]:
        for start in range(0, len(self.pcm), FRAME_BYTES):
            yield self.pcm[start : start + FRAME_BYTES]


@cache
def _espeak() -> Espeak:
    return Espeak()


@cache
def speak(language: str, text: str, voice: str) -> NDArray[np.float64]:
    """Speech at 8 kHz with a root mean square of `SPEECH_RMS`, without silence at its ends."""
    spoken = _espeak().synthesize(text, language, voice)
    pcm, _ = audioop.ratecv(spoken.pcm, 2, 1, spoken.rate, RATE, None)
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 300)
    samples = samples[loud[0] : loud[-1] + 1]
    scaled: NDArray[np.float64] = samples * (SPEECH_RMS / np.sqrt(np.mean(samples**2)))
    return scaled


def silence(milliseconds: float) -> NDArray[np.float64]:
    return np.zeros(int(milliseconds * RATE / 1000))


def beep(frequency: float, milliseconds: float, level: float = 4000.0) -> NDArray[np.float64]:
    times = np.arange(int(milliseconds * RATE / 1000)) / RATE
    tone: NDArray[np.float64] = level * np.sin(2 * np.pi * frequency * times)
    return tone


def over_the_line(
    samples: NDArray[np.float64], snr_db: float | None, a_law: bool, noise: np.random.Generator
) -> bytes:
    """With the line's noise, half of it hum-like below 500 Hz, through G.711 and back, in whole frames."""
    if snr_db is not None:
        hiss = noise.normal(size=len(samples))
        rumble = np.convolve(noise.normal(size=len(samples)), np.ones(16) / 4, mode="same")
        level = SPEECH_RMS * 10 ** (-snr_db / 20)
        samples = samples + (hiss + rumble) * level / np.sqrt(2)
    pcm = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    if a_law:
        return audioop.alaw2lin(audioop.lin2alaw(pcm, 2), 2)
    return audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)


def _assemble(
    name: str,
    machine: bool,
    speech: NDArray[np.float64],
    beep_part: NDArray[np.float64] | None,
    index: int,
    random: np.random.Generator,
) -> Item:
    """One call: a pause, what is said, a pause and the beep, the wait for us to speak."""
    lead_ms = float(random.uniform(60, 1500))
    parts = [silence(lead_ms), speech]
    speech_end = lead_ms + len(speech) * 1000 / RATE
    beep_at: tuple[int, int] | None = None
    if beep_part is not None:
        gap_ms = float(random.uniform(150, 2000))
        parts += [silence(gap_ms), beep_part]
        begin = speech_end + gap_ms
        beep_at = (int(begin), int(begin + len(beep_part) * 1000 / RATE))
    parts.append(silence(2500))
    snr = SNR_DB[index % len(SNR_DB)]
    pcm = over_the_line(np.concatenate(parts), snr, bool(index % 2), random)
    return Item(f"{name}, SNR {snr}", machine, pcm, (int(lead_ms), int(speech_end)), beep_at)


@cache
def corpus() -> tuple[Item, ...]:
    """264 calls, 144 answered by people and 120 by machines."""
    random = np.random.default_rng(SEED)
    items: list[Item] = []
    index = 0
    for language, text in HUMAN:
        for voice in VOICES:
            for _ in range(2):
                items.append(
                    _assemble(f"{text} ({voice})", False, speak(language, text, voice), None, index, random)
                )
                index += 1
            index += 1  # so that a voice does not always get the same noise
    for language, text in MACHINE:
        for voice in VOICES:
            for _ in range(2):
                tone = beep(
                    float(random.uniform(380, 2150)),
                    float(random.uniform(120, 950)),
                    float(random.uniform(1500, 6000)),
                )
                items.append(
                    _assemble(f"{text} ({voice})", True, speak(language, text, voice), tone, index, random)
                )
                index += 1
            index += 1
    return tuple(items)


HARD_HUMAN = (
    ("en-us", "Good afternoon, Bright Dental, Susan speaking, how can I help you?"),
    ("en-gb", "Thank you for calling Miller and Sons, my name is Tom."),
    ("de", "Praxis Doktor Schneider, mein Name ist Weber, was kann ich für Sie tun?"),
)
HARD_MACHINE = (
    ("en-us", "Hi, this is Tom.", "I'm not here right now. Leave a message and I will call you back."),
    ("en-gb", "Hello?", "Haha, I'm not really here. Please leave a message after the tone."),
    ("de", "Hallo!", "Hier ist Anna. Ich bin gerade nicht da. Nachrichten bitte nach dem Ton."),
)


@cache
def hard_corpus() -> tuple[Item, ...]:
    """What deceives a detector that knows no words: receptions with a long greeting, machines that pause."""
    random = np.random.default_rng(SEED + 1)
    items: list[Item] = []
    for voice in VOICES:
        for language, text in HARD_HUMAN:
            items.append(
                _assemble(f"{text} ({voice})", False, speak(language, text, voice), None, len(items), random)
            )
        for language, first, second in HARD_MACHINE:
            pause = silence(float(random.uniform(500, 1100)))
            whole = np.concatenate([speak(language, first, voice), pause, speak(language, second, voice)])
            items.append(
                _assemble(f"{first} {second} ({voice})", True, whole, beep(1000, 400), len(items), random)
            )
    return tuple(items)
