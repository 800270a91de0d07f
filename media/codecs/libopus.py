"""A thin binding of libopus through `ctypes`: one encoder, one decoder, and nothing that the gateway does not
use.

The shared library comes with the wheel `opuslib-next-bundled`; its Python half is not used, since it copies
each frame several times and gives up the interpreter lock around calls of some ten microseconds, which a busy
thread beside us would hand back milliseconds later. A libopus of the system does as well.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import platform
from pathlib import Path

_APPLICATION_VOIP = 2048
_SIGNAL_VOICE = 3001
# Requests of opus_defines.h.
_SET_BITRATE = 4002
_SET_MAX_BANDWIDTH = 4004
_SET_VBR = 4006
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_DTX = 4016
_SET_SIGNAL = 4024
_BANDWIDTH_NARROW = 1101
_BANDWIDTH_MEDIUM = 1102
_BANDWIDTH_WIDE = 1103

# RFC 6716, section 3.2.1: a frame has at most 1275 bytes; three of them make 60 ms.
_MAX_PACKET = 3 * 1275 + 8
MAX_PACKET_MS = 120
_BUNDLED = {"Linux": "libopus.so", "Darwin": "libopus.dylib", "Windows": "opus.dll"}


class OpusError(Exception):
    """libopus refused; the text is its own."""


class OpusMissingError(OpusError):
    """No libopus could be loaded."""


def _load() -> ctypes.PyDLL | None:
    """The bundled library, else the system's, with the types of what is called."""
    path: str | None = None
    spec = importlib.util.find_spec("opuslib_next")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "_native" / _BUNDLED.get(platform.system(), "libopus.so")
        path = os.fspath(bundled) if bundled.exists() else None
    path = path or ctypes.util.find_library("opus")
    if path is None:
        return None
    try:
        library = ctypes.PyDLL(path)
    except OSError:
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.opus_strerror.restype = ctypes.c_char_p
    for kind, arguments in (("encoder", (number,) * 3), ("decoder", (number,) * 2)):
        getattr(library, f"opus_{kind}_get_size").argtypes = (number,)
        getattr(library, f"opus_{kind}_init").argtypes = (pointer, *arguments)
    library.opus_encode.argtypes = (pointer, ctypes.c_char_p, number, pointer, ctypes.c_int32)
    library.opus_decode.argtypes = (pointer, ctypes.c_char_p, ctypes.c_int32, pointer, number, number)
    library.opus_packet_has_lbrr.argtypes = (ctypes.c_char_p, ctypes.c_int32)
    return library


_library = _load()


def _loaded() -> ctypes.PyDLL:
    if _library is None:
        raise OpusMissingError("libopus is neither bundled nor installed on this system")
    return _library


def _checked(result: int) -> int:
    if result < 0:
        raise OpusError(_loaded().opus_strerror(result).decode())
    return result


def has_fec(payload: bytes) -> bool:
    """Whether a packet holds a second description of the frame before it."""
    return bool(_loaded().opus_packet_has_lbrr(payload, len(payload)) > 0)


class Encoder:
    """Encodes mono s16le speech at `rate` Hz (8000, 12000, 16000, 24000 or 48000)."""

    __slots__ = ("_address", "_encode", "_output", "_output_address", "_state")

    def __init__(self, rate: int) -> None:
        library = _loaded()
        # The state lives in memory of ours, so that it goes when this object goes.
        self._state = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
        self._address = ctypes.addressof(self._state)
        self._output = ctypes.create_string_buffer(_MAX_PACKET)
        self._output_address = ctypes.addressof(self._output)
        self._encode = library.opus_encode
        _checked(library.opus_encoder_init(self._address, rate, 1, _APPLICATION_VOIP))
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)

    def configure(self, *, bit_rate: int, complexity: int, variable: bool) -> None:
        """Bits per second, 0 to 10, and whether packets may differ in length."""
        self._set(_SET_BITRATE, bit_rate)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_VBR, int(variable))

    def limit_bandwidth(self, playback_rate: int) -> None:
        """Do not send what a receiver that plays at this rate (Hz) cannot play."""
        if playback_rate < 12000:
            bandwidth = _BANDWIDTH_NARROW
        elif playback_rate < 16000:
            bandwidth = _BANDWIDTH_MEDIUM
        else:
            bandwidth = _BANDWIDTH_WIDE
        self._set(_SET_MAX_BANDWIDTH, bandwidth)

    def set_fec(self, enabled: bool, expected_loss_percent: int) -> None:
        """Describe each frame twice; the second description grows with the loss expected."""
        self._set(_SET_INBAND_FEC, int(enabled))
        self._set(_SET_PACKET_LOSS_PERC, expected_loss_percent)

    def set_dtx(self, enabled: bool) -> None:
        """Make packets of one or two bytes, which need not be sent, while there is silence."""
        self._set(_SET_DTX, int(enabled))

    def encode(self, pcm: bytes, samples: int) -> bytes:
        """One packet of 2.5, 5, 10, 20, 40 or 60 ms. Raises `OpusError` for any other length."""
        length = self._encode(self._address, pcm, samples, self._output_address, _MAX_PACKET)
        if length < 0:
            _checked(length)
        return ctypes.string_at(self._output_address, length)

    def _set(self, request: int, value: int) -> None:
        control = _loaded().opus_encoder_ctl
        _checked(control(ctypes.c_void_p(self._address), request, ctypes.c_int(value)))


class Decoder:
    """Decodes to mono s16le at `rate` Hz, whatever rate and channels were encoded."""

    __slots__ = ("_address", "_decode", "_limit", "_output", "_output_address", "_state")

    def __init__(self, rate: int) -> None:
        library = _loaded()
        self._state = ctypes.create_string_buffer(library.opus_decoder_get_size(1))
        self._address = ctypes.addressof(self._state)
        self._limit = rate * MAX_PACKET_MS // 1000
        self._output = ctypes.create_string_buffer(self._limit * 2)
        self._output_address = ctypes.addressof(self._output)
        self._decode = library.opus_decode
        _checked(library.opus_decoder_init(self._address, rate, 1))

    def decode(self, payload: bytes) -> bytes:
        """Raises `OpusError` when the packet is damaged."""
        samples = self._decode(self._address, payload, len(payload), self._output_address, self._limit, 0)
        if samples < 0:
            _checked(samples)
        return ctypes.string_at(self._output_address, samples * 2)

    def conceal(self, samples: int) -> bytes:
        """Go on for so many samples (a multiple of 2.5 ms, at most 120 ms) without a packet."""
        made = self._decode(self._address, None, 0, self._output_address, samples, 0)
        return ctypes.string_at(self._output_address, _checked(made) * 2)

    def recover(self, following: bytes, samples: int) -> bytes:
        """The same, with the packet behind the loss at hand: what it tells of its predecessor is used."""
        made = self._decode(self._address, following, len(following), self._output_address, samples, 1)
        return ctypes.string_at(self._output_address, _checked(made) * 2)
