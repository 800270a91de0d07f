"""REFERs of ours, in virtual time (RFC 3515)."""

from __future__ import annotations

import pytest

from sip.call import Call
from sip.message import Request
from sip.referral import ReferralNews, ReferralState
from tests.support.sip_endpoint_harness import (
    ANSWER,
    OFFER,
    Harness,
    described,
    peer_request,
    peer_response,
)

TARGET = "sip:+15550123@192.0.2.9"


class Referred:
    """An established incoming call and our REFER in it."""

    def __init__(self) -> None:
        self.harness = Harness()
        self.harness.at_invite = lambda call: call.answer(ANSWER)
        self.harness.receive(peer_request("INVITE", body=OFFER))
        self.tag = self.harness.flow.take_response(200).to_tag or ""
        self.harness.receive(peer_request("ACK", to_tag=self.tag, branch="z9hG4bK-ack"))
        self.call = self.harness.incoming[0]
        self.flow = self.harness.flow
        self.news: list[ReferralNews] = []
        self.cseq = 1
        assert self.call.refer(TARGET, self, timeout=60)
        self.refer: Request = self.flow.take_request("REFER")

    def on_referral(self, call: Call, news: ReferralNews) -> None:
        assert call is self.call
        self.news.append(news)

    def accept(self) -> None:
        self.harness.receive(peer_response(self.refer, 202))

    def notify(
        self, line: str | None, state: str = "active;expires=60", event: str = "refer", answer: int = 200
    ) -> None:
        self.cseq += 1
        request = peer_request(
            "NOTIFY",
            to_tag=self.tag,
            cseq=self.cseq,
            branch=f"z9hG4bK-n{self.cseq}",
            headers=(("Event", event), ("Subscription-State", state)),
            body=b"" if line is None else f"{line}\r\n".encode(),
        )
        if line is not None:
            request.set("Content-Type", "message/sipfrag;version=2.0")
        self.harness.receive(request)
        self.flow.take_response(answer)

    @property
    def states(self) -> list[str]:
        return [str(news.state) for news in self.news]


def test_the_refer_names_target_and_referrer_inside_the_dialog() -> None:
    referred = Referred()
    refer = referred.refer
    assert refer.get("Refer-To") == f"<{TARGET}>"
    assert refer.get("Referred-By") == "<sip:+15550100@192.0.2.1>"
    assert refer.uri == "sip:caller@192.0.2.10:5070"
    assert refer.to_tag == "peer-tag"
    assert refer.get("Contact") == referred.call.contact


def test_202_is_not_success_and_the_notify_is() -> None:
    referred = Referred()
    referred.accept()
    assert referred.states == ["accepted"]
    referred.notify("SIP/2.0 100 Trying")
    referred.notify("SIP/2.0 180 Ringing")
    referred.notify("SIP/2.0 180 Ringing")
    referred.notify("SIP/2.0 200 OK", "terminated;reason=noresource")
    referred.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    assert referred.news == [
        ReferralNews(ReferralState.ACCEPTED),
        ReferralNews(ReferralState.PROGRESS, 100, "Trying"),
        ReferralNews(ReferralState.PROGRESS, 180, "Ringing"),
        ReferralNews(ReferralState.COMPLETED, 200, "OK"),
    ]


def test_a_refusal_of_the_target_is_a_failure_and_the_call_stands() -> None:
    referred = Referred()
    referred.accept()
    referred.notify("SIP/2.0 486 Busy Here", "terminated")
    assert referred.news[-1] == ReferralNews(ReferralState.FAILED, 486, "Busy Here")
    assert referred.call.refer(TARGET, referred, timeout=60), "another may be tried"
    assert described(referred.flow) == ["REFER"]


@pytest.mark.parametrize("status", [403, 405, 501, 603])
def test_a_refused_refer_is_a_failure(status: int) -> None:
    referred = Referred()
    referred.harness.receive(peer_response(referred.refer, status))
    assert referred.news == [ReferralNews(ReferralState.FAILED, status, "Answer", refused=True)]


def test_a_refer_that_nobody_answers_is_a_failure() -> None:
    referred = Referred()
    referred.harness.advance(32.1)
    assert referred.news == [ReferralNews(ReferralState.FAILED, 408, "No answer")]


def test_a_peer_without_the_dialog_loses_it() -> None:
    referred = Referred()
    referred.harness.receive(peer_response(referred.refer, 481))
    referred.harness.advance(0)
    assert referred.news[-1].status == 481
    assert referred.harness.listener.events[-1] == ("terminated", "remote")


def test_no_news_in_time_is_a_failure() -> None:
    referred = Referred()
    referred.accept()
    referred.notify("SIP/2.0 180 Ringing")
    referred.harness.advance(59.9)
    assert referred.states == ["accepted", "progress"]
    referred.harness.advance(0.2)
    assert referred.news[-1] == ReferralNews(ReferralState.FAILED, None, "timeout")
    referred.notify("SIP/2.0 200 OK", "terminated")
    assert referred.states[-1] == "failed"


def test_a_subscription_that_ends_without_an_answer_is_a_failure() -> None:
    referred = Referred()
    referred.accept()
    referred.notify(None, "terminated;reason=giveup")
    assert referred.news[-1] == ReferralNews(ReferralState.FAILED, None, "giveup")


def test_a_notify_may_overtake_the_202() -> None:
    referred = Referred()
    referred.notify("SIP/2.0 100 Trying")
    referred.accept()
    referred.notify("SIP/2.0 200 OK", "terminated")
    assert referred.states == ["accepted", "progress", "completed"]


@pytest.mark.parametrize(
    "line",
    ["", "200 OK", "SIP/2.0 2000 OK", "SIP/2.0 99 No", "HTTP/1.1 200 OK", "SIP/2.0 \u00b2\u00b2\u00b2 X"],
)
def test_a_fragment_that_cannot_be_read_says_nothing(line: str) -> None:
    referred = Referred()
    referred.accept()
    referred.notify(line)
    assert referred.states == ["accepted"]


def test_late_news_of_an_earlier_refer_is_not_taken_for_the_newer_one() -> None:
    referred = Referred()
    referred.accept()
    earlier = referred.refer.cseq.number
    referred.harness.advance(60.1)
    assert referred.states == ["accepted", "failed"]
    assert referred.call.refer(TARGET, referred, timeout=60)
    referred.refer = referred.flow.take_request("REFER")
    referred.accept()
    referred.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource", f"refer;id={earlier}")
    assert referred.states[2:] == ["accepted"]
    referred.notify("SIP/2.0 200 OK", "terminated", f"refer;id={referred.refer.cseq.number}")
    assert referred.states[2:] == ["accepted", "completed"]


def test_a_notify_about_something_else_gets_489() -> None:
    referred = Referred()
    referred.notify("SIP/2.0 200 OK", event="presence", answer=489)
    assert referred.news == []


def test_only_one_at_a_time_and_only_in_an_established_call() -> None:
    referred = Referred()
    assert not referred.call.refer(TARGET, referred, timeout=60)
    referred.call.hang_up()
    assert not referred.call.refer(TARGET, referred, timeout=60)


def test_nothing_is_told_once_the_call_is_over() -> None:
    referred = Referred()
    referred.accept()
    referred.harness.receive(peer_request("BYE", to_tag=referred.tag, cseq=9, branch="z9hG4bK-bye"))
    referred.flow.take_response(200)
    assert referred.states == ["accepted"]
    referred.harness.assert_nothing_left()


def test_a_referral_of_the_peers_is_declined() -> None:
    referred = Referred()
    referred.harness.receive(
        peer_request(
            "REFER",
            to_tag=referred.tag,
            cseq=9,
            branch="z9hG4bK-r",
            headers=(("Refer-To", "<sip:premium@example.com>"),),
        )
    )
    referred.flow.take_response(603)
