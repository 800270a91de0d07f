"""The capture file, read by a reader of its own."""

from __future__ import annotations

import pytest

from gateway.signalling.capture_file import capture_file
from tests.gateway.signalling.messages import HERE, PEER, sip, traced
from tests.support.capture_reader import read_capture


def test_datagrams_have_their_real_addresses_ports_and_times() -> None:
    odd = sip(call_id="odd")
    assert len(odd) % 2 == 1 or len(sip(call_id="even")) % 2 == 1
    answer = traced(sip(call_id="even"), 1_700_000_001.000001, sent=True)
    messages = [traced(sip()), traced(odd), answer]
    packets = read_capture(capture_file(messages))
    assert [(p.protocol, p.source, p.target) for p in packets] == [
        ("udp", PEER, HERE),
        ("udp", PEER, HERE),
        ("udp", HERE, PEER),
    ]
    assert [p.data for p in packets] == [message.data for message in messages]
    assert [p.at for p in packets] == pytest.approx(
        [1_700_000_000.25, 1_700_000_000.25, 1_700_000_001.000001]
    )


def test_ipv6_stands_in_ipv6() -> None:
    (packet,) = read_capture(
        capture_file([traced(sip(), peer=("2001:db8::7", 5061), local=("2001:db8::1", 5060))])
    )
    assert (packet.source, packet.target) == (("2001:db8::7", 5061), ("2001:db8::1", 5060))
    assert packet.data == sip()


@pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss"])
def test_a_connection_is_one_stream_in_each_direction(transport: str) -> None:
    long = sip(body="x" * 5000)
    messages = [
        traced(long, transport=transport),
        traced(sip("SIP/2.0 200 OK"), sent=True, transport=transport),
        traced(sip(), transport=transport),
    ]
    packets = read_capture(capture_file(messages))
    for source, expected in ((PEER, long + sip()), (HERE, sip("SIP/2.0 200 OK"))):
        stream = b""
        for packet in packets:
            if packet.source == source:
                assert packet.sequence == 1 + len(stream)
                stream += packet.data
        assert stream == expected
