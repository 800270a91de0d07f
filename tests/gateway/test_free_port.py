"""A port for UDP and TCP."""

import socket

import pytest

from gateway.command_line import _overrides, _parser
from gateway.free_port import free_sip_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_transports_can_bind_it(host: str) -> None:
    port = free_sip_port(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family, socket.SOCK_STREAM) as tcp:
        udp.bind((host, port))
        tcp.bind((host, port))


def test_an_address_that_is_not_ours_is_an_os_error() -> None:
    with pytest.raises(OSError, match="assign"):
        free_sip_port("192.0.2.1")


def test_the_command_line_takes_one_port_for_both_transports() -> None:
    udp, tcp = _overrides(_parser().parse_args(["serve", "--sip", "127.0.0.1:0"]))["sip.listen"]
    assert udp.removeprefix("udp:") == tcp.removeprefix("tcp:")
    assert not udp.endswith(":0")
