"""HEP3 packets, read by a decoder of its own."""

from __future__ import annotations

import pytest

from gateway.signalling.hep import hep3
from tests.gateway.signalling.messages import HERE, PEER, sip, traced
from tests.support.hep_decoder import read_hep


@pytest.mark.parametrize("sent", [False, True])
def test_a_packet_tells_everything(sent: bool) -> None:
    (packet,) = read_hep(hep3(traced(sip(), sent=sent), "c1", 2_001, "secret"))
    assert (packet.source, packet.target) == ((HERE, PEER) if sent else (PEER, HERE))
    assert packet.at == pytest.approx(1_700_000_000.25)
    assert (packet.protocol, packet.payload_kind) == (17, 1)
    assert (packet.capture_id, packet.password, packet.correlation) == (2_001, "secret", "c1")
    assert packet.payload == sip()


def test_a_connection_is_told_as_tcp_and_ipv6_as_such() -> None:
    message = traced(sip(), transport="tls", peer=("2001:db8::7", 5061), local=("2001:db8::1", 5061))
    (packet,) = read_hep(hep3(message, "c1", 1))
    assert packet.protocol == 6
    assert packet.source == ("2001:db8::7", 5061)
    assert packet.password is None


def test_too_long_a_message_is_cut() -> None:
    (packet,) = read_hep(hep3(traced(b"x" * 65_536), "c1", 1))
    assert packet.payload == b"x" * 60_000
