import socket

import pytest

from media.sockets import SocketPoller, bind_host_for, bind_pair


def free_pair() -> tuple[socket.socket, socket.socket]:
    for port in range(30_000, 32_000, 2):
        try:
            return bind_pair("127.0.0.1", port)
        except OSError:
            continue
    raise AssertionError("no free pair of ports")


def close(*sockets: socket.socket) -> None:
    for sock in sockets:
        sock.close()


def test_a_pair_is_an_even_port_and_the_odd_one_above() -> None:
    rtp, rtcp = free_pair()
    assert rtp.getsockname()[1] % 2 == 0
    assert rtcp.getsockname()[1] == rtp.getsockname()[1] + 1
    assert not rtp.getblocking()
    close(rtp, rtcp)


def test_when_the_odd_port_is_taken_the_even_one_is_given_back() -> None:
    rtp, rtcp = free_pair()
    port = rtp.getsockname()[1]
    rtp.close()
    with pytest.raises(OSError, match="in use"):
        bind_pair("127.0.0.1", port)
    again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    again.bind(("127.0.0.1", port))
    close(again, rtcp)


def test_only_sockets_with_something_to_read_are_read_one_datagram_at_a_time() -> None:
    first, second = free_pair()
    poller = SocketPoller()
    read: list[tuple[str, bytes]] = []
    poller.add(first, lambda now: read.append(("first", first.recv(100))))
    poller.add(second, lambda now: read.append(("second", second.recv(100))))
    second.sendto(b"1", first.getsockname())
    second.sendto(b"2", first.getsockname())
    assert poller.read(0.0) == 1
    assert read == [("first", b"1")]
    assert poller.read(0.0) == 1
    assert poller.read(0.0) == 0
    assert read[-1] == ("first", b"2")
    poller.close()
    close(first, second)


def test_a_removed_socket_is_not_read() -> None:
    first, second = free_pair()
    poller = SocketPoller()
    read: list[bytes] = []
    poller.add(first, lambda now: read.append(first.recv(100)))
    second.sendto(b"1", first.getsockname())
    poller.remove(first)
    poller.remove(first)
    assert poller.read(0.0) == 0
    assert read == []
    poller.close()
    close(first, second)


def test_all_addresses_are_bound_in_the_family_of_the_far_side() -> None:
    for wildcard in ("", "0.0.0.0", "::"):
        assert bind_host_for(wildcard, True) == "::"
        assert bind_host_for(wildcard, False) == "0.0.0.0"
        assert bind_host_for(wildcard, None) == wildcard
    assert bind_host_for("192.0.2.1", True) == "192.0.2.1"
