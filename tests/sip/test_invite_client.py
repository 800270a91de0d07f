"""The UAC side of an INVITE: ACKs, forks, challenges and the races of CANCEL (RFC 3261 sections 9.1 and
13.2)."""

from __future__ import annotations

from sip.call_listener import CallState, Credentials
from sip.message import Request
from sip.outgoing_call import OutgoingCall
from tests.support.sip_endpoint_harness import (
    ANSWER,
    PEER_HOST,
    PEER_PORT,
    Harness,
    RecordingFlow,
    described,
    outbound_target,
    peer_response,
)

CHALLENGE = 'Digest realm="trunk, one", nonce="abc", qop="auth,auth-int", algorithm=MD5'


def placed(**target: object) -> tuple[Harness, OutgoingCall, Request]:
    harness = Harness()
    call = harness.call(outbound_target(**target))
    return harness, call, harness.flow.take_request("INVITE")


def test_success_is_acknowledged_with_a_new_branch_at_the_contact() -> None:
    harness, call, invite = placed()
    harness.receive(peer_response(invite, 200, body=ANSWER))
    ack = harness.flow.take_request("ACK")
    assert ack.uri == f"sip:callee@{PEER_HOST}:{PEER_PORT}"
    assert ack.top_via.branch != invite.top_via.branch
    assert str(ack.cseq) == f"{invite.cseq.number} ACK"
    assert ack.get("Max-Forwards") == "70"
    assert ack.to_tag == "callee-tag"
    assert ack.get_all("Route") == []
    assert ack.body == b""
    assert harness.listener.events == [("answer", 200)]
    assert call.state is CallState.ESTABLISHED


def test_ack_follows_the_route_set_to_the_first_proxy() -> None:
    harness, _, invite = placed()
    routes = (("Record-Route", "<sip:192.0.2.30;lr>"), ("Record-Route", "<sip:192.0.2.20:5080;lr>"))
    harness.receive(peer_response(invite, 200, headers=routes))
    assert described(harness.flow) == []
    ack = harness.flows[("192.0.2.20", 5080, "udp")].take_request("ACK")
    assert ack.uri == f"sip:callee@{PEER_HOST}:{PEER_PORT}"
    assert ack.get_all("Route") == ["<sip:192.0.2.20:5080;lr>", "<sip:192.0.2.30;lr>"]


def test_repeated_success_gets_the_same_ack_again_and_is_reported_once() -> None:
    harness, _, invite = placed()
    for _ in range(3):
        harness.receive(peer_response(invite, 200))
    acks = harness.flow.take()
    assert len(acks) == 3
    assert len({ack.serialise() for ack in acks}) == 1
    assert harness.listener.names == ["answer"]


def test_second_dialog_of_a_fork_is_acknowledged_and_ended() -> None:
    harness, call, invite = placed()
    harness.receive(peer_response(invite, 200, to_tag="first"))
    harness.flow.take()
    harness.receive(peer_response(invite, 200, to_tag="second"))
    ack, bye = harness.flow.take()
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, ack.to_tag) == ("ACK", "second")
    assert (bye.method, bye.to_tag) == ("BYE", "second")
    assert bye.cseq.number > invite.cseq.number
    harness.receive(peer_response(bye, 200))
    # Its copies are only acknowledged: one BYE is enough.
    harness.receive(peer_response(invite, 200, to_tag="second"))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.names == ["answer"]
    assert call.established_dialog.id.remote_tag == "first"


def test_cancel_waits_for_a_provisional_answer() -> None:
    harness, call, invite = placed()
    call.cancel("SIP;cause=487")
    assert described(harness.flow) == []
    harness.receive(peer_response(invite, 100, to_tag=None))
    cancel = harness.flow.take_request("CANCEL")
    assert cancel.uri == invite.uri
    assert cancel.top_via.text == invite.top_via.text
    assert str(cancel.cseq) == f"{invite.cseq.number} CANCEL"
    assert cancel.get("To") == invite.get("To")
    assert cancel.get("Reason") == "SIP;cause=487"
    harness.receive(peer_response(cancel, 200))
    harness.receive(peer_response(invite, 487))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.events[-1][:2] == ("failure", 487)
    harness.assert_nothing_left()


def test_cancel_is_sent_once() -> None:
    harness, call, invite = placed()
    harness.receive(peer_response(invite, 180))
    call.cancel()
    call.cancel()
    call.hang_up()
    harness.receive(peer_response(invite, 183))
    assert described(harness.flow) == ["CANCEL"]


def test_success_that_crosses_the_cancel_is_acknowledged_and_ended_with_bye() -> None:
    harness, call, invite = placed()
    harness.receive(peer_response(invite, 180))
    call.cancel()
    harness.flow.take_request("CANCEL")
    harness.receive(peer_response(invite, 200))
    ack, bye = harness.flow.take()
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert harness.listener.events[-1] == ("failure", 487, "Request Terminated", None)
    harness.receive(peer_response(bye, 200))
    harness.receive(peer_response(invite, 200))
    assert described(harness.flow) == ["ACK"]
    harness.assert_nothing_left()


def test_success_as_first_answer_after_an_early_hang_up_is_ended_too() -> None:
    harness, call, invite = placed()
    call.hang_up()
    harness.receive(peer_response(invite, 200))
    assert described(harness.flow) == ["ACK", "BYE"]
    assert harness.listener.names == ["failure"]


def test_cancel_that_nobody_answers_ends_after_64_t1() -> None:
    harness, call, invite = placed()
    harness.receive(peer_response(invite, 180))
    call.cancel()
    harness.advance(31.9)
    assert harness.listener.names == ["progress"]
    harness.advance(0.2)
    assert harness.listener.events[-1] == ("failure", 487, "Request Terminated", None)
    harness.assert_nothing_left()


def test_hang_up_before_any_answer_at_all_is_reported_as_487_and_not_408() -> None:
    harness, call, _ = placed()
    call.hang_up()
    harness.advance(33)
    assert harness.listener.events == [("failure", 487, "Request Terminated", None)]
    harness.assert_nothing_left()


def test_no_answer_at_all_is_408() -> None:
    harness, _, _ = placed()
    harness.advance(33)
    assert harness.listener.events == [("failure", 408, "Request Timeout", None)]
    harness.assert_nothing_left()


def test_unsendable_invite_is_503() -> None:
    harness = Harness()
    harness.flow.broken = True
    harness.call()
    assert harness.listener.events == []
    harness.advance(0)
    assert harness.listener.events == [("failure", 503, "Service Unavailable", None)]
    harness.assert_nothing_left()


def test_refusal_is_reported_with_its_response() -> None:
    harness, _, invite = placed()
    harness.receive(peer_response(invite, 486, headers=(("Reason", "Q.850;cause=17"),)))
    name, status, reason, response = harness.listener.events[-1]
    assert (name, status, reason) == ("failure", 486, "Answer")
    assert response.get("Reason") == "Q.850;cause=17"
    assert described(harness.flow) == ["ACK"]
    harness.assert_nothing_left()


def challenged(status: int, header: str) -> tuple[Harness, Request, Request]:
    harness, _, invite = placed(credentials=Credentials("trunk", "secret"))
    harness.receive(peer_response(invite, status, headers=((header, CHALLENGE),)))
    ack, retry = harness.flow.take()
    assert isinstance(ack, Request)
    assert isinstance(retry, Request)
    assert (ack.method, retry.method) == ("ACK", "INVITE")
    return harness, invite, retry


def test_challenge_is_answered_in_the_same_call_with_the_next_cseq() -> None:
    for status, challenge, answer in (
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ):
        harness, invite, retry = challenged(status, challenge)
        assert retry.call_id == invite.call_id
        assert retry.from_tag == invite.from_tag
        assert retry.to_tag is None
        assert retry.cseq.number == invite.cseq.number + 1
        assert retry.top_via.branch != invite.top_via.branch
        value = retry.get(answer) or ""
        assert 'username="trunk"' in value
        assert 'realm="trunk, one"' in value
        harness.receive(peer_response(retry, 200))
        ack = harness.flow.take_request("ACK")
        assert ack.cseq.number == retry.cseq.number
        # RFC 3261 section 13.2.2.4: the ACK carries the credentials of its INVITE.
        assert ack.get(answer) == value
        assert harness.listener.names == ["answer"]


def test_second_challenge_is_a_failure() -> None:
    harness, _, retry = challenged(407, "Proxy-Authenticate")
    harness.receive(peer_response(retry, 407, headers=(("Proxy-Authenticate", CHALLENGE),)))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.events[-1][:2] == ("failure", 407)
    harness.assert_nothing_left()


def test_challenge_without_credentials_is_a_failure() -> None:
    harness, _, invite = placed()
    harness.receive(peer_response(invite, 401, headers=(("WWW-Authenticate", CHALLENGE),)))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.events[-1][:2] == ("failure", 401)


def test_challenge_after_cancel_is_not_answered() -> None:
    harness, call, invite = placed(credentials=Credentials("trunk", "secret"))
    harness.receive(peer_response(invite, 100, to_tag=None))
    call.cancel()
    harness.flow.take()
    harness.receive(peer_response(invite, 401, headers=(("WWW-Authenticate", CHALLENGE),)))
    assert described(harness.flow) == ["ACK"]
    assert harness.listener.events[-1][:2] == ("failure", 401)


def test_success_with_an_unreadable_route_fails_the_call() -> None:
    harness, _, invite = placed()
    harness.receive(peer_response(invite, 200, headers=(("Record-Route", "<sip:broken"),)))
    assert harness.listener.events[-1][:2] == ("failure", 502)


def test_ack_lost_on_a_broken_flow_is_sent_again_with_the_repeated_success() -> None:
    harness, _, invite = placed()
    harness.flow.broken = True
    harness.receive(peer_response(invite, 200))
    harness.flow.broken = False
    harness.receive(peer_response(invite, 200))
    assert described(harness.flow) == ["ACK"]


def test_everything_of_one_connection_fails_with_it() -> None:
    harness = Harness(transport="tcp")
    call = harness.call(outbound_target(transport="tcp"))
    assert isinstance(call.flow, RecordingFlow)
    harness.endpoint.transport_failed(call.flow, harness.now)
    assert harness.listener.events == [("failure", 503, "Service Unavailable", None)]
    harness.assert_nothing_left()


LARGE = tuple((f"X-Header-{number}", "v" * 100) for number in range(12))


def test_large_request_goes_over_tcp_when_the_peer_offers_it() -> None:
    harness = Harness()
    tcp = harness.flows[(PEER_HOST, PEER_PORT, "tcp")] = RecordingFlow(transport="tcp")
    harness.call(outbound_target(headers=LARGE))
    assert described(harness.flow) == []
    invite = tcp.take_request("INVITE")
    assert invite.top_via.transport == "TCP"
    harness.receive(peer_response(invite, 200))
    assert harness.listener.names == ["answer"]
    assert described(tcp) == ["ACK"]


def test_large_request_goes_back_to_udp_when_the_connection_fails() -> None:
    harness = Harness()
    tcp = harness.flows[(PEER_HOST, PEER_PORT, "tcp")] = RecordingFlow(transport="tcp")
    harness.call(outbound_target(headers=LARGE))
    tcp.take_request("INVITE")
    harness.endpoint.transport_failed(tcp, harness.now)
    invite = harness.flow.take_request("INVITE")
    assert invite.top_via.transport == "UDP"
    harness.receive(peer_response(invite, 486))
    assert harness.listener.events[-1][:2] == ("failure", 486)
    harness.assert_nothing_left()


def test_large_request_stays_on_udp_when_the_peer_has_no_tcp_and_small_ones_always_do() -> None:
    harness = Harness()
    harness.call(outbound_target(headers=LARGE))
    harness.flow.take_request("INVITE")
    harness.flows[(PEER_HOST, PEER_PORT, "tcp")] = RecordingFlow(transport="tcp")
    harness.call()
    harness.flow.take_request("INVITE")
