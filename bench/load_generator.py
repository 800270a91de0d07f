"""The load: N simultaneous calls to one number with audio both ways, from a process of its own.

    python -m bench.load_generator --target 127.0.0.1:5060 --calls 50 --seconds 20

It prints one JSON object a line: `{"event": "steady"}` when all calls stand and have settled, `{"event":
"end"}` when the measured time is over and the calls still stand, and `{"event": "result", ...}` at last.
"""

from __future__ import annotations

import argparse
import gc
import select
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.analysis import AudioFigures, Spread, analyse, spread
from bench.audio_formats import NAMES, audio_format
from bench.native_load import NativeRtpLoad
from bench.rtp_load import RtpLoad, RtpStream
from bench.sip_caller import Call, CallState, SipCaller, caller_number, media_address, offer
from bench.srtp_packets import CallerKeys, decrypt

CALLS_PER_SECOND = 40.0
SETUP_TIMEOUT_S = 30.0
SETTLE_S = 2.0
LEAVE_TIMEOUT_S = 5.0
HOST = "127.0.0.1"
# Decoding G.722 and Opus takes longer than the run; the delay of so many calls is enough.
DECODED_CALLS = 20
PACKETS_PER_SECOND = 50
MARGIN_S = 15.0  # encrypted packets are made for so much longer than the run should take


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the callers of one run saw, and what it cost the generator to see it."""

    calls_asked: int
    calls_up: int
    calls_refused: dict[str, int]  # by SIP status, `timeout` for none
    calls_hung_up_by_peer: int
    window_s: float
    setup_ms: Spread | None
    audio: AudioFigures | None
    generator_lateness_ms: (
        Spread | None
    )  # how late the generator itself was: the machine's share of all jitter
    generator_cpu_ms_per_call_second: float
    undecryptable: int = 0  # SRTP packets received that the answered key does not open


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the generator's output."""

    event: str
    result: LoadResult | None = None


@dataclass(slots=True)
class Window:
    """The measured time: monotonic seconds, and the wall clock's nanoseconds for the packets' stamps."""

    started: float = 0.0
    start_ns: int = 0
    end_ns: int = 0
    cpu_start: float = 0.0
    cpu_end: float = 0.0


class LoadGenerator:
    """Places the calls, keeps them for the time asked, ends them and says what was measured."""

    def __init__(
        self,
        target: tuple[str, int],
        number: str,
        calls: int,
        seconds: float,
        settle_s: float = SETTLE_S,
        *,
        codec: str = "PCMU",
        srtp: bool = False,
        native: Path | None = None,
    ) -> None:
        """`settle_s` lies between the last answer and the begin of the measured `seconds`. `native` is the
        clock's library, where it could be compiled.
        """
        self._audio = audio_format(codec)
        self._keys = CallerKeys() if srtp else None
        self._undecryptable = 0
        self._count = calls
        self._settle_s = settle_s
        self._seconds = seconds
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self._caller = SipCaller(self._socket.getsockname(), target, number)
        self._load: RtpLoad | NativeRtpLoad = RtpLoad() if native is None else NativeRtpLoad(native)
        self._streams = [RtpStream(index, HOST, self._audio) for index in range(calls)]
        lasting_s = calls / CALLS_PER_SECOND + settle_s + seconds + MARGIN_S
        for stream in self._streams:
            if self._keys is not None:
                count = int(lasting_s * PACKETS_PER_SECOND)
                stream.ready_made = self._keys.encrypt([stream.packet(number) for number in range(count)])
            self._load.add(stream)
        self._began = 0.0
        self._next_check = 0.0
        self._invited = 0
        self._window = Window()
        self._leaving_since = 0.0

    def run(self) -> LoadResult:
        self._began = time.monotonic()
        self._load.run(self._finished, self._wait)
        self._load.collect_all()
        self._socket.close()
        for stream in self._streams:
            stream.close()
        if self._keys is not None:
            for call in self._calls():
                if call.answered_at:
                    self._decrypt(call)
        return self._result()

    def marks_sent(self) -> dict[str, list[int]]:
        """When each caller sent its marks, by its number; of marks with numbers."""
        return {
            caller_number(index): stream.recording.marks_sent for index, stream in enumerate(self._streams)
        }

    def _decrypt(self, call: Call) -> None:
        recording = self._streams[call.index].recording
        plain = decrypt(recording.packets, call.answer)
        recording.arrivals = [
            at for at, packet in zip(recording.arrivals, plain, strict=True) if packet is not None
        ]
        recording.packets = [packet for packet in plain if packet is not None]
        self._undecryptable += len(plain) - len(recording.packets)

    # --- the phases, looked at between slots ---

    def _finished(self) -> bool:
        """Advance the run where it is due; true when it is over."""
        now = time.monotonic()
        while self._invited < self._count and now >= self._began + self._invited / CALLS_PER_SECOND:
            stream = self._streams[self._invited]
            self._send(self._caller.invite(self._invited, self._offer(stream), now))
            self._invited += 1
        if now < self._next_check:
            return False
        self._next_check = now + 0.05
        for datagram in self._caller.due(now):
            self._send(datagram)
        window = self._window
        if self._leaving_since:
            over = all(call.state is not CallState.LEAVING for call in self._calls())
            return over or now >= self._leaving_since + LEAVE_TIMEOUT_S
        if window.started:
            if now >= window.started + self._seconds:
                self._leave(now)
        elif self._settled(now):
            window.started, window.start_ns, window.cpu_start = now, time.time_ns(), time.process_time()
            self._load.measuring = True
            emit(Event(event="steady"))
        return False

    def _settled(self, now: float) -> bool:
        """All calls have been answered one way or another, and the last of them has stood for a while."""
        if self._invited < self._count:
            return False
        waiting = any(call.state is CallState.INVITED for call in self._calls())
        if waiting and now < self._began + self._count / CALLS_PER_SECOND + SETUP_TIMEOUT_S:
            return False
        latest = max((call.answered_at for call in self._calls()), default=0.0)
        return now >= latest + self._settle_s

    def _leave(self, now: float) -> None:
        self._window.end_ns, self._window.cpu_end = time.time_ns(), time.process_time()
        self._load.measuring = False
        emit(Event(event="end"))
        self._leaving_since = now
        for call in self._calls():
            if call.state is CallState.UP:
                self._send(self._caller.hang_up(call, now))

    # --- signalling ---

    def _offer(self, stream: RtpStream) -> bytes:
        return offer(HOST, stream.port, self._audio, "" if self._keys is None else self._keys.crypto)

    def _calls(self) -> list[Call]:
        return list(self._caller.by_index.values())

    def _wait(self, seconds: float) -> None:
        """Pass the time until the next slot; SIP messages are served meanwhile."""
        readable, _, _ = select.select([self._socket], [], [], seconds)
        if readable:
            self._receive()

    def _receive(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(65_535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            for datagram in self._caller.receive(data, source, time.monotonic()):
                self._send(datagram)
            self._start_audio()

    def _start_audio(self) -> None:
        for call in self._calls():
            stream = self._streams[call.index]
            if call.state is CallState.UP and not stream.sending:
                stream.connect(media_address(call.answer))
            elif call.state is CallState.OVER:
                stream.sending = False

    def _send(self, datagram: tuple[bytes, tuple[str, int]]) -> None:
        try:
            self._socket.sendto(*datagram)
        except (BlockingIOError, ConnectionRefusedError):
            pass  # repeated later, as any loss is

    # --- the figures ---

    def _result(self) -> LoadResult:
        up = [call for call in self._calls() if call.answered_at]
        refused: dict[str, int] = {}
        for call in self._calls():
            if not call.answered_at:
                cause = str(call.status) if call.status else "timeout"
                refused[cause] = refused.get(cause, 0) + 1
        window = self._window
        seconds = (window.end_ns - window.start_ns) / 1e9
        recordings = [self._streams[call.index].recording for call in up]
        decoded = None if self._audio.wide is None else DECODED_CALLS
        cpu_ms = (window.cpu_end - window.cpu_start) * 1000
        return LoadResult(
            calls_asked=self._count,
            calls_up=len(up),
            calls_refused=refused,
            calls_hung_up_by_peer=sum(call.hung_up_by_peer for call in up),
            window_s=round(seconds, 3),
            setup_ms=spread([call.setup_ms for call in up]),
            audio=analyse(recordings, window.start_ns, window.end_ns, decoded=decoded) if up else None,
            generator_lateness_ms=spread(self._load.lateness_ms),
            generator_cpu_ms_per_call_second=round(cpu_ms / seconds / len(up), 3) if up and seconds else 0.0,
            undecryptable=self._undecryptable,
        )


def emit(event: Event) -> None:
    sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.load_generator", description="Calls with audio, measured.")
    parser.add_argument("--target", required=True, metavar="HOST:PORT", help="where SIP is answered over UDP")
    parser.add_argument("--number", default="+15550199")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the measured time")
    parser.add_argument("--codec", choices=NAMES, default="PCMU")
    parser.add_argument("--srtp", action="store_true", help="encrypt, with keys in the session description")
    parser.add_argument("--native", type=Path, metavar="LIBRARY", help="the clock in C")
    parser.add_argument("--marks", type=Path, metavar="FILE", help="write here when each mark was sent")
    options = parser.parse_args()
    host, _, port = options.target.rpartition(":")
    # Packets are kept by the hundred thousand: collections would make the generator late.
    gc.disable()
    generator = LoadGenerator(
        (host, int(port)),
        options.number,
        options.calls,
        options.seconds,
        codec=options.codec,
        srtp=options.srtp,
        native=options.native,
    )
    result = generator.run()
    if options.marks is not None:
        options.marks.write_bytes(msgspec.json.encode(generator.marks_sent()))
    emit(Event(event="result", result=result))


if __name__ == "__main__":
    main()
