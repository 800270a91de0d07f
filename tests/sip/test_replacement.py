"""INVITEs that want to take the place of a call of ours (RFC 3891 section 3)."""

from __future__ import annotations

import pytest

from sip.message import Request
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    peer_request,
    peer_response,
)


def replacing(replaces: str, *more: tuple[str, str], call_id: str = "call-2@peer") -> Request:
    return peer_request(
        "INVITE",
        call_id=call_id,
        branch="z9hG4bK-r",
        from_tag="other-tag",
        body=OFFER,
        headers=(("Replaces", replaces), *more),
    )


def established() -> tuple[Harness, str]:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER))
    tag = harness.flow.take_response(200).to_tag or ""
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))
    harness.at_invite = None
    return harness, tag


def test_an_invite_names_the_call_that_it_replaces() -> None:
    harness, tag = established()
    required = ("Require", "replaces")
    harness.receive(replacing(f"call-1@peer;to-tag={tag};from-tag=peer-tag", required))
    first, second = harness.incoming
    assert second.replaces is first
    assert described(harness.flow) == ["100"]
    # The one that is replaced is its owner's to end.
    first.hang_up()
    assert described(harness.flow) == ["BYE"]


def test_an_invite_without_replaces_is_a_call_of_its_own() -> None:
    harness, _ = established()
    harness.receive(peer_request("INVITE", call_id="call-2@peer", branch="z9hG4bK-r", body=OFFER))
    assert harness.incoming[1].replaces is None


@pytest.mark.parametrize(
    ("replaces", "status"),
    [
        ("call-9@peer;to-tag={tag};from-tag=peer-tag", 481),
        ("call-1@peer;to-tag=guessed;from-tag=peer-tag", 481),
        ("call-1@peer;to-tag={tag};from-tag=guessed", 481),
        # The tags the wrong way round are those of nobody.
        ("call-1@peer;to-tag=peer-tag;from-tag={tag}", 481),
        ("call-1@peer;to-tag={tag};from-tag=peer-tag;early-only", 486),
        ("call-1@peer;to-tag={tag}", 400),
        ("call-1@peer;from-tag=peer-tag", 400),
        (";to-tag={tag};from-tag=peer-tag", 400),
    ],
)
def test_one_that_fits_nothing_is_refused_and_the_call_goes_on(replaces: str, status: int) -> None:
    harness, tag = established()
    harness.receive(replacing(replaces.format(tag=tag)))
    assert described(harness.flow) == [str(status)]
    assert len(harness.incoming) == 1
    assert harness.endpoint.call_count == 1


def test_two_replaces_are_refused() -> None:
    harness, tag = established()
    value = f"call-1@peer;to-tag={tag};from-tag=peer-tag"
    harness.receive(replacing(value, ("Replaces", value)))
    assert described(harness.flow) == ["400"]


def test_a_call_that_rings_with_us_cannot_be_replaced() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.ring()
    harness.receive(peer_request("INVITE", body=OFFER))
    tag = harness.flow.take_response(180).to_tag
    harness.at_invite = None
    harness.receive(replacing(f"call-1@peer;to-tag={tag};from-tag=peer-tag"))
    assert described(harness.flow) == ["481"]


def test_one_that_we_have_just_ended_is_declined() -> None:
    harness, tag = established()
    harness.incoming[0].hang_up()
    harness.flow.take_request("BYE")
    harness.receive(replacing(f"call-1@peer;to-tag={tag};from-tag=peer-tag"))
    assert described(harness.flow) == ["603"]


def test_an_outgoing_call_that_still_rings_is_named_even_as_early_only() -> None:
    harness = Harness()
    call = harness.call()
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 180, to_tag="branch"))
    value = f"{call.call_id};to-tag={invite.from_tag};from-tag=branch;early-only"
    harness.receive(replacing(value))
    assert harness.incoming[0].replaces is call


def test_a_tag_of_0_stands_for_a_peer_without_tags() -> None:
    harness = Harness()
    harness.at_invite = lambda call: call.answer(ANSWER)
    invite = peer_request("INVITE", body=OFFER)
    invite.set("From", "<sip:old@192.0.2.10>")
    harness.receive(invite)
    tag = harness.flow.take_response(200).to_tag
    harness.at_invite = None
    harness.receive(replacing(f"call-1@peer;to-tag={tag};from-tag=0"))
    assert harness.incoming[1].replaces is harness.incoming[0]
