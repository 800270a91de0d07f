"""What a leg hears and says, for those who listen in: both channels on the leg's clock, some frames at a
time. Exists only while somebody listens.
"""

from __future__ import annotations

import audioop
from collections.abc import Callable

from media.messages import AudioHeard

# Frames of 20 ms that leave together: a tenth of a second, ten messages a second.
BATCH_FRAMES = 5


class ListenTap:
    """Collects the frames of one leg. Call `write` once every 20 ms; `emit` gets each batch."""

    __slots__ = ("_emit", "_frames", "_left", "_leg_id", "_right", "_sample_rate", "_sequence", "_silence")

    def __init__(self, leg_id: str, sample_rate: int, emit: Callable[[AudioHeard], None]) -> None:
        self._leg_id = leg_id
        self._sample_rate = sample_rate
        self._emit = emit
        self._silence = bytes(sample_rate // 50 * 2)
        self._left = bytearray()
        self._right = bytearray()
        self._frames = 0
        self._sequence = 0

    def write(self, caller: bytes | None, agent: bytes | bytearray | None) -> None:
        """One frame of each side, None for silence: left the far party, right what it hears."""
        self._left += caller or self._silence
        self._right += agent or self._silence
        self._frames += 1
        if self._frames < BATCH_FRAMES:
            return
        left = audioop.tostereo(self._left, 2, 1, 0)
        audio = audioop.add(left, audioop.tostereo(self._right, 2, 0, 1), 2)
        self._frames = 0
        self._left.clear()
        self._right.clear()
        self._sequence += 1
        self._emit(
            AudioHeard(
                leg_id=self._leg_id, sequence=self._sequence, sample_rate=self._sample_rate, audio=audio
            )
        )
