"""How a leg sounds on the line: gain with a limiter in both directions, and a floor of noise instead of
digital silence.

Echo-safe: what comes back of the agent's own voice is never louder to the engine than it would be without
any gain. While the agent is heard, and for as long as an echo may take, the contact's gain is lowered until
both gains together are 0 dB at most. Frames are s16le mono of 20 ms; no clock. A leg without gain and
without noise has no `LineSound` and pays nothing.
"""

from __future__ import annotations

import audioop

import numpy as np
from numpy.typing import NDArray

from media.comfort_noise import ComfortNoise, noise_rms
from media.config import MediaConfig

# What the limiter lets through at most: 1 dB below full scale.
CEILING = 29_204
# After a loud frame the gain comes back by so much a frame (25 dB a second): slow enough not to pump.
RELEASE_DB = 0.5
# A change of the gain is spread over this much of a frame, so that it does not click.
RAMP_MS = 5
# The agent's frames at about -50 dBFS and above come back as an echo that matters...
ECHO_RMS = 100
# ...within this: the jitter buffers of both sides, the network there and back, and the room.
ECHO_FRAMES = 25


class Gain:
    """One direction. `target_db` may change from frame to frame."""

    __slots__ = ("_db", "_factor", "_ramp_samples")

    def __init__(self, sample_rate: int, target_db: float) -> None:
        self._db = target_db
        self._factor = _factor(target_db)
        self._ramp_samples = sample_rate * RAMP_MS // 1000

    def apply(self, frame: bytes | bytearray, target_db: float) -> bytes:
        """The frame at the gain wanted, less where it would exceed `CEILING`."""
        wanted = _factor(min(target_db, self._db + RELEASE_DB))
        peak = audioop.max(frame, 2)
        if peak * wanted > CEILING:
            # Attenuation that was asked for stays; a peak alone is never a reason to amplify.
            wanted = CEILING / peak
        before, self._factor = self._factor, wanted
        self._db = 20 * float(np.log10(wanted))
        if abs(wanted - before) > 0.001:
            return self._ramp(frame, before, wanted)
        return bytes(frame) if wanted == 1.0 else audioop.mul(frame, 2, wanted)

    def _ramp(self, frame: bytes | bytearray, before: float, after: float) -> bytes:
        audio: NDArray[np.float32] = np.frombuffer(bytes(frame), dtype="<i2").astype(np.float32)
        length = min(self._ramp_samples, len(audio))
        audio[:length] *= np.linspace(before, after, length, dtype=np.float32)
        audio[length:] *= after
        return np.clip(audio, -CEILING, CEILING).astype("<i2").tobytes()


def _factor(db: float) -> float:
    return float(10.0 ** (db / 20))


class LineSound:
    """Both directions of one leg at `sample_rate` (Hz), the leg's own rate."""

    __slots__ = (
        "_agent",
        "_agent_db",
        "_caller",
        "_caller_db",
        "_echo_frames",
        "_noise",
        "_noise_rms",
        "_samples",
        "by_people",
    )

    def __init__(self, config: MediaConfig, sample_rate: int) -> None:
        self._agent_db = config.agent_gain_db
        self._caller_db = config.caller_gain_db
        self._agent = Gain(sample_rate, self._agent_db) if self._agent_db else None
        self._caller = Gain(sample_rate, self._caller_db) if self._caller_db else None
        # What the contact hears is another person, whom the agent's gain does not concern.
        self.by_people = False
        self._echo_frames = 0  # for so many frames more an echo may come
        self._samples = sample_rate // 50
        self._noise = ComfortNoise()
        level = config.comfort_noise_dbov
        self._noise_rms = noise_rms(bytes([round(-level)])) if level is not None else None

    def inward(self, caller: bytes | None) -> bytes | None:
        """The contact's frame as the engine shall hear it."""
        gain = self._caller
        if gain is None or caller is None:
            return caller
        agent_db = 0.0 if self.by_people else self._agent_db
        if self._echo_frames and agent_db + self._caller_db > 0:
            return gain.apply(caller, min(self._caller_db, -agent_db))
        return gain.apply(caller, self._caller_db)

    def outward(self, agent: bytes | bytearray | None) -> bytes | bytearray | None:
        """What the agent says as it goes to the line, without the noise."""
        if agent is None:
            if self._echo_frames:
                self._echo_frames -= 1
            return None
        if audioop.rms(agent, 2) > ECHO_RMS:
            self._echo_frames = ECHO_FRAMES
        elif self._echo_frames:
            self._echo_frames -= 1
        return agent if self._agent is None or self.by_people else self._agent.apply(agent, self._agent_db)

    def with_noise(self, frame: bytes | bytearray | None) -> bytes | bytearray | None:
        """The frame with the noise under it, which goes on while somebody speaks: its coming and going would
        be heard.
        """
        rms = self._noise_rms
        if rms is None:
            return frame
        noise = self._noise.take(self._samples, rms)
        return noise if frame is None else audioop.add(frame, noise, 2)


def line_sound(config: MediaConfig, sample_rate: int) -> LineSound | None:
    """None when nothing is to be changed."""
    if config.agent_gain_db or config.caller_gain_db or config.comfort_noise_dbov is not None:
        return LineSound(config, sample_rate)
    return None
