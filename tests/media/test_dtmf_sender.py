import pytest

from media.dtmf import Digit, DtmfReceiver
from media.dtmf_sender import DigitsError, DtmfSender, EventPacket


def send(sender: DtmfSender, *, ptime_ms: int = 20, start: int = 5000) -> list[EventPacket | str | None]:
    """Everything until the sender is done: packets, None for a gap, a string for a finished job."""
    out: list[EventPacket | str | None] = []
    timestamp = start
    while sender.busy:
        packet, finished = sender.packet(timestamp, ptime_ms)
        out.append(packet)
        if finished is not None:
            out.append(finished)
        timestamp += ptime_ms * 8
    return out


def packets(out: list[EventPacket | str | None]) -> list[EventPacket]:
    return [item for item in out if isinstance(item, EventPacket)]


def received(out: list[EventPacket | str | None]) -> list[Digit]:
    receiver = DtmfReceiver(8000)
    return [
        digit for packet in packets(out) for digit in receiver.receive(packet.payload, packet.timestamp, 0.0)
    ]


def test_a_key_is_updates_three_ends_and_a_gap() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("5", tone_ms=100, gap_ms=80)
    out = send(sender)
    keys = packets(out)
    assert [packet.marker for packet in keys] == [True] + [False] * 6
    assert {packet.timestamp for packet in keys} == {5000}
    assert [int.from_bytes(packet.payload[2:]) for packet in keys] == [160, 320, 480, 640, 800, 800, 800]
    assert [packet.payload[1] >> 7 for packet in keys] == [0, 0, 0, 0, 1, 1, 1]
    assert out[7:] == [None, None, "5"], "80 ms of gap, of which the repeated ends took 40"


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_a_receiver_hears_each_key_once_and_in_order(ptime_ms: int) -> None:
    sender = DtmfSender(8000)
    sender.enqueue("1159*#AD", tone_ms=160, gap_ms=80)
    digits = received(send(sender, ptime_ms=ptime_ms))
    assert "".join(digit.digit for digit in digits) == "1159*#AD"
    assert all(160 <= digit.duration_ms < 160 + ptime_ms for digit in digits)


def test_each_key_has_the_time_of_its_beginning() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("12", tone_ms=100, gap_ms=80)
    starts = sorted({packet.timestamp for packet in packets(send(sender))})
    assert starts == [5000, 5000 + 180 * 8]


def test_w_is_a_pause_of_half_a_second() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("1W2", tone_ms=100, gap_ms=80)
    out = send(sender)
    starts = sorted({packet.timestamp for packet in packets(out)})
    assert starts == [5000, 5000 + (180 + 500) * 8]
    assert out[-1] == "1w2"


def test_jobs_follow_one_another_and_each_is_reported() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("1", 100, 80)
    sender.enqueue("2", 100, 80)
    assert [item for item in send(sender) if isinstance(item, str)] == ["1", "2"]


def test_too_short_a_key_is_made_long_enough_to_be_heard() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("1", tone_ms=1, gap_ms=0)
    assert [digit.duration_ms for digit in received(send(sender))] == [40]


@pytest.mark.parametrize("digits", ["", "12x", "1 2", "1" * 257])
def test_what_is_no_key_or_too_much_is_refused(digits: str) -> None:
    sender = DtmfSender(8000)
    with pytest.raises(DigitsError):
        sender.enqueue(digits, 100, 80)
    assert not sender.busy


def test_the_queue_is_bounded_over_all_jobs() -> None:
    sender = DtmfSender(8000)
    sender.enqueue("1" * 200, 100, 80)
    with pytest.raises(DigitsError):
        sender.enqueue("2" * 57, 100, 80)
