"""Keeps what a call sounded like, within bounds: the caller's audio as it came, and the agent's as it was
heard.
"""

from __future__ import annotations

import io
import wave
from collections import deque

import numpy as np

from local_engine.resample import resample

KEEP_INPUT_S = 120
KEEP_CONVERSATION_S = 900


def wav_file(pcm: bytes, rate: int) -> bytes:
    """s16le mono audio as a WAV file."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return target.getvalue()


class Recorder:
    """The caller's last `keep_s` seconds at `rate` Hz, addressable by their place in the whole input.

    With `conversation`, also where the agent's utterances were heard, for a mixed recording.
    """

    __slots__ = (
        "_agent",
        "_agent_bytes",
        "_kept",
        "_limit",
        "_output",
        "_output_kept",
        "_parts",
        "_total",
        "conversation",
        "rate",
    )

    def __init__(self, rate: int, *, keep_s: int = KEEP_INPUT_S, conversation: bool = False) -> None:
        self.rate = rate
        self.conversation = conversation
        self._limit = 2 * rate * (KEEP_CONVERSATION_S if conversation else keep_s)
        self._parts: deque[bytes] = deque()
        self._kept = 0
        self._total = 0
        self._agent: list[tuple[int, bytes]] = []
        self._agent_bytes = 0
        self._output: deque[bytes] = deque()
        self._output_kept = 0

    @property
    def input_ms(self) -> float:
        """How much audio has come in all."""
        return self._total * 500.0 / self.rate

    @property
    def kept_bytes(self) -> int:
        """How much memory the audio takes."""
        return self._kept + self._agent_bytes + self._output_kept

    def add_input(self, pcm: bytes) -> None:
        """Append what the caller said; the oldest audio goes when the limit is passed."""
        self._parts.append(pcm)
        self._kept += len(pcm)
        self._total += len(pcm)
        while self._kept > self._limit:
            self._kept -= len(self._parts.popleft())

    def input_pcm(self, start_ms: float = 0.0, end_ms: float | None = None) -> bytes:
        """The caller's audio between two places in the whole input, as far as it is kept."""
        first_kept = self._total - self._kept
        start = max(self._offset(start_ms), first_kept)
        end = self._total if end_ms is None else min(self._offset(end_ms), self._total)
        pieces: list[bytes] = []
        position = self._total
        for part in reversed(self._parts):
            begin = position - len(part)
            if begin < end and position > start:
                pieces.append(part[max(start - begin, 0) : min(end, position) - begin])
            if begin <= start:
                break
            position = begin
        return b"".join(reversed(pieces))

    def add_output(self, pcm: bytes) -> None:
        """Append what was sent to the client; the oldest audio goes when the limit is passed."""
        self._output.append(pcm)
        self._output_kept += len(pcm)
        while self._output_kept > self._limit:
            self._output_kept -= len(self._output.popleft())

    def output_pcm(self) -> bytes:
        """All audio sent, as far as it is kept, without the pauses in between."""
        return b"".join(self._output)

    def add_agent(self, pcm: bytes, rate: int, began_ms: float) -> None:
        """The agent was heard from `began_ms` of the input's clock on."""
        if not self.conversation or self._agent_bytes > 2 * rate * KEEP_CONVERSATION_S:
            return
        self._agent_bytes += len(pcm)
        samples = resample(np.frombuffer(pcm, dtype="<i2"), rate, self.rate)
        self._agent.append((self._offset(began_ms), samples.astype("<i2").tobytes()))

    def mixed_pcm(self) -> bytes:
        """Both sides in one channel, at the input's rate, from the first kept input on."""
        first_kept = self._total - self._kept
        end = max([self._total, *(start + len(pcm) for start, pcm in self._agent)])
        mixed = np.zeros((end - first_kept) // 2, dtype=np.int32)
        caller = np.frombuffer(b"".join(self._parts), dtype="<i2")
        mixed[: len(caller)] += caller
        for start, pcm in self._agent:
            at = (start - first_kept) // 2
            samples = np.frombuffer(pcm, dtype="<i2")[max(0, -at) :]
            at = max(at, 0)
            mixed[at : at + len(samples)] += samples[: max(0, len(mixed) - at)]
        return np.clip(mixed, -32768, 32767).astype("<i2").tobytes()

    def _offset(self, ms: float) -> int:
        return 2 * round(max(ms, 0.0) * self.rate / 1000)
