"""Encryption of media as offer and answer settle it, by the three policies."""

import base64
from dataclasses import replace

import pytest

from sip.audio_parameters import LocalAudio
from sip.errors import NotAcceptableError
from sip.offer_answer import AudioSession
from sip.sdp import MediaDescription, SessionDescription
from sip.sdp_security import MediaEncryption, SrtpKeying, crypto_attributes
from tests.sip.test_offer_answer import audio_of, read, sdp, version_of

DISABLE = LocalAudio(host="203.0.113.1", port=40000, rtcp_port=40001)
ALLOW = replace(DISABLE, encryption=MediaEncryption.ALLOW)
REQUIRE = replace(DISABLE, encryption=MediaEncryption.REQUIRE)
SHA_256 = ":".join(f"{byte:02X}" for byte in range(32))
OURS_SHA_256 = ":".join(f"{byte:02X}" for byte in range(32, 64))
WITH_CERTIFICATE = {"dtls_fingerprint": OURS_SHA_256}

PLAIN = "m=audio 16384 RTP/AVP 0 8 101"
SECURE = "m=audio 16384 RTP/SAVP 0 8 101"


def crypto(tag: int, suite: str, fill: int = 1) -> str:
    size = {"AEAD_AES_256_GCM": 44, "AEAD_AES_128_GCM": 28}.get(suite, 30)
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(bytes([fill]) * size).decode()}"


SHA1_80 = "AES_CM_128_HMAC_SHA1_80"


def ours(body: bytes) -> MediaDescription:
    return audio_of(body)


# Their offer


def test_a_secure_offer_is_answered_with_its_profile_its_tag_and_a_key_of_ours() -> None:
    body, parameters = AudioSession(ALLOW, 7).answer(sdp(SECURE, crypto(3, SHA1_80)))
    section = ours(body)
    assert section.protocol == "RTP/SAVP"
    (line,) = crypto_attributes(section)
    assert (line.tag, line.suite) == (3, SHA1_80)
    assert parameters.sdes is not None
    assert parameters.sdes.remote == b"\x01" * 30
    assert parameters.sdes.local == line.key
    assert line.key != b"\x01" * 30
    assert parameters.encrypted


@pytest.mark.parametrize("between", [(PLAIN,), (SECURE, crypto(1, "AEAD_AES_128_GCM"))])
def test_a_key_that_went_out_of_use_does_not_come_back(between: tuple[str, ...]) -> None:
    session = AudioSession(ALLOW, 7)
    keys = [
        session.answer(sdp(*lines, version=version))[1].sdes
        for version, lines in enumerate(
            [
                (SECURE, crypto(1, SHA1_80)),
                between,
                (SECURE, crypto(1, SHA1_80)),
                (SECURE, crypto(1, SHA1_80)),
            ]
        )
    ]
    first, again, unchanged = keys[0], keys[2], keys[3]
    assert first is not None
    assert again is not None
    assert again.local != first.local
    assert unchanged == again


def test_the_strongest_suite_that_is_offered_is_taken() -> None:
    lines = (crypto(1, SHA1_80), crypto(2, "AEAD_AES_128_GCM"), crypto(3, "AEAD_AES_256_GCM"))
    body, parameters = AudioSession(ALLOW, 7).answer(sdp(SECURE, *lines))
    assert parameters.sdes is not None
    assert parameters.sdes.suite == "AEAD_AES_256_GCM"
    assert crypto_attributes(ours(body))[0].tag == 3


@pytest.mark.parametrize("profile", ["RTP/SAVPF", "RTP/AVPF", "RTP/AVP"])
def test_keys_are_answered_under_every_profile_that_may_carry_them(profile: str) -> None:
    line = f"m=audio 16384 {profile} 0"
    body, parameters = AudioSession(ALLOW, 7).answer(sdp(line, crypto(1, SHA1_80)))
    assert ours(body).protocol == profile
    assert parameters.sdes is not None


def test_keys_beside_a_plain_profile_are_passed_over_where_encryption_is_disabled() -> None:
    body, parameters = AudioSession(DISABLE, 7).answer(sdp(PLAIN, crypto(1, SHA1_80)))
    assert crypto_attributes(ours(body)) == []
    assert not parameters.encrypted


@pytest.mark.parametrize(
    ("local", "lines", "says"),
    [
        (DISABLE, (SECURE, crypto(1, SHA1_80)), "disabled"),
        (ALLOW, (SECURE,), "no key"),
        (ALLOW, (SECURE, "a=crypto:1 F8_128_HMAC_SHA1_80 inline:abcd"), "no key"),
        (REQUIRE, (PLAIN,), "has to be encrypted"),
        (REQUIRE, (PLAIN, "a=crypto:1 UNKNOWN inline:abcd"), "has to be encrypted"),
        (ALLOW, ("m=audio 16384 UDP/TLS/RTP/SAVP 0", f"a=fingerprint:sha-256 {SHA_256}"), "certificate"),
    ],
)
def test_an_offer_against_the_policy_is_refused_with_the_reason(
    local: LocalAudio, lines: tuple[str, ...], says: str
) -> None:
    with pytest.raises(NotAcceptableError, match=says):
        AudioSession(local, 7).answer(sdp(*lines))


def test_a_plain_offer_is_answered_in_the_clear_where_encryption_is_only_allowed() -> None:
    body, parameters = AudioSession(ALLOW, 7).answer(sdp(PLAIN))
    assert ours(body).protocol == "RTP/AVP"
    assert not parameters.encrypted


@pytest.mark.parametrize("local", [ALLOW, REQUIRE])
def test_of_a_plain_and_an_encrypted_stream_the_encrypted_one_is_taken(local: LocalAudio) -> None:
    body, parameters = AudioSession(local, 7).answer(
        sdp(PLAIN, SECURE.replace("16384", "17000"), crypto(1, SHA1_80))
    )
    assert [section.port for section in read(body).media] == [0, 40000]
    assert parameters.remote_port == 17000
    assert parameters.encrypted


def test_of_a_plain_and_an_encrypted_stream_the_plain_one_is_taken_where_encryption_is_disabled() -> None:
    body, parameters = AudioSession(DISABLE, 7).answer(
        sdp(SECURE, crypto(1, SHA1_80), PLAIN.replace("16384", "17000"))
    )
    assert [section.port for section in read(body).media] == [0, 40000]
    assert not parameters.encrypted


def test_the_same_offer_again_is_answered_by_the_same_description() -> None:
    session = AudioSession(ALLOW, 7)
    offer = sdp(SECURE, crypto(1, "AEAD_AES_128_GCM"), crypto(2, SHA1_80))
    first, before = session.answer(offer)
    second, after = session.answer(offer)
    assert first == second
    assert before == after
    assert version_of(second) == 1


def test_a_new_key_of_theirs_leaves_ours_as_it_was() -> None:
    session = AudioSession(ALLOW, 7)
    _, before = session.answer(sdp(SECURE, crypto(1, SHA1_80, 1)))
    _, after = session.answer(sdp(SECURE, crypto(1, SHA1_80, 2), version=2))
    assert before.sdes is not None
    assert after.sdes is not None
    assert after.sdes.local == before.sdes.local
    assert after.sdes.remote == b"\x02" * 30


def test_a_suite_in_use_is_kept_though_a_stronger_one_is_offered_later() -> None:
    session = AudioSession(ALLOW, 7)
    session.answer(sdp(SECURE, crypto(1, SHA1_80)))
    _, after = session.answer(sdp(SECURE, crypto(1, "AEAD_AES_256_GCM"), crypto(2, SHA1_80), version=2))
    assert after.sdes is not None
    assert after.sdes.suite == SHA1_80


# Our offer


def test_what_is_offered_depends_on_the_policy() -> None:
    for local, profile, suites in ((DISABLE, "RTP/AVP", 0), (ALLOW, "RTP/AVP", 4), (REQUIRE, "RTP/SAVP", 4)):
        section = ours(AudioSession(local, 7).offer())
        assert section.protocol == profile
        assert len(crypto_attributes(section)) == suites


def test_keys_of_two_calls_differ_and_those_of_two_suites_too() -> None:
    keys = {
        line.key[:16] for _ in range(2) for line in crypto_attributes(ours(AudioSession(REQUIRE, 7).offer()))
    }
    assert len(keys) == 8


@pytest.mark.parametrize("local", [ALLOW, REQUIRE])
def test_the_answer_names_the_key_that_counts(local: LocalAudio) -> None:
    session = AudioSession(local, 7)
    offered = ours(session.offer())
    chosen = next(line for line in crypto_attributes(offered) if line.suite == SHA1_80)
    parameters = session.accept_answer(
        sdp(f"m=audio 16384 {offered.protocol} 0", crypto(chosen.tag, SHA1_80))
    )
    assert parameters.sdes is not None
    assert parameters.sdes.local == chosen.key
    assert parameters.sdes.remote == b"\x01" * 30


def test_an_answer_in_the_clear_is_good_enough_where_encryption_is_only_allowed() -> None:
    session = AudioSession(ALLOW, 7)
    session.offer()
    assert not session.accept_answer(sdp(PLAIN)).encrypted


@pytest.mark.parametrize("answer", [(SECURE,), (SECURE, crypto(9, SHA1_80)), (PLAIN,)])
def test_an_answer_that_does_not_encrypt_is_refused_where_it_has_to(answer: tuple[str, ...]) -> None:
    session = AudioSession(REQUIRE, 7)
    session.offer()
    with pytest.raises(NotAcceptableError, match="encrypt"):
        session.accept_answer(sdp(*answer))


def test_an_offer_of_ours_in_mid_call_keeps_profile_suite_and_key() -> None:
    session = AudioSession(ALLOW, 7)
    _, before = session.answer(sdp(SECURE, crypto(5, SHA1_80)))
    again = ours(session.offer())
    assert again.protocol == "RTP/SAVP"
    (line,) = crypto_attributes(again)
    assert before.sdes is not None
    assert (line.suite, line.key) == (SHA1_80, before.sdes.local)
    after = session.accept_answer(sdp(SECURE, crypto(line.tag, SHA1_80)))
    assert after.sdes == before.sdes


# Certificates


def dtls_offer(setup: str, profile: str = "UDP/TLS/RTP/SAVP") -> bytes:
    return sdp(f"m=audio 16384 {profile} 0", f"a=fingerprint:sha-256 {SHA_256}", f"a=setup:{setup}")


@pytest.mark.parametrize(("setup", "active"), [("actpass", False), ("active", False), ("passive", True)])
def test_roles_of_the_handshake(setup: str, active: bool) -> None:
    body, parameters = AudioSession(replace(ALLOW, **WITH_CERTIFICATE), 7).answer(dtls_offer(setup))
    assert parameters.dtls is not None
    assert parameters.dtls.active is active
    assert parameters.dtls.fingerprints == (("sha-256", SHA_256),)
    section = ours(body)
    assert section.attribute("setup") == ("active" if active else "passive")
    assert section.attribute("fingerprint") == f"sha-256 {OURS_SHA_256}"
    assert section.protocol == "UDP/TLS/RTP/SAVP"


def test_our_offer_of_a_certificate_leaves_the_role_to_the_far_party() -> None:
    local = replace(REQUIRE, keying=SrtpKeying.DTLS, **WITH_CERTIFICATE)
    session = AudioSession(local, 7)
    section = ours(session.offer())
    assert (section.protocol, section.attribute("setup")) == ("UDP/TLS/RTP/SAVP", "actpass")
    parameters = session.accept_answer(dtls_offer("passive"))
    assert parameters.dtls is not None
    assert parameters.dtls.active


def test_without_a_certificate_of_ours_keys_stand_in_the_description() -> None:
    session = AudioSession(replace(REQUIRE, keying=SrtpKeying.DTLS), 7)
    assert ours(session.offer()).protocol == "RTP/SAVP"


# ICE


def test_who_asks_for_ice_gets_its_lite_half_and_nobody_else() -> None:
    offer = sdp(
        PLAIN, "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22, "a=candidate:1 1 UDP 1 192.0.2.10 16384 typ host"
    )
    session = AudioSession(replace(DISABLE, ice=True), 7)
    body, parameters = session.answer(offer)
    assert parameters.ice is not None
    assert parameters.ice.remote.ufrag == "abcd"
    section, whole = ours(body), SessionDescription.parse(body)
    assert ("ice-lite", None) in whole.attributes
    assert section.attribute("ice-ufrag") == parameters.ice.local.ufrag
    assert section.attribute("ice-pwd") == parameters.ice.local.password
    candidates = [value for name, value in section.attributes if name == "candidate"]
    assert candidates == [
        "1 1 UDP 2130706431 203.0.113.1 40000 typ host",
        "1 2 UDP 2130706430 203.0.113.1 40001 typ host",
    ]
    assert session.answer(offer)[0] == body
    for local in (DISABLE, replace(DISABLE, ice=True)):
        plain, settled = AudioSession(local, 7).answer(sdp(PLAIN) if local.ice else offer)
        assert settled.ice is None
        assert b"ice" not in plain


@pytest.mark.parametrize(("port", "direction"), [(9, "sendrecv"), (16384, "recvonly")])
def test_a_browser_that_names_no_address_is_not_on_hold(port: int, direction: str) -> None:
    offer = sdp(
        f"m=audio {port} RTP/AVP 0", "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22, connection="IN IP4 0.0.0.0"
    )
    assert AudioSession(replace(DISABLE, ice=True), 7).answer(offer)[1].direction == direction
    assert AudioSession(DISABLE, 7).answer(offer)[1].direction == "recvonly"


def test_new_credentials_of_theirs_begin_ice_anew() -> None:
    session = AudioSession(replace(DISABLE, ice=True), 7)
    offers = [sdp(PLAIN, f"a=ice-ufrag:abc{n}", "a=ice-pwd:" + str(n) * 22, version=n) for n in (1, 2)]
    pairs = [session.answer(offer)[1].ice for offer in offers]
    assert pairs[0] is not None
    assert pairs[1] is not None
    assert pairs[0].local != pairs[1].local


def test_a_lite_agent_gets_no_ice_since_neither_would_check() -> None:
    session = AudioSession(replace(DISABLE, ice=True), 7)
    body, parameters = session.answer(
        sdp(PLAIN, "a=ice-lite", "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22)
        .replace(b"a=ice-lite\r\n", b"")
        .replace(b"m=audio", b"a=ice-lite\r\nm=audio", 1)
    )
    assert parameters.ice is None
    assert b"ice" not in body


def test_an_offer_of_ours_in_mid_call_keeps_ice_and_its_answer_too() -> None:
    session = AudioSession(replace(DISABLE, ice=True), 7)
    theirs = ("a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22)
    _, settled = session.answer(sdp(PLAIN, *theirs))
    offer = session.offer()
    assert settled.ice is not None
    assert ours(offer).attribute("ice-ufrag") == settled.ice.local.ufrag
    assert ours(offer).attribute("ice-pwd") == settled.ice.local.password
    assert session.accept_answer(sdp(PLAIN, *theirs)).ice == settled.ice


def test_who_is_offered_dtls_is_offered_one_port_for_rtp_and_rtcp() -> None:
    local = replace(REQUIRE, keying=SrtpKeying.DTLS, **WITH_CERTIFICATE)
    assert ours(AudioSession(local, 7).offer()).rtcp_mux
    assert not ours(AudioSession(REQUIRE, 7).offer()).rtcp_mux


def test_a_restart_of_ice_that_came_to_nothing_changes_nothing() -> None:
    session = AudioSession(replace(DISABLE, ice=True), 7)
    ice = ("a=ice-ufrag:abc1", "a=ice-pwd:" + "1" * 22)
    first, before = session.answer(sdp(PLAIN, *ice))
    with pytest.raises(NotAcceptableError):
        session.answer(sdp("m=audio 16384 RTP/AVP 18", "a=ice-ufrag:abc2", "a=ice-pwd:" + "2" * 22))
    again, after = session.answer(sdp(PLAIN, *ice))
    assert after.ice == before.ice
    assert again == first


def test_an_offer_to_a_browser_asks_for_ice_and_its_answer_brings_it() -> None:
    session = AudioSession(replace(DISABLE, ice=True, offer_ice=True), 7)
    offered = SessionDescription.parse(session.offer())
    ours = offered.media[0].attribute("ice-ufrag")
    assert ("ice-lite", None) in offered.attributes
    assert ours
    theirs = ("a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 22)
    pair = session.accept_answer(sdp(PLAIN, *theirs)).ice
    assert pair is not None
    assert (pair.local.ufrag, pair.remote.ufrag) == (ours, "abcd")
    again = SessionDescription.parse(session.offer())
    assert again.media[0].attribute("ice-ufrag") == ours, "it is no restart"


def test_without_ice_in_the_answer_there_is_none_and_it_is_not_asked_for_again() -> None:
    session = AudioSession(replace(DISABLE, ice=True, offer_ice=True), 7)
    session.offer()
    assert session.accept_answer(sdp(PLAIN)).ice is None
    assert b"ice" not in session.offer()
