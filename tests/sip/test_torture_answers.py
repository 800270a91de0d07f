"""What a user agent says to each message of RFC 4475."""

from __future__ import annotations

import pytest

from sip.errors import ParseError
from sip.message import Response
from sip.parser import parse_message
from tests.sip.torture.every import BADBRANCH, MESSAGES
from tests.support.sip_endpoint_harness import Harness


def final_answers(harness: Harness, data: bytes) -> list[Response]:
    """What is answered in the end to one datagram, handed over as the transport does."""
    harness.at_invite = lambda call: call.reject(486)
    try:
        message = parse_message(data)
    except ParseError as error:
        harness.endpoint.receive_invalid(error, harness.flow)
    else:
        harness.endpoint.receive(message, harness.flow, (harness.flow.host, harness.flow.port), harness.now)
    answers = [message for message in harness.flow.take() if isinstance(message, Response)]
    return [answer for answer in answers if answer.status >= 200]


def test_every_message_of_the_rfc_is_there() -> None:
    assert len(MESSAGES) == 49


@pytest.mark.parametrize("name", MESSAGES)
def test_torture_message_gets_the_answer_it_deserves(name: str) -> None:
    data, allowed = MESSAGES[name]
    harness = Harness()
    answers = final_answers(harness, data)
    statuses = {answer.status for answer in answers}
    if not statuses:
        # An answer may echo what our own reader refuses; its first line is readable all the same.
        statuses = {int(raw.split(b" ", 2)[1]) for raw in harness.flow.sent_raw if raw[8:11] >= b"200"}
    assert statuses <= allowed
    assert bool(statuses) is bool(allowed)
    assert harness.endpoint.faults == 0
    harness.assert_nothing_left()


def test_unknown_option_tags_and_types_are_named_in_the_answer() -> None:
    (refused,) = final_answers(Harness(), MESSAGES["bext01"][0])
    assert refused.get("Unsupported") == "nothingsupportsthis, nothingsupportsthiseither"
    (refused,) = final_answers(Harness(), MESSAGES["invut"][0])
    assert "application/sdp" in (refused.get("Accept") or "")


def test_cookie_without_a_branch_behind_it_tells_no_transactions_apart() -> None:
    harness = Harness()
    assert len(final_answers(harness, BADBRANCH)) == 1
    other = BADBRANCH.replace(b"torture.0ha0isndaksdj", b"of-somebody-else")
    (answer,) = final_answers(harness, other)
    assert answer.call_id == "of-somebody-else"
