"""Callers of `bench.media_loop`: RTP with a number in each packet, which is looked for in what comes back.

Arrival times are the kernel's, so that what decryption costs here is in none of them.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from media import messages
from media.srtp import SrtpError, SrtpProtector, SrtpUnprotector

HOST = "127.0.0.1"
SLOTS = 20
# Linux: the arrival time of a datagram as an ancillary message (asm-generic/socket.h).
SO_TIMESTAMPNS = 35
HEADER = struct.Struct("!BBHII")
TIMESPEC = struct.Struct("@qq")
# Payload bytes 0x80-0xe3 survive decoding and encoding, so each packet is numbered in base 100.
BASE, DIGITS = 0x80, 100


@dataclass
class Call:
    """One caller: its socket, and what came back to it."""

    socket: socket.socket
    protect: Callable[[bytes], bytes]
    unprotect: Callable[[bytes], bytes]
    port: int = 0
    sent_at: dict[int, float] = field(default_factory=dict)
    arrivals: list[float] = field(default_factory=list)
    round_trips: list[tuple[float, float]] = field(default_factory=list)  # (sent at, seconds)


def _payloads(count: int) -> list[bytes]:
    return [bytes((BASE + number // DIGITS, BASE + number % DIGITS)) * 80 for number in range(count)]


class Generator:
    """Sends for all calls, spread over the 20 ms, and collects what returns."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls
        self._by_number = {call.socket.fileno(): call for call in calls}
        self._poll = select.epoll()
        for call in calls:
            self._poll.register(call.socket.fileno(), select.EPOLLIN)
        self._payloads = _payloads(DIGITS * DIGITS)
        self._frame = 0

    def run(self, seconds: float) -> None:
        """Send and receive for so long, on an absolute schedule of 1 ms slots."""
        slots = [self._calls[slot::SLOTS] for slot in range(SLOTS)]
        start = time.monotonic()
        for step in range(int(seconds * 1000)):
            self._send(slots[step % SLOTS], self._frame)
            if step % SLOTS == SLOTS - 1:
                self._frame += 1
            until = start + (step + 1) / 1000
            self._receive(max(0.0, until - time.monotonic()))
            rest = until - time.monotonic()
            if rest > 0:
                time.sleep(rest)

    def _send(self, calls: list[Call], frame: int) -> None:
        payload = self._payloads[frame % len(self._payloads)]
        packet = HEADER.pack(0x80, 0, frame & 0xFFFF, frame * 160 & 0xFFFFFFFF, 1) + payload
        for call in calls:
            protected = call.protect(packet)
            call.sent_at[frame] = time.time()
            call.socket.sendto(protected, (HOST, call.port))

    def _receive(self, timeout: float) -> None:
        for number, _ in self._poll.poll(timeout if timeout > 0.001 else 0):
            call = self._by_number[number]
            data, ancillary, _, _ = call.socket.recvmsg(2048, 64)
            try:
                data = call.unprotect(data)
            except SrtpError:
                continue  # missing from the packets per second, as anything that a phone cannot hear
            if len(data) != 172 or not ancillary:
                continue
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2][:16])
            arrival = seconds + nanoseconds / 1e9
            call.arrivals.append(arrival)
            high, low = data[12 + 80] - BASE, data[12 + 81] - BASE
            if 0 <= high < DIGITS and 0 <= low < DIGITS:
                sent = call.sent_at.pop(high * DIGITS + low, None)
                if sent is not None:
                    call.round_trips.append((sent, arrival - sent))


def open_calls(count: int, keys: messages.SrtpKeys | None) -> list[Call]:
    """`keys`: the plane's, who sends by what we receive by."""
    calls = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        if keys is None:
            calls.append(Call(sock, bytes, bytes))
        else:
            protect = SrtpProtector(keys.suite, keys.receive).protect
            calls.append(Call(sock, protect, SrtpUnprotector(keys.suite, keys.send).unprotect))
    return calls
