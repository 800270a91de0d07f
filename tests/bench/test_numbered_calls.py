"""The callers of the media loop against a far end that this test plays itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from bench.numbered_calls import HOST, Call, Generator, open_calls
from media.messages import SrtpKeys, SrtpSuite
from media.srtp import SrtpProtector, SrtpUnprotector

ONE_FRAME_S = 0.020


@pytest.fixture
def far_end() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HOST, 0))
        far.settimeout(5)
        yield far


def keys_of(suite: SrtpSuite) -> SrtpKeys:
    return SrtpKeys(suite=suite, send=os.urandom(suite.key_bytes), receive=os.urandom(suite.key_bytes))


def one_call(keys: SrtpKeys | None, far_end: socket.socket) -> tuple[Call, Generator]:
    [call] = open_calls(1, keys)
    call.port = far_end.getsockname()[1]
    return call, Generator([call])


def test_plain_packets_are_timed_when_they_return(far_end: socket.socket) -> None:
    call, generator = one_call(None, far_end)
    generator.run(ONE_FRAME_S)
    packet, source = far_end.recvfrom(2048)
    assert len(packet) == 172
    far_end.sendto(packet, source)
    generator.run(ONE_FRAME_S)
    [(_, seconds)] = call.round_trips
    assert 0 < seconds < 5
    call.socket.close()


@pytest.mark.parametrize("suite", list(SrtpSuite))
def test_encrypted_packets_are_found_by_the_keys_of_the_plane(
    suite: SrtpSuite, far_end: socket.socket
) -> None:
    keys = keys_of(suite)
    call, generator = one_call(keys, far_end)
    generator.run(ONE_FRAME_S)
    packet, source = far_end.recvfrom(2048)
    clear = SrtpUnprotector(suite, keys.receive).unprotect(packet)
    assert len(clear) == 172 < len(packet)
    assert clear[12:] not in packet
    far_end.sendto(SrtpProtector(suite, keys.send).protect(clear), source)
    generator.run(ONE_FRAME_S)
    assert len(call.round_trips) == 1
    call.socket.close()


def test_what_cannot_be_decrypted_counts_as_not_arrived(far_end: socket.socket) -> None:
    keys = keys_of(SrtpSuite.AES_CM_128_HMAC_SHA1_80)
    call, generator = one_call(keys, far_end)
    generator.run(ONE_FRAME_S)
    packet, source = far_end.recvfrom(2048)
    clear = SrtpUnprotector(keys.suite, keys.receive).unprotect(packet)
    far_end.sendto(clear, source)
    generator.run(ONE_FRAME_S)
    assert not call.arrivals
    assert not call.round_trips
    call.socket.close()
