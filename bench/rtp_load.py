"""RTP both ways for many calls, from one process and without a task, timer or thread for each.

Every call has a socket and a phase of its own: calls are spread over the ten 2 ms slots of a 20 ms period,
as the packets of callers who know nothing of each other are. A slot sends for its calls; received packets
wait in the sockets, stamped by the kernel (`SO_TIMESTAMPNS`), and are collected now and then, so that reading
late does not falsify when they came. Packets are kept as they are and looked at after the run.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

from bench.analysis import HEADER_BYTES, Recording
from bench.audio_formats import PCMU, AudioFormat, cycle
from bench.markers import PACKET_MS, PACKETS_BETWEEN_MARKS

SLOTS = 10
SLOT_NS = PACKET_MS * 1_000_000 // SLOTS
# Each call's socket is read once in so many periods; the kernel keeps about 250 packets meanwhile.
PERIODS_BETWEEN_READS = 5
SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
TIMESPEC = struct.Struct("qq")
HEADER = struct.Struct("!BBHII")
MAX_PACKET = 512
SSRC = 0x5000_0000


class RtpStream:
    """One call's audio: sends when its slot comes, keeps what it receives."""

    def __init__(self, index: int, host: str, audio: AudioFormat = PCMU) -> None:
        self.slot = index % SLOTS
        self.socket = _even_socket(host)
        self.port: int = self.socket.getsockname()[1]
        self.audio = audio
        self.recording = Recording(audio=audio)
        self.sending = False
        self.payloads = cycle(audio)
        # Calls put their marks at different times, and each begins with mark 0.
        self.begin = PACKETS_BETWEEN_MARKS - 1 - index % PACKETS_BETWEEN_MARKS
        self.ready_made: list[bytes] = []  # whole packets to be sent instead, such as encrypted ones
        self._count = 0

    def connect(self, remote: tuple[str, int]) -> None:
        """Take the far end's address and begin to send; packets from elsewhere are refused by the kernel."""
        self.socket.connect(remote)
        self.sending = True

    def packet(self, count: int) -> bytes:
        """The packet sent as number `count`, from 0 on."""
        header = HEADER.pack(
            0x80,
            self.audio.payload_type,
            count & 0xFFFF,
            count * self.audio.ticks & 0xFFFFFFFF,
            SSRC,
        )
        return header + self.payloads[(self.begin + count) % len(self.payloads)]

    def send(self) -> None:
        count = self._count
        if not self.ready_made:
            packet = self.packet(count)
        elif count < len(self.ready_made):
            packet = self.ready_made[count]
        else:
            return
        self._count = count + 1
        if (self.begin + count) % PACKETS_BETWEEN_MARKS == PACKETS_BETWEEN_MARKS - 1:
            self.recording.marks_sent.append(time.time_ns())
        try:
            self.socket.send(packet)
        except (BlockingIOError, ConnectionRefusedError):
            return
        self.recording.packets_sent += 1

    def collect(self) -> None:
        """Take what has come since the last time."""
        receive = self.socket.recvmsg
        packets, arrivals = self.recording.packets, self.recording.arrivals
        while True:
            try:
                data, ancillary, _, _ = receive(MAX_PACKET, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if len(data) <= HEADER_BYTES or data[1] & 0x7F != self.audio.payload_type:  # RTCP, or a key
                continue
            seconds, nanoseconds = TIMESPEC.unpack_from(ancillary[0][2])
            packets.append(data)
            arrivals.append(seconds * 1_000_000_000 + nanoseconds)

    def close(self) -> None:
        self.socket.close()


class RtpLoad:
    """All calls' streams and the clock they share."""

    def __init__(self) -> None:
        self._slots: list[list[RtpStream]] = [[] for _ in range(SLOTS)]
        self.lateness_ms: list[float] = []  # of each slot that sent, since `measuring` began
        self.measuring = False

    def add(self, stream: RtpStream) -> None:
        self._slots[stream.slot].append(stream)

    def run(self, until: Callable[[], bool], wait: Callable[[float], None]) -> None:
        """Serve slots on an absolute schedule until told to stop; `wait` passes the seconds between them.

        A late slot is served as soon as possible and none is left out, so that every call sends 50 packets a
        second.
        """
        begin = time.monotonic_ns()
        slot = 0
        while not until():
            due = begin + slot * SLOT_NS
            now = time.monotonic_ns()
            if now < due:
                wait((due - now) / 1e9)
                continue
            streams = self._slots[slot % SLOTS]
            if streams:
                self._serve(streams, slot // SLOTS % PERIODS_BETWEEN_READS)
                if self.measuring:
                    self.lateness_ms.append((now - due) / 1e6)
            slot += 1

    def _serve(self, streams: list[RtpStream], period: int) -> None:
        for stream in streams:
            if stream.sending:
                stream.send()
        for stream in streams[period::PERIODS_BETWEEN_READS]:
            stream.collect()

    def collect_all(self) -> None:
        for streams in self._slots:
            for stream in streams:
                stream.collect()


def _even_socket(host: str) -> socket.socket:
    """A non-blocking UDP socket on an even port, with kernel timestamps."""
    while True:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        candidate.bind((host, 0))
        if candidate.getsockname()[1] % 2 == 0:
            candidate.setblocking(False)
            candidate.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            return candidate
        candidate.close()
