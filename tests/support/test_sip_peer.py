"""Two test phones calling each other, and what one of them puts on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support import audio
from tests.support.rtp_peer import RtpPeer
from tests.support.sip_call import PeerCall
from tests.support.sip_message import (
    NotSipError,
    SipMessage,
    host_port_of,
    response_to,
    tag_of,
    uri_of,
)
from tests.support.sip_peer import SipPeer


@pytest.fixture(params=["udp", "tcp"])
async def phones(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SipPeer, SipPeer]]:
    async with (
        await SipPeer.open(transport=request.param, user="alice") as alice,
        await SipPeer.open(transport=request.param, user="bob") as bob,
    ):
        yield alice, bob


OFFER = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = b"v=0\r\nm=audio 5000 RTP/AVP 0\r\n"


async def established(alice: SipPeer, bob: SipPeer) -> tuple[PeerCall, PeerCall]:
    placed = await alice.call("sip:bob@example.test", (bob.host, bob.port), OFFER)
    taken = await bob.incoming()
    taken.answer(ANSWER)
    await placed.until_final()
    await taken.until_request("ACK")
    return placed, taken


async def test_call_is_offered_answered_acknowledged_and_ended(phones: tuple[SipPeer, SipPeer]) -> None:
    alice, bob = phones
    placed = await alice.call(
        "sip:bob@example.test", (bob.host, bob.port), OFFER, headers=(("Subject", "test"),)
    )
    taken = await bob.incoming()
    assert taken.invite is not None
    assert taken.invite.body == OFFER
    assert taken.invite["Subject"] == "test"
    taken.ring()
    taken.answer(ANSWER)
    final = await placed.until_final()
    assert (final.status, final.body) == (200, ANSWER)
    assert [m.status for m in placed.provisional] == [180]
    ack = await taken.until_request("ACK")
    assert ack.sequence == taken.invite.sequence
    assert ack["Via"] != taken.invite["Via"], "the ACK of a 2xx is a transaction of its own"
    assert (await placed.bye()).status == 200
    assert taken.ended


async def test_callee_can_hang_up(phones: tuple[SipPeer, SipPeer]) -> None:
    placed, taken = await established(*phones)
    assert (await taken.bye()).status == 200
    assert placed.ended


async def test_cancel_ends_a_ringing_call_with_487(phones: tuple[SipPeer, SipPeer]) -> None:
    alice, bob = phones
    placed = await alice.call("sip:bob@example.test", (bob.host, bob.port), OFFER)
    taken = await bob.incoming()
    taken.ring()
    assert (await placed.cancel()).status == 200
    assert (await placed.until_final()).status == 487
    ack = await taken.until_request("ACK")
    assert taken.invite is not None
    assert ack["Via"] == taken.invite["Via"], "the ACK of a refusal belongs to the INVITE's transaction"


async def test_refusal_is_acknowledged(phones: tuple[SipPeer, SipPeer]) -> None:
    alice, bob = phones
    placed = await alice.call("sip:bob@example.test", (bob.host, bob.port), OFFER)
    taken = await bob.incoming()
    taken.reject(486, "Busy Here")
    assert (await placed.until_final()).status == 486
    ack = await taken.until_request("ACK")
    assert tag_of(ack["To"]) == taken.local_tag


async def test_hold_is_a_new_offer_in_the_same_dialog(phones: tuple[SipPeer, SipPeer]) -> None:
    placed, taken = await established(*phones)
    answer = await placed.reinvite(OFFER + b"a=sendonly\r\n")
    assert (answer.status, answer.body) == (200, ANSWER)
    held = await taken.until_request("INVITE", 2)
    assert b"a=sendonly" in held.body
    assert tag_of(held["To"]) == taken.local_tag
    await taken.until_request("ACK", 2)


async def test_other_requests_in_a_dialog_are_answered(phones: tuple[SipPeer, SipPeer]) -> None:
    placed, taken = await established(*phones)
    response = await placed.send("INFO", body=b"Signal=5", content_type="application/dtmf-relay")
    assert response.status == 200
    (info,) = taken.received("INFO")
    assert info["Content-Type"] == "application/dtmf-relay"


async def test_options_outside_a_call_is_answered_and_bye_refused(phones: tuple[SipPeer, SipPeer]) -> None:
    alice, bob = phones
    assert (await alice.options("sip:bob@example.test", (bob.host, bob.port))).status == 200
    stray = SipMessage(
        "BYE sip:bob@example.test SIP/2.0",
        [
            ("Via", alice.via()),
            ("From", "<sip:a@x>;tag=1"),
            ("To", "<sip:b@x>;tag=2"),
            ("Call-ID", "no-such-call"),
            ("CSeq", "9 BYE"),
        ],
    )
    await alice.send_request(stray, (bob.host, bob.port))
    refusal = await alice.until_received(lambda m: m.get("Call-ID") == "no-such-call")
    assert refusal.status == 481


async def test_request_is_repeated_over_udp_until_answered() -> None:
    async with await SipPeer.open(user="alice") as alice, await SipPeer.open(user="bob") as bob:
        bob.answer_in_dialog = False
        await alice.call("sip:bob@example.test", (bob.host, bob.port), OFFER)
        taken = await bob.incoming()
        await taken.until_request("INVITE", 2)
        assert taken.received("INVITE")[1].serialize() == taken.received("INVITE")[0].serialize()
        taken.reject(503, "Service Unavailable")
        await taken.until_request("ACK")


async def test_garbage_is_kept_apart_and_harms_nothing() -> None:
    async with await SipPeer.open(user="alice") as alice, await SipPeer.open(user="bob") as bob:
        for garbage in (b"\x00\x01\x02", b"INVITE sip:x SIP/2.0\r\n\r\n", b"\r\n\r\n"):
            await alice.send_raw(garbage, (bob.host, bob.port))
        placed, _ = await established(alice, bob)
        assert len(bob.received_garbage) == 2
        await placed.bye()


async def test_stream_is_cut_into_messages_wherever_it_is_split() -> None:
    async with await SipPeer.open(transport="tcp") as phone:
        reader, writer = await asyncio.open_connection(phone.host, phone.port)
        options = SipMessage(
            "OPTIONS sip:x@y SIP/2.0",
            [("Via", "SIP/2.0/TCP a;branch=z9hG4bK1"), ("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>")],
            b"body",
        )
        both = b""
        for number in (1, 2):
            one = SipMessage(options.start_line, [*options.headers], options.body)
            one.headers += [("Call-ID", f"c{number}"), ("CSeq", f"{number} OPTIONS")]
            both += b"\r\n\r\n" + one.serialize()
        for start in range(0, len(both), 7):
            writer.write(both[start : start + 7])
            await writer.drain()
        await phone.until_received(lambda m: m["Call-ID"] == "c2")
        assert [m.body for m in phone.received] == [b"body", b"body"]
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_phone_and_audio_together() -> None:
    async with (
        await SipPeer.open(user="alice") as alice,
        await SipPeer.open(user="bob") as bob,
        RtpPeer.open(seed=1) as mouth,
        RtpPeer.open(seed=2) as ear,
    ):
        placed = await alice.call("sip:bob@example.test", (bob.host, bob.port), mouth.sdp())
        taken = await bob.incoming()
        ear.connect(taken.remote_sdp)
        taken.answer(ear.sdp())
        mouth.connect((await placed.until_final()).body)
        mouth.queue(audio.tone(440, 100))
        mouth.start()
        await ear.until_received(5)
        assert audio.dominant_tone(ear.audio()[:800])[0] == pytest.approx(440, abs=5)
        await placed.bye()


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:bob@10.0.0.1:5070;transport=tcp", ("10.0.0.1", 5070)),
        ("sip:10.0.0.1", ("10.0.0.1", 5060)),
        ("sips:bob@[::1]:5061", ("::1", 5061)),
        ("SIP:+1555@pbx?Subject=y", ("pbx", 5060)),
    ],
)
def test_place_of_a_uri(uri: str, place: tuple[str, int]) -> None:
    assert host_port_of(uri) == place


def test_headers_are_found_in_any_spelling() -> None:
    message = SipMessage.parse(
        b"SIP/2.0 200 OK\r\nv: one\r\nVIA: two\r\nSubject: folded\r\n  line\r\nt: <sip:a@b>;tag=x y\r\n"
        b"CSeq: 7 INVITE\r\n\r\nbody"
    )
    assert message.all("Via") == ["one", "two"]
    assert message["subject"] == "folded line"
    assert (message.status, message.method, message.sequence, message.body) == (200, "INVITE", 7, b"body")
    assert (tag_of(message["To"]), uri_of(message["To"])) == ("x", "sip:a@b")
    with pytest.raises(KeyError):
        message["Contact"]


@pytest.mark.parametrize("data", [b"", b"hello\r\n\r\n", b"OPTIONS x SIP/2.0\r\nno colon\r\n\r\n"])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(NotSipError):
        SipMessage.parse(data)


def test_response_copies_what_belongs_to_the_transaction() -> None:
    request = SipMessage(
        "BYE x SIP/2.0",
        [
            ("Via", "a"),
            ("Via", "b"),
            ("From", "<f>;tag=1"),
            ("To", "<t>"),
            ("Call-ID", "c"),
            ("CSeq", "2 BYE"),
        ],
    )
    response = response_to(request, 200, "OK", to_tag="9")
    assert response.all("Via") == ["a", "b"]
    assert response["To"] == "<t>;tag=9"
    assert response["CSeq"] == "2 BYE"
