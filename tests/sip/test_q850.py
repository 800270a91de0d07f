"""Q.850 causes, read and written."""

from __future__ import annotations

import pytest

from sip.message import Response
from sip.q850 import cause_of_status, q850_cause, reason_of_status


def answer(*reasons: str) -> Response:
    return Response(503, "Service Unavailable", tuple(("Reason", reason) for reason in reasons), b"")


@pytest.mark.parametrize(
    ("reasons", "cause"),
    [
        (("Q.850;cause=17",), 17),
        (('q.850 ; cause=21 ;text="a, b"',), 21),
        (('SIP;cause=503;text="x, y", Q.850;cause=1',), 1),
        (("SIP;cause=503", "Q.850;cause=19"), 19),
        (("SIP;cause=17",), None),
        (("Q.850;cause=999",), None),
        (("Q.850;cause=x", "Q.850;cause=18"), 18),
        ((), None),
    ],
)
def test_the_first_cause_that_can_be_read_counts(reasons: tuple[str, ...], cause: int | None) -> None:
    assert q850_cause(answer(*reasons)) == cause


def test_final_answers_have_the_cause_of_their_status() -> None:
    assert [cause_of_status(status) for status in (404, 480, 486, 503, 603, 699)] == [1, 18, 17, 41, 21, 127]
    assert reason_of_status(404) == "Q.850;cause=1"
    assert reason_of_status(503, "full") == 'SIP;cause=503;text="full", Q.850;cause=41'
