"""`RtpLoad` with its clock in C: the same streams, slots and recordings for less processor time."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.rtp_load import SSRC, RtpStream

# The C side runs so long before Python looks after the calls again.
TURN_NS = 20_000_000
ENTRY = struct.Struct("=qI")


class NativeRtpLoad:
    """Made for streams whose packets are known; `begin` sends a stream once it is connected."""

    def __init__(self, library: Path) -> None:
        self._library = _load(library)
        self._load = ctypes.c_void_p(self._library.load_new())
        self._streams: list[RtpStream] = []
        self._sending: list[bool] = []
        self._kept: dict[int, _Packed] = {}  # by the id of the sequence, which the streams keep alive
        self.measuring = False
        self.lateness_ms: list[float] = []

    def add(self, stream: RtpStream) -> None:
        payloads = self._packed(stream.payloads)
        ready = self._packed(stream.ready_made)
        self._library.load_add(
            self._load,
            stream.socket.fileno(),
            stream.slot,
            stream.audio.payload_type,
            stream.audio.ticks,
            SSRC,
            stream.begin,
            *(payloads.bytes, payloads.offsets, payloads.count),
            *(ready.bytes, ready.offsets, ready.count),
        )
        self._streams.append(stream)
        self._sending.append(False)

    def run(self, until: Callable[[], bool], wait: Callable[[float], None]) -> None:
        """As `RtpLoad.run`, but `until` and `wait` are called only once in 20 ms."""
        while not until():
            for index, stream in enumerate(self._streams):
                if stream.sending is not self._sending[index]:
                    self._sending[index] = stream.sending
                    self._library.load_sending(self._load, index, int(stream.sending))
            self._library.load_serve(self._load, TURN_NS, int(self.measuring))
            wait(0)

    def collect_all(self) -> None:
        """Move everything into the streams' recordings; the load is over then."""
        library, load = self._library, self._load
        library.load_collect_all(load)
        for index, stream in enumerate(self._streams):
            size, count, sent = ctypes.c_uint64(), ctypes.c_uint32(), ctypes.c_uint32()
            begin = library.load_received(load, index, ctypes.byref(size))
            _unpack(ctypes.string_at(begin, size.value) if size.value else b"", stream)
            marks = library.load_marks(load, index, ctypes.byref(count), ctypes.byref(sent))
            stream.recording.marks_sent += marks[: count.value]
            stream.recording.packets_sent = sent.value
        count = ctypes.c_uint32()
        lateness = library.load_lateness(load, ctypes.byref(count))
        self.lateness_ms = lateness[: count.value]
        library.load_free(load)

    def _packed(self, packets: Sequence[bytes]) -> _Packed:
        if id(packets) not in self._kept:
            self._kept[id(packets)] = _Packed(packets)
        return self._kept[id(packets)]


class _Packed:
    """Many byte strings as one, with the places where each begins and the last one ends."""

    def __init__(self, packets: Sequence[bytes]) -> None:
        self.bytes = b"".join(packets)
        places = [0]
        for packet in packets:
            places.append(places[-1] + len(packet))
        self.offsets = (ctypes.c_uint32 * len(places))(*places)
        self.count = len(packets)


def _unpack(raw: bytes, stream: RtpStream) -> None:
    recording, at = stream.recording, 0
    while at < len(raw):
        arrival, length = ENTRY.unpack_from(raw, at)
        at += ENTRY.size
        recording.packets.append(raw[at : at + length])
        recording.arrivals.append(arrival)
        at += length


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    library.load_new.restype = pointer
    library.load_add.argtypes = [
        *(pointer, ctypes.c_int, ctypes.c_int, number, number, number, number),
        *(ctypes.c_char_p, pointer, number) * 2,
    ]
    library.load_sending.argtypes = [pointer, number, ctypes.c_int]
    library.load_serve.argtypes = [pointer, ctypes.c_int64, ctypes.c_int]
    library.load_collect_all.argtypes = [pointer]
    library.load_received.argtypes = [pointer, number, pointer]
    library.load_received.restype = pointer
    library.load_marks.argtypes = [pointer, number, pointer, pointer]
    library.load_marks.restype = ctypes.POINTER(ctypes.c_int64)
    library.load_lateness.argtypes = [pointer, pointer]
    library.load_lateness.restype = ctypes.POINTER(ctypes.c_double)
    library.load_free.argtypes = [pointer]
    return library
