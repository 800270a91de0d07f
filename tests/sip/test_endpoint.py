"""What the endpoint makes of requests that are not of a call, and of faults."""

from __future__ import annotations

import pytest

from sip.endpoint import OptionsReply
from sip.errors import ParseError
from sip.message import Request
from sip.parser import parse_message
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    RecordingFlow,
    described,
    outbound_target,
    peer_request,
    peer_response,
)


def test_options_is_answered_with_our_abilities() -> None:
    harness = Harness()
    harness.receive(peer_request("OPTIONS"))
    response = harness.flow.take_response(200)
    assert response.to_tag
    for name in ("Allow", "Accept", "Server"):
        assert response.get(name)
    assert response.get("Supported") is not None
    harness.assert_nothing_left()


def test_options_shows_that_we_are_draining() -> None:
    harness = Harness()
    harness.options = OptionsReply(503, 30)
    harness.receive(peer_request("OPTIONS"))
    assert harness.flow.take_response(503).get("Retry-After") == "30"


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "OPTIONS", "INVITE"])
def test_request_of_an_unknown_dialog_gets_481(method: str) -> None:
    harness = Harness()
    harness.receive(peer_request(method, to_tag="nobody"))
    assert described(harness.flow) == ["481"]
    assert harness.incoming == []


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE"])
def test_request_that_needs_a_dialog_gets_481_outside_of_one(method: str) -> None:
    harness = Harness()
    harness.receive(peer_request(method))
    assert harness.flow.take_response(481).to_tag


@pytest.mark.parametrize(
    ("method", "status"),
    [("REGISTER", 405), ("SUBSCRIBE", 405), ("REFER", 603), ("NOTIFY", 489), ("MESSAGE", 405), ("XYZ", 501)],
)
def test_other_methods_are_refused(method: str, status: int) -> None:
    harness = Harness()
    harness.receive(peer_request(method))
    assert described(harness.flow) == [str(status)]


def test_invite_with_a_contact_that_cannot_be_read_gets_400() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE", headers=(("Contact", "<sip:broken"),)))
    response = harness.flow.take_response(400)
    assert response.reason
    assert harness.endpoint.dialog_count == 0
    assert harness.endpoint.call_count == 0


def test_refused_invite_needs_no_owner() -> None:
    harness = Harness()
    harness.receive(peer_request("INVITE", headers=(("Require", "x"),)))
    assert described(harness.flow) == ["420"]
    assert harness.incoming == []


def test_unreadable_request_is_answered_without_state() -> None:
    harness = Harness()
    data = peer_request("INVITE").serialise().replace(b"CSeq: 1 INVITE", b"CSeq: x INVITE")
    with pytest.raises(ParseError) as caught:
        parse_message(data)
    assert harness.endpoint.receive_invalid(caught.value, harness.flow)
    response = harness.flow.sent_raw[-1]
    assert response.startswith(b"SIP/2.0 400 ")
    assert harness.endpoint.transactions.server_transactions == 0
    assert not harness.endpoint.receive_invalid(ParseError("Hopeless"), harness.flow)


def test_fault_of_the_health_check_is_answered_500_and_counted() -> None:
    harness = Harness()
    harness.options = None  # type: ignore[assignment]
    harness.receive(peer_request("OPTIONS"))
    assert described(harness.flow) == ["500"]
    assert harness.endpoint.faults == 1
    harness.options = OptionsReply(200)
    harness.receive(peer_request("OPTIONS", branch="z9hG4bK-2", call_id="2"))
    assert described(harness.flow) == ["200"]


def test_failing_timer_is_counted_and_the_others_fire() -> None:
    harness = Harness()
    fired: list[str] = []

    def fail(now: float) -> None:
        raise RuntimeError("broken on purpose")

    harness.endpoint.defer(fail)
    harness.endpoint.defer(lambda now: fired.append("other"))
    harness.endpoint.run_timers(harness.now)
    assert fired == ["other"]
    assert harness.endpoint.faults == 1


def answered(harness: Harness, *headers: tuple[str, str]) -> None:
    harness.at_invite = lambda call: call.answer(ANSWER)
    harness.receive(peer_request("INVITE", body=OFFER, headers=headers))
    tag = harness.flow.take_response(200).to_tag
    harness.receive(peer_request("ACK", to_tag=tag, branch="z9hG4bK-ack"))


def test_requests_stay_on_the_connection_of_the_call_while_it_is_open() -> None:
    harness = Harness(transport="tcp")
    answered(harness, ("Contact", "<sip:caller@192.0.2.99:5099;transport=tcp>"))
    harness.incoming[0].hang_up()
    assert described(harness.flow) == ["BYE"]


def test_connection_of_ours_is_kept_only_for_the_peer_it_leads_to() -> None:
    harness = Harness(transport="tcp")
    harness.flow.accepted = False
    call = harness.call(outbound_target(transport="tcp"))
    invite = harness.flow.take_request("INVITE")
    harness.receive(peer_response(invite, 200, contact="<sip:callee@192.0.2.99;transport=tcp>"))
    assert described(harness.flow) == []
    assert described(harness.flows[("192.0.2.99", 5060, "tcp")]) == ["ACK"]
    call.hang_up()
    assert described(harness.flows[("192.0.2.99", 5060, "tcp")]) == ["BYE"]


def test_requests_go_to_the_contact_when_the_connection_is_closed() -> None:
    harness = Harness(transport="tcp")
    answered(harness, ("Contact", "<sip:caller@192.0.2.99:5099;transport=tcp>"))
    harness.flow.alive = False
    harness.incoming[0].hang_up()
    assert described(harness.flow) == []
    assert described(harness.flows[("192.0.2.99", 5099, "tcp")]) == ["BYE"]


@pytest.mark.parametrize(
    "contact",
    ["<sip:caller@0.0.0.0:5070>", "<sip:caller@192.0.2.99;transport=ws>", "<tel:+15550100>"],
)
def test_contact_that_leads_nowhere_is_replaced_by_where_messages_came_from(contact: str) -> None:
    harness = Harness()
    answered(harness, ("Contact", contact))
    harness.incoming[0].hang_up()
    assert described(harness.flow) == ["BYE"]


def test_private_contact_of_a_peer_seen_at_a_public_address_is_not_used() -> None:
    harness = Harness()
    harness.flow = RecordingFlow("8.8.4.4", 41000)
    answered(harness, ("Contact", "<sip:caller@192.168.1.20:5060>"))
    harness.incoming[0].hang_up()
    assert described(harness.flow) == ["BYE"]


def test_private_contact_of_a_private_peer_is_used() -> None:
    harness = Harness()
    harness.flow = RecordingFlow("192.168.1.1", 5060)
    answered(harness, ("Contact", "<sip:caller@192.168.1.20:5060>"))
    harness.incoming[0].hang_up()
    assert described(harness.flow) == []
    assert described(harness.flows[("192.168.1.20", 5060, "udp")]) == ["BYE"]


def test_stray_response_is_dropped() -> None:
    harness = Harness()
    harness.receive(peer_response(peer_request("OPTIONS"), 200))
    assert described(harness.flow) == []
    assert harness.endpoint.transactions.counters.stray_responses == 1


def test_thousand_unfinished_calls_are_told_apart() -> None:
    harness = Harness(max_transactions=5000)
    harness.at_invite = lambda call: call.answer(ANSWER)
    tags: list[str] = []
    for number in range(1000):
        harness.receive(peer_request("INVITE", branch=f"z9hG4bK-i{number}", call_id=f"c{number}"))
        tags.append(harness.flow.take_response(200).to_tag or "")
    for number in reversed(range(1000)):
        for method, cseq in (("ACK", 1), ("BYE", 2)):
            request: Request = peer_request(
                method,
                to_tag=tags[number],
                call_id=f"c{number}",
                cseq=cseq,
                branch=f"z9hG4bK-{method}{number}",
            )
            harness.receive(request)
    assert described(harness.flow) == ["200"] * 1000
    assert harness.listener.names.count("established") == 1000
    assert harness.listener.names.count("terminated") == 1000
    harness.assert_nothing_left()
