"""The ITU's test sequences (G.722, Appendix II) may not be passed on. In their place FFmpeg's G.722, which
was written apart from the library used here, has to agree bit by bit, and one vector is held still.
"""

import hashlib
import struct

import numpy as np
import pytest

from media.codecs import create_codec
from tests.support.audio import Samples, dominant_tone, noise, tone
from tests.support.wideband_peer import G722 as FFMPEG
from tests.support.wideband_peer import Encoder, decode

RATE = 16000
# Analysis and synthesis filter together delay by 22 samples.
DELAY = 22


def pcm(audio: Samples) -> bytes:
    return audio.astype("<i2").tobytes()


def through(audio: Samples) -> Samples:
    encoder, decoder = create_codec("G722", 8000), create_codec("G722", 8000)
    decoded = b"".join(
        decoder.decode(encoder.encode(pcm(audio[at : at + 320]))) for at in range(0, len(audio), 320)
    )
    return np.frombuffer(decoded, dtype="<i2").astype(np.int16)


def snr_db(original: Samples, heard: Samples) -> float:
    """Behind the first 50 ms, in which the quantisers find their level."""
    wanted = original[800 : len(original) - DELAY].astype(float)
    error = heard[800 + DELAY :].astype(float) - wanted
    return float(10 * np.log10(np.sum(wanted**2) / np.sum(error**2)))


def test_20_ms_are_160_bytes_and_160_ticks_of_the_8_khz_clock() -> None:
    codec = create_codec("G722", 8000)
    payload = codec.encode(bytes(640))
    assert (len(payload), codec.ticks(payload), len(codec.decode(payload))) == (160, 160, 640)
    assert (codec.clock_rate, codec.sample_rate) == (8000, 16000)


@pytest.mark.parametrize(
    ("frequency", "least_db"), [(300, 25), (1000, 30), (3000, 20), (5000, 15), (6500, 12)]
)
def test_tones_of_the_whole_wide_band_survive(frequency: float, least_db: float) -> None:
    audio = tone(frequency, 500, rate=RATE)
    heard = through(audio)
    assert abs(dominant_tone(heard, RATE)[0] - frequency) < 5
    assert snr_db(audio, heard) > least_db


def speechlike() -> Samples:
    return (tone(1000, 200, rate=RATE) // 2 + noise(200, rate=RATE, level_dbfs=-24)).astype(np.int16)


def test_an_independent_decoder_hears_the_same_samples() -> None:
    audio = speechlike()
    payload = create_codec("G722", 8000).encode(pcm(audio))
    ours = create_codec("G722", 8000).decode(payload)
    assert pcm(decode(FFMPEG, [payload])) == ours


def test_an_independent_encoder_sends_the_same_bits() -> None:
    audio = speechlike()
    assert Encoder(FFMPEG).encode(audio) == create_codec("G722", 8000).encode(pcm(audio))


def test_bit_stream_stays_what_it_was() -> None:
    payload = create_codec("G722", 8000).encode(pcm(speechlike()))
    assert payload[:16].hex() == "ba166cb304a0a020a0b290888dbff3ac"
    assert hashlib.sha256(payload).hexdigest()[:32] == "06dfd50cd43e2a018d8ae886ef74cff9"


def test_frames_of_any_length_give_the_same_stream() -> None:
    audio = pcm(tone(700, 120, rate=RATE))
    whole, pieces = create_codec("G722", 8000), create_codec("G722", 8000)
    split = b"".join(pieces.encode(audio[at : at + 320]) for at in range(0, len(audio), 320))
    assert whole.encode(audio) == split


def test_encoder_takes_bytearrays_too() -> None:
    audio = pcm(tone(700, 20, rate=RATE))
    assert create_codec("G722", 8000).encode(bytearray(audio)) == create_codec("G722", 8000).encode(audio)


def test_encoded_silence_is_heard_as_silence_and_speech_goes_on_behind_it() -> None:
    encoder, decoder = create_codec("G722", 8000), create_codec("G722", 8000)
    assert encoder.silence(160) is None, "a ready-made payload would let both ends drift apart"
    speech = [pcm(tone(900, 20, rate=RATE))] * 5
    heard = [decoder.decode(encoder.encode(frame)) for frame in (*speech, *[bytes(640)] * 10, *speech)]
    assert max(map(abs, struct.unpack("<320h", heard[12]))) <= 8
    returned = np.frombuffer(b"".join(heard[16:]), dtype="<i2").astype(np.int16)
    assert abs(dominant_tone(returned, RATE)[0] - 900) < 15


def test_two_legs_share_no_state() -> None:
    first, second = create_codec("G722", 8000), create_codec("G722", 8000)
    audio = pcm(tone(700, 20, rate=RATE))
    first.encode(pcm(noise(100, rate=RATE)))
    assert second.encode(audio) == create_codec("G722", 8000).encode(audio)
