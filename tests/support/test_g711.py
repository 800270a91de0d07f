"""The test kit's own G.711, against values of the standard and against Python's."""

from __future__ import annotations

import audioop

import numpy as np
import pytest

from tests.support import audio
from tests.support.g711 import Law


@pytest.mark.parametrize(
    ("law", "code", "sample"),
    [
        (Law.PCMU, 0xFF, 0),
        (Law.PCMU, 0x7F, 0),
        (Law.PCMU, 0x80, 32_124),
        (Law.PCMU, 0x00, -32_124),
        (Law.PCMU, 0xF0, 120),
        (Law.PCMA, 0xD5, 8),
        (Law.PCMA, 0x55, -8),
        (Law.PCMA, 0xAA, 32_256),
        (Law.PCMA, 0x2A, -32_256),
    ],
)
def test_codes_have_the_values_of_the_standard(law: Law, code: int, sample: int) -> None:
    assert law.decode(bytes([code]))[0] == sample


@pytest.mark.parametrize("law", list(Law))
def test_each_value_encodes_to_itself(law: Law) -> None:
    codes = bytes(range(256))
    values = law.decode(codes)
    assert np.array_equal(law.decode(law.encode(values)), values)


@pytest.mark.parametrize("law", list(Law))
def test_speech_level_keeps_its_quality(law: Law) -> None:
    signal = audio.tone(440, 1000)
    error = law.decode(law.encode(signal)).astype(np.int32) - signal
    assert audio.level_dbfs(signal) - audio.level_dbfs(error.astype(np.int16)) > 35


def test_agrees_with_the_tables_of_python() -> None:
    every = np.arange(-32_768, 32_768, dtype=np.int16)
    for law, encode, decode in (
        (Law.PCMU, audioop.lin2ulaw, audioop.ulaw2lin),
        (Law.PCMA, audioop.lin2alaw, audioop.alaw2lin),
    ):
        codes = bytes(range(256))
        assert decode(codes, 2) == law.decode(codes).tobytes()
        ours = law.decode(law.encode(every)).astype(np.int32)
        theirs = np.frombuffer(decode(encode(every.tobytes(), 2), 2), dtype=np.int16).astype(np.int32)
        assert np.max(np.abs(ours - theirs)) <= 1024  # neighbouring codes at most, near a decision value
