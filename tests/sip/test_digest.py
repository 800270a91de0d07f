from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.digest import (
    Challenge,
    DigestClient,
    choose,
    is_refusal,
    parse_authentication,
    parse_challenges,
)
from sip.errors import DigestError
from sip.message import Response

# RFC 7616 section 3.9.1
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def rfc_7616(algorithm: str) -> str:
    return (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{NONCE}", opaque="{OPAQUE}"'
    )


def mufasa() -> DigestClient:
    return DigestClient("Mufasa", "Circle of Life", create_cnonce=lambda: CNONCE)


def fields(header: str) -> dict[str, str]:
    ((scheme, parameters),) = parse_authentication(header)
    assert scheme == "digest"
    return parameters


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_published_example_gives_the_published_response(algorithm: str, response: str) -> None:
    header = mufasa().authorization(Challenge.parse(rfc_7616(algorithm)), "GET", "/dir/index.html")
    assert fields(header) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "nonce": NONCE,
        "uri": "/dir/index.html",
        "response": response,
        "algorithm": algorithm,
        "qop": "auth",
        "nc": "00000001",
        "cnonce": CNONCE,
        "opaque": OPAQUE,
    }


def test_qop_and_nc_and_algorithm_are_not_quoted_in_credentials() -> None:
    header = mufasa().authorization(Challenge.parse(rfc_7616("MD5")), "GET", "/")
    assert ", algorithm=MD5, qop=auth, nc=00000001, " in header


def test_challenge_without_qop_is_answered_the_old_way() -> None:
    header = DigestClient("bob", "zanzibar").authorization(
        Challenge.parse('Digest realm="biloxi.com", nonce="dcd98b"'), "INVITE", "sip:bob@biloxi.com"
    )
    expected = md5(f"{md5('bob:biloxi.com:zanzibar')}:dcd98b:{md5('INVITE:sip:bob@biloxi.com')}")
    assert fields(header)["response"] == expected
    assert not {"qop", "nc", "cnonce", "opaque"} & fields(header).keys()


def test_auth_int_covers_the_body_when_nothing_else_is_offered() -> None:
    challenge = Challenge.parse('Digest realm="r", nonce="n", qop="auth-int"')
    client = DigestClient("u", "p", create_cnonce=lambda: "c")
    header = client.authorization(challenge, "INVITE", "sip:h", b"v=0")
    request = md5("INVITE:sip:h:" + md5("v=0"))
    expected = md5(f"{md5('u:r:p')}:n:00000001:c:auth-int:{request}")
    assert fields(header)["response"] == expected


def test_session_algorithm_hashes_nonce_and_cnonce_into_the_secret() -> None:
    challenge = Challenge.parse('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess')
    client = DigestClient("u", "p", create_cnonce=lambda: "c")
    header = client.authorization(challenge, "INVITE", "sip:h")
    secret = md5(md5("u:r:p") + ":n:c")
    expected = md5(f"{secret}:n:00000001:c:auth:{md5('INVITE:sip:h')}")
    assert fields(header)["response"] == expected
    assert fields(header)["algorithm"] == "MD5-sess"


def test_nonce_is_counted_for_each_use_and_each_nonce_apart() -> None:
    client = DigestClient("u", "p")
    first = Challenge.parse('Digest realm="r", nonce="n1", qop="auth"')
    second = Challenge.parse('Digest realm="r", nonce="n2", qop="auth"')
    counts = [fields(client.authorization(c, "INVITE", "sip:h"))["nc"] for c in (first, first, second, first)]
    assert counts == ["00000001", "00000002", "00000001", "00000003"]


def test_memory_of_nonces_is_bounded() -> None:
    client = DigestClient("u", "p")
    kept = Challenge(scheme="digest", realm="r", nonce="kept", qop=("auth",))
    for number in range(1000):
        client.authorization(kept, "INVITE", "sip:h")
        client.authorization(
            Challenge(scheme="digest", realm="r", nonce=str(number), qop=("auth",)), "A", "sip:h"
        )
    assert len(client._uses) <= 64
    assert fields(client.authorization(kept, "INVITE", "sip:h"))["nc"] == f"{1001:08x}"


def test_each_use_has_its_own_cnonce() -> None:
    client = DigestClient("u", "p")
    challenge = Challenge.parse('Digest realm="r", nonce="n", qop="auth"')
    assert len({fields(client.authorization(challenge, "A", "sip:h"))["cnonce"] for _ in range(10)}) == 10


def test_qop_is_a_list_and_a_realm_may_hold_a_comma() -> None:
    challenge = Challenge.parse('Digest realm="Example, Inc.", nonce="n,=1", qop="auth,auth-int", stale=TRUE')
    assert challenge.realm == "Example, Inc."
    assert challenge.nonce == "n,=1"
    assert challenge.qop == ("auth", "auth-int")
    assert challenge.stale


def test_realm_goes_back_exactly_as_it_came() -> None:
    challenge = Challenge.parse(r'Digest realm="a \"quoted\" realm", nonce="n"')
    assert r'realm="a \"quoted\" realm"' in DigestClient("u", "p").authorization(challenge, "A", "sip:h")


def test_user_name_cannot_break_out_of_its_quotes() -> None:
    challenge = Challenge.parse('Digest realm="r", nonce="n"')
    header = DigestClient('u", realm="x', "p").authorization(challenge, "A", "sip:h")
    assert fields(header)["realm"] == "r"


def test_strongest_supported_challenge_of_several_is_chosen() -> None:
    challenges = parse_challenges(
        [
            'Basic realm="r"',
            'Digest realm="r", nonce="1", algorithm=MD5',
            'Digest realm="r", nonce="2", algorithm=SHA-256',
            'Digest realm="r", nonce="3", algorithm=SHA-1024',
            'Digest realm="r", nonce="4", algorithm=SHA-256',
        ]
    )
    chosen = choose(challenges)
    assert chosen is not None
    assert chosen.nonce == "2"


def test_several_challenges_on_one_line_are_all_seen() -> None:
    challenges = parse_challenges(
        [
            'Digest realm="a, b", nonce="1", algorithm=MD5, '
            'Digest algorithm=SHA-256, nonce="2", realm="c", NTLM'
        ]
    )
    assert [(c.scheme, c.realm, c.nonce, c.algorithm) for c in challenges] == [
        ("digest", "a, b", "1", "MD5"),
        ("digest", "c", "2", "SHA-256"),
        ("ntlm", "", "", "MD5"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=AKAv1',
        'Digest nonce="n", qop="x"',
    ],
)
def test_unsupported_challenge_is_not_chosen_and_not_answered(text: str) -> None:
    challenge = Challenge.parse(text)
    assert choose([challenge]) is None
    with pytest.raises(DigestError):
        DigestClient("u", "p").authorization(challenge, "A", "sip:h")


@pytest.mark.parametrize("text", ["", ",", "=", "a=b", '"', "realm=x, nonce=y"])
def test_header_without_a_challenge_has_none(text: str) -> None:
    assert parse_challenges([text]) == []
    with pytest.raises(DigestError):
        Challenge.parse(text)


@pytest.mark.parametrize(
    ("status", "asked", "answered"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_answer_goes_into_the_header_that_belongs_to_the_status(
    status: int, asked: str, answered: str
) -> None:
    response = Response(
        status,
        "",
        [
            (asked, 'Digest realm="r", nonce="weak", algorithm=MD5'),
            (asked, 'Digest realm="r", nonce="strong", algorithm=SHA-256'),
        ],
    )
    name, value = DigestClient("u", "p").credentials(response, "INVITE", "sip:h")
    assert name == answered
    assert fields(value)["nonce"] == "strong"


def test_response_without_a_supported_challenge_is_an_error() -> None:
    with pytest.raises(DigestError):
        DigestClient("u", "p").credentials(Response(401, "", [("WWW-Authenticate", "NTLM")]), "A", "sip:h")


def test_second_challenge_is_a_refusal_unless_it_is_stale_or_for_another_realm() -> None:
    sent = DigestClient("u", "p").authorization(Challenge.parse('Digest realm="r", nonce="n"'), "A", "sip:h")
    assert is_refusal(Challenge.parse('Digest realm="r", nonce="m"'), sent)
    assert not is_refusal(Challenge.parse('Digest realm="r", nonce="m", stale=true'), sent)
    assert not is_refusal(Challenge.parse('Digest realm="other", nonce="m"'), sent)
    assert not is_refusal(Challenge.parse('Digest realm="r", nonce="m"'), None)


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_authentication(text)
    parse_challenges(["Digest " + text])


NASTY = [
    'Digest realm="' + '\\"' * 32000,
    'Digest realm="' + "\\" * 65000,
    "Digest " + 'a="b",' * 10000,
    "Digest " + ",".join(f'p{number}="v"' for number in range(6000)),
    "Digest " + '"' * 65000,
    "Digest " + "=" * 65000,
    "Digest " + "a" * 65000,
    "Digest " + " , " * 20000,
    "Digest a=b, " * 5000,
    'Digest username="' + "a" * 60 + '"' * 100,
]


@pytest.mark.parametrize("index", range(len(NASTY)))
def test_hostile_64_kib_header_costs_little_time(index: int) -> None:
    started = time.process_time()
    assert len(parse_challenges([NASTY[index]])) <= 16
    assert time.process_time() - started < 0.3
