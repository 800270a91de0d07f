"""The generator's clock and sockets."""

from __future__ import annotations

import itertools
import struct
import time

from bench.markers import PACKETS_BETWEEN_MARKS, find_marks
from bench.rtp_load import SLOTS, RtpLoad, RtpStream


def test_packets_are_numbered_timed_and_marked_every_half_second() -> None:
    sender, receiver = RtpStream(3, "127.0.0.1"), RtpStream(4, "127.0.0.1")
    assert sender.port % 2 == 0
    receiver.connect(("127.0.0.1", sender.port))
    sender.connect(("127.0.0.1", receiver.port))
    before = time.time_ns()
    for _ in range(2 * PACKETS_BETWEEN_MARKS):
        sender.send()
    receiver.collect()
    recording = receiver.recording
    assert len(recording.packets) == 2 * PACKETS_BETWEEN_MARKS
    headers = [struct.unpack_from("!BBHII", packet) for packet in recording.packets]
    assert [header[2] for header in headers] == list(range(2 * PACKETS_BETWEEN_MARKS))
    assert {b[3] - a[3] for a, b in itertools.pairwise(headers)} == {160}
    stream = b"".join(packet[12:] for packet in recording.packets)
    assert [found.number for found in find_marks(stream)] == [0, 1]
    assert len(sender.recording.marks_sent) == 2
    assert all(before <= arrival <= time.time_ns() for arrival in recording.arrivals)
    sender.close()
    receiver.close()


def test_other_traffic_on_the_port_is_not_audio() -> None:
    one, two = RtpStream(0, "127.0.0.1"), RtpStream(1, "127.0.0.1")
    two.connect(("127.0.0.1", one.port))
    one.connect(("127.0.0.1", two.port))
    one.socket.send(bytes([0x80, 200]) + bytes(26))  # RTCP sender report
    one.socket.send(bytes([0x80, 101]) + bytes(14))  # telephone event
    one.socket.send(b"short")
    two.collect()
    assert two.recording.packets == []
    one.close()
    two.close()


def test_every_slot_is_served_even_after_a_stall() -> None:
    stream, sink = RtpStream(0, "127.0.0.1"), RtpStream(1, "127.0.0.1")
    stream.connect(("127.0.0.1", sink.port))
    load = RtpLoad()
    load.add(stream)
    load.measuring = True
    waits: list[float] = []

    def stall(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(0.065 if len(waits) == 1 else seconds)  # a stall of more than three periods

    load.run(lambda: stream.recording.packets_sent >= 5, stall)
    late = load.lateness_ms
    assert len(late) == 5
    assert max(late) > 30
    assert all(0 < wait <= 0.021 / SLOTS for wait in waits)
    stream.close()
    sink.close()
