"""Two of our endpoints against each other in virtual time, over a network that loses."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from media.dtls import MTU_BYTES, DtlsContext, DtlsEndpoint, DtlsState
from media.dtls_certificate import DtlsCertificate, fingerprint
from media.messages import DtlsParameters, SrtpSuite

OURS, THEIRS = DtlsContext(DtlsCertificate.generate()), DtlsContext(DtlsCertificate.generate())
DELAY_S = 0.02
Drop = Callable[[int, bytes], bool]  # number of the datagram on the wire, and the datagram


def parameters(context: DtlsContext, *, active: bool) -> DtlsParameters:
    return DtlsParameters(fingerprints=(("sha-256", context.fingerprint),), active=active)


def pair() -> tuple[DtlsEndpoint, DtlsEndpoint]:
    """A client and a server who know each other's fingerprint."""
    client = DtlsEndpoint(OURS, parameters(THEIRS, active=True), 0.0)
    return client, DtlsEndpoint(THEIRS, parameters(OURS, active=False), 0.0)


def run(
    client: DtlsEndpoint, server: DtlsEndpoint, drop: Drop = lambda number, data: False, until: float = 10.0
) -> float:
    """Carry datagrams with a delay until nothing happens any more. When it ended, in virtual seconds."""
    now = 0.0
    number = 0
    wire: list[tuple[float, int, DtlsEndpoint, bytes]] = []
    while True:
        for sender, receiver in ((client, server), (server, client)):
            for data in sender.take_outgoing():
                number += 1
                if not drop(number, data):
                    wire.append((now + DELAY_S, number, receiver, data))
        wakes = [end.wake_at for end in (client, server) if end.wake_at is not None]
        times = [entry[0] for entry in wire] + wakes
        if not times or min(times) > until:
            return now
        now = min(times)
        arrived = [entry for entry in wire if entry[0] <= now]
        wire = [entry for entry in wire if entry[0] > now]
        for _, _, receiver, data in arrived:
            receiver.receive(data, now)
        for end in (client, server):
            end.poll(now)


def assert_agreed(client: DtlsEndpoint, server: DtlsEndpoint) -> None:
    assert client.state is server.state is DtlsState.ESTABLISHED, (client.failure, server.failure)
    assert client.keys is not None
    assert server.keys is not None
    assert client.keys.suite is server.keys.suite
    assert client.keys.send == server.keys.receive != client.keys.receive == server.keys.send
    assert len(client.keys.send) == client.keys.suite.key_bytes


def test_both_ends_agree_on_keys_within_two_round_trips() -> None:
    client, server = pair()
    assert run(client, server) == pytest.approx(4 * DELAY_S)
    assert_agreed(client, server)
    assert client.keys is not None
    assert client.keys.suite is SrtpSuite.AEAD_AES_256_GCM
    assert client.retransmissions == server.retransmissions == 0
    assert client.wake_at is server.wake_at is None


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_lost_flight_is_sent_again_a_tenth_of_a_second_later(lost: int) -> None:
    client, server = pair()
    finished = run(client, server, lambda number, data: number == lost)
    assert_agreed(client, server)
    assert client.retransmissions + server.retransmissions >= 1
    assert finished < 0.4


@pytest.mark.parametrize("seed", range(30))
def test_a_network_that_loses_a_third_does_not_prevent_the_call(seed: int) -> None:
    client, server = pair()
    dice = random.Random(seed)
    run(client, server, lambda number, data: dice.random() < 0.33, until=30.0)
    assert_agreed(client, server)


def test_doubled_and_reordered_datagrams_do_no_harm() -> None:
    client, server = pair()
    now = 0.0
    for _ in range(6):
        for sender, receiver in ((client, server), (server, client)):
            outgoing = sender.take_outgoing()
            for data in [*outgoing, *reversed(outgoing)]:
                receiver.receive(data, now)
    assert_agreed(client, server)


def test_no_datagram_is_longer_than_the_path_carries() -> None:
    client, server = pair()
    lengths: list[int] = []
    run(client, server, lambda number, data: lengths.append(len(data)) is not None)
    assert 0 < max(lengths) <= MTU_BYTES


def test_a_certificate_of_somebody_else_gives_no_keys() -> None:
    stranger = DtlsContext(DtlsCertificate.generate())
    client = DtlsEndpoint(stranger, parameters(THEIRS, active=True), 0.0)
    server = DtlsEndpoint(THEIRS, parameters(OURS, active=False), 0.0)
    run(client, server)
    assert server.state is DtlsState.FAILED
    assert server.keys is None
    assert "fingerprint" in (server.failure or "")


def test_a_certificate_of_an_unknown_version_is_judged_by_its_bytes_alone() -> None:
    """OpenSSL takes it, and readers of certificates raise."""
    own = DtlsCertificate.generate()
    version_3, version_4 = bytes.fromhex("a003020102"), bytes.fromhex("a003020103")
    odd = own.certificate.public_bytes(Encoding.DER).replace(version_3, version_4, 1)
    context = DtlsContext(own)
    inner: SSL.Context = context._context
    inner.use_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, odd))
    for told, state in (
        (fingerprint("sha-256", odd), DtlsState.ESTABLISHED),
        (context.fingerprint, DtlsState.FAILED),
    ):
        client = DtlsEndpoint(context, parameters(THEIRS, active=True), 0.0)
        expected = DtlsParameters(fingerprints=(("sha-256", told),), active=False)
        server = DtlsEndpoint(THEIRS, expected, 0.0)
        run(client, server)
        assert server.state is state


def test_a_client_does_not_accept_another_server_either() -> None:
    client = DtlsEndpoint(OURS, parameters(OURS, active=True), 0.0)
    server = DtlsEndpoint(THEIRS, parameters(OURS, active=False), 0.0)
    run(client, server)
    assert client.state is DtlsState.FAILED
    assert client.keys is None
    assert "fingerprint" in (client.failure or "")


@pytest.mark.parametrize("suite", list(SrtpSuite))
@pytest.mark.parametrize("active", [True, False])
def test_the_suite_follows_what_the_far_party_can(suite: SrtpSuite, active: bool) -> None:
    far = DtlsContext(DtlsCertificate.generate(), [suite])
    ours = DtlsEndpoint(OURS, parameters(far, active=active), 0.0)
    theirs = DtlsEndpoint(far, parameters(OURS, active=not active), 0.0)
    run(*((ours, theirs) if active else (theirs, ours)))
    assert_agreed(ours, theirs)
    assert ours.keys is not None
    assert ours.keys.suite is suite


@pytest.mark.parametrize("suites", [(), (SrtpSuite.AES_CM_128_HMAC_SHA1_32,)])
def test_without_a_suite_in_common_there_are_no_keys(suites: tuple[SrtpSuite, ...]) -> None:
    far = DtlsContext(DtlsCertificate.generate(), suites)
    near = DtlsContext(DtlsCertificate.generate(), [SrtpSuite.AES_CM_128_HMAC_SHA1_80])
    client = DtlsEndpoint(far, parameters(near, active=True), 0.0)
    server = DtlsEndpoint(near, parameters(far, active=False), 0.0)
    run(client, server)
    assert server.state is DtlsState.FAILED
    assert server.keys is None
    assert "profile" in (server.failure or "")


def test_a_party_that_never_answers_is_asked_ever_more_rarely() -> None:
    client, _ = pair()
    sent = []
    now = 0.0
    while now < 10.0:
        sent += [now] * len(client.take_outgoing())
        assert client.wake_at is not None
        now = client.wake_at
        client.poll(now)
    assert sent[:4] == pytest.approx([0.0, 0.1, 0.3, 0.7])
    assert 8 <= len(sent) <= 12
    assert not client.heard
    client.give_up("nobody answers")
    assert client.state is DtlsState.FAILED
    assert client.failure == "nobody answers"
    assert client.wake_at is None


def test_an_unfinished_handshake_given_up_is_failed_and_a_finished_one_is_not() -> None:
    client, server = pair()
    run(client, server)
    client.give_up("too late")
    assert_agreed(client, server)


def test_garbage_neither_harms_nor_hides_what_comes_after() -> None:
    client, server = pair()
    garbage = (bytes([22, 254, 253]) + bytes(9) + b"\xff\xff", bytes([63]) * 40, bytes([20]) * 13, b"\x16")

    def carry(sender: DtlsEndpoint, receiver: DtlsEndpoint) -> None:
        for data in sender.take_outgoing():
            for noise in garbage:
                receiver.receive(noise, 0.0)
            receiver.receive(data, 0.0)

    for _ in range(4):
        carry(client, server)
        carry(server, client)
    assert_agreed(client, server)
    assert client.malformed >= 2 * len(garbage)


def test_the_end_of_one_side_is_told_to_the_other() -> None:
    client, server = pair()
    run(client, server)
    client.close()
    run(client, server)
    assert client.state is server.state is DtlsState.CLOSED
