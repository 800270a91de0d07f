import bisect
import math
import struct

import av
import numpy as np
import pytest

from media.codecs import Codec, UnknownCodecError, create_codec
from tests.support.g711 import Law


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


EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_every_code_has_the_value_of_the_formula_and_of_ffmpeg(name: str) -> None:
    ours = np.frombuffer(create_codec(name, 8000).decode(EVERY_CODE), dtype="<i2")
    assert np.array_equal(ours, Law[name].decode(EVERY_CODE))
    context = av.CodecContext.create("pcm_mulaw" if name == "PCMU" else "pcm_alaw", "r")
    context.layout, context.sample_rate = "mono", 8000
    (frame,) = context.decode(av.Packet(EVERY_CODE))
    assert np.array_equal(ours, frame.to_ndarray()[0])


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_every_code_comes_back_from_its_value(name: str) -> None:
    codec = create_codec(name, 8000)
    again = codec.encode(codec.decode(EVERY_CODE))
    # Mu-law has two codes for zero; the positive one is sent.
    assert again == (EVERY_CODE.replace(b"\x7f", b"\xff") if name == "PCMU" else EVERY_CODE)


def decision_values(name: str) -> list[int]:
    """G.711, tables 1a and 2a: where the magnitudes of a positive sample part, in units of the law's own
    resolution (13 bits for A-law, 14 for mu-law), from the least on.
    """
    if name == "PCMU":
        return [((32 + 2 * step) << segment) - 33 for segment in range(8) for step in range(16)][1:]
    low = [2 * step for step in range(16)]
    return [*low, *((16 + step) << segment for segment in range(1, 8) for step in range(16))][1:]


@pytest.mark.parametrize(("name", "unit", "top"), [("PCMU", 4, 8192), ("PCMA", 8, 4096)])
def test_every_value_gets_the_code_of_the_table(name: str, unit: int, top: int) -> None:
    decisions = decision_values(name)
    codec, law = create_codec(name, 8000), Law[name]
    # The codes of positive values in the order of their loudness, by the independent table.
    values = {code: int(law.decode(bytes([code]))[0]) for code in range(0x80, 0x100)}
    codes = sorted(values, key=lambda code: values[code])
    for value in range(top):
        if value in decisions:
            continue  # the tables leave open to which side these go
        place = bisect.bisect(decisions, value)
        sent = codec.encode(struct.pack("<h", value * unit))
        assert sent == bytes([codes[place]]), value
        if value:
            mirrored = codec.encode(struct.pack("<h", -value * unit))
            assert mirrored == bytes([codes[place] ^ 0x80]), -value
