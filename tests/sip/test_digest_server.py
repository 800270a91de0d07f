"""What a digest server believes, against the client's side and against forgery."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.digest import Challenge, DigestClient, choose, parse_challenges
from sip.digest_server import REALM, DigestAccount, DigestCheck, DigestOutcome, DigestServer
from sip.message import Request
from tests.support.sip_endpoint_harness import peer_request

HOST = "192.0.2.10"
ALICE = DigestAccount.of("alice", "correct horse")


class Desk:
    """A server with one account, a clock moved by hand, and clients that answer it."""

    def __init__(self, **options: object) -> None:
        self.now = 1000.0
        self.server = DigestServer(clock=lambda: self.now, **options)  # type: ignore[arg-type]

    def challenge(self, algorithm: str = "SHA-256", *, stale: bool = False) -> Challenge:
        values = [value for _, value in self.server.challenges(HOST, stale=stale)]
        (found,) = [one for one in parse_challenges(values) if one.algorithm == algorithm]
        return found

    def check(self, header: str, host: str = HOST, request: Request | None = None) -> DigestCheck:
        request = request or peer_request("INVITE")
        request.set("Authorization", header)
        return self.server.check(request, host, {"alice": ALICE}.get)


def answer(challenge: Challenge, password: str = "correct horse", user: str = "alice") -> str:
    return DigestClient(user, password).authorization(challenge, "INVITE", peer_request("INVITE").uri)


def test_the_strongest_algorithm_is_offered_first_and_a_client_takes_it() -> None:
    desk = Desk()
    names, values = zip(*desk.server.challenges(HOST), strict=True)
    assert set(names) == {"WWW-Authenticate"}
    challenges = parse_challenges(values)
    assert [one.algorithm for one in challenges] == ["SHA-256", "MD5"]
    chosen = choose(challenges)
    assert chosen is not None
    assert (chosen.algorithm, chosen.qop, chosen.realm) == ("SHA-256", ("auth",), REALM)


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_is_good_with_either_algorithm(algorithm: str) -> None:
    desk = Desk()
    assert desk.check(answer(desk.challenge(algorithm))) == DigestCheck(DigestOutcome.GOOD, "alice")


def test_what_is_kept_is_the_hash_of_the_rfc() -> None:
    text = f"alice:{REALM}:correct horse".encode()
    assert hashlib.sha256(text).hexdigest() == ALICE.ha1_sha256
    assert hashlib.md5(text, usedforsecurity=False).hexdigest() == ALICE.ha1_md5
    assert "ha1" not in repr(ALICE)


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("bob", "correct horse"), ("", "")])
def test_wrong_passwords_and_unknown_users_look_alike(user: str, password: str) -> None:
    desk = Desk()
    found = desk.check(answer(desk.challenge(), password, user))
    assert found == DigestCheck(DigestOutcome.WRONG, user)


def test_the_same_answer_twice_is_stale_and_so_is_a_lower_count_seen_before() -> None:
    desk = Desk()
    client, challenge = DigestClient("alice", "correct horse"), desk.challenge()
    uri = peer_request("INVITE").uri
    first, second, third = (client.authorization(challenge, "INVITE", uri) for _ in range(3))
    assert desk.check(first).outcome is DigestOutcome.GOOD
    assert desk.check(third).outcome is DigestOutcome.GOOD
    assert desk.check(second).outcome is DigestOutcome.GOOD, "datagrams overtake each other"
    for seen in (first, second, third):
        assert desk.check(seen).outcome is DigestOutcome.STALE


def test_a_nonce_ends_with_its_time() -> None:
    desk = Desk(lifetime_s=30)
    header = answer(desk.challenge())
    desk.now += 31
    assert desk.check(header).outcome is DigestOutcome.STALE
    assert desk.challenge(stale=True).stale


def test_a_nonce_is_good_for_whom_it_was_given_to_alone() -> None:
    desk = Desk()
    assert desk.check(answer(desk.challenge()), host="192.0.2.11").outcome is DigestOutcome.STALE


def test_nobody_can_make_a_nonce() -> None:
    desk = Desk()
    other = Desk()
    assert desk.check(answer(other.challenge())).outcome is DigestOutcome.STALE
    for nonce in ("", "1", "-", "zz--", "1-2-3", "\u00e4-\u00f6-\u00fc"):
        forged = Challenge("digest", REALM, nonce, "SHA-256", ("auth",))
        if nonce:
            assert desk.check(answer(forged)).outcome is DigestOutcome.STALE


def test_credentials_for_another_request_are_not_good() -> None:
    desk = Desk()
    header = answer(desk.challenge())
    request = peer_request("INVITE")
    request.retarget(request.uri.replace("sip:", "sip:9", 1))
    assert desk.check(header, request=request).outcome is DigestOutcome.WRONG
    other_method = DigestClient("alice", "correct horse").authorization(
        desk.challenge(), "REGISTER", peer_request("INVITE").uri
    )
    assert desk.check(other_method).outcome is DigestOutcome.WRONG


def test_credentials_that_name_the_host_alone_are_good() -> None:
    desk = Desk()
    header = DigestClient("alice", "correct horse").authorization(
        desk.challenge(), "INVITE", "sip:192.0.2.1:5060"
    )
    assert desk.check(header).outcome is DigestOutcome.GOOD


@pytest.mark.parametrize(
    "header",
    [
        "Basic YWxpY2U6eA==",
        "Digest",
        f'Digest username="alice", realm="{REALM}"',
        'Digest username="alice", realm="other", nonce="1", uri="sip:x", response="0", cnonce="c", '
        "nc=00000001, qop=auth",
        f'Digest username="alice", realm="{REALM}", nonce="1", uri="sip:x", response="0", algorithm=SHA-1, '
        'cnonce="c", nc=00000001, qop=auth',
        f'Digest username="alice", realm="{REALM}", nonce="1", uri="sip:x", response="0"',
        f'Digest username="alice", realm="{REALM}", nonce="1", uri="sip:x", response="0", cnonce="c", '
        "nc=00000000, qop=auth",
        f'Digest username="alice", realm="{REALM}", nonce="1", uri="sip:x", response="0", cnonce="c", '
        "nc=zzzzzzzz, qop=auth",
    ],
)
def test_what_answers_no_challenge_of_ours_is_as_if_it_were_not_there(header: str) -> None:
    assert Desk().check(header).outcome is DigestOutcome.ABSENT


def test_what_is_remembered_is_bounded_and_what_was_forgotten_is_not_believed() -> None:
    desk = Desk(remembered=3)
    headers = []
    for _ in range(6):
        headers.append(answer(desk.challenge()))
        desk.now += 0.01
        assert desk.check(headers[-1]).outcome is DigestOutcome.GOOD
    assert [desk.check(header).outcome for header in headers] == [DigestOutcome.STALE] * 6
    assert len(desk.server._uses) == 3


@given(st.text(max_size=200))
def test_no_header_makes_it_fail(text: str) -> None:
    request = peer_request("INVITE")
    request.headers.append(("Authorization", f'Digest realm="{REALM}", qop=auth, nc=00000001, {text}'))
    server = DigestServer(clock=lambda: 0.0)
    assert server.check(request, HOST, {"alice": ALICE}.get).outcome is not DigestOutcome.GOOD
