import math
import struct

import pytest

from media.codecs import Codec, UnknownCodecError, create_codec


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_speech_level_audio_survives_within_the_law_s_error(name: str) -> None:
    codec = create_codec(name, 8000)
    samples = [int(12000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(160)]
    pcm = struct.pack("<160h", *samples)
    payload = codec.encode(pcm)
    assert len(payload) == 160
    decoded = struct.unpack("<160h", codec.decode(payload))
    error = sum((a - b) ** 2 for a, b in zip(samples, decoded, strict=True))
    assert 10 * math.log10(sum(a * a for a in samples) / error) > 35


@pytest.mark.parametrize(
    ("name", "sample", "code"), [("PCMU", 0, 0xFF), ("PCMU", -32768, 0x00), ("PCMA", 0, 0xD5)]
)
def test_codes_are_those_of_the_standard(name: str, sample: int, code: int) -> None:
    assert create_codec(name, 8000).encode(struct.pack("<h", sample)) == bytes((code,))


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_silence_is_silent(name: str) -> None:
    codec: Codec = create_codec(name, 8000)
    decoded = struct.unpack("<160h", codec.decode(codec.silence(160)))
    assert max(map(abs, decoded)) <= 8
    assert codec.ticks(codec.silence(80)) == 80


def test_names_are_compared_without_case_and_unknown_ones_refused() -> None:
    assert create_codec("pcmu", 8000).name == "PCMU"
    with pytest.raises(UnknownCodecError):
        create_codec("PCMU", 16000)
    with pytest.raises(UnknownCodecError):
        create_codec("AMR", 8000)
