"""Whatever order and shape messages come in, the user agent raises nothing, answers each request at most
once with a final status, and keeps nothing for ever.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from sip.message import Response
from tests.support.sip_endpoint_harness import OFFER, Harness, peer_request

METHODS = (
    "INVITE",
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "PRACK",
    "UPDATE",
    "REGISTER",
    "XYZ",
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(METHODS),
        st.sampled_from(("z9hG4bK-1", "z9hG4bK-2", "old-style")),
        st.integers(1, 2),
        st.sampled_from((None, None, "nobody", "ours")),
        st.booleans(),
        st.sampled_from((0.0, 0.0, 0.0, 0.3, 2.0, 40.0)),
        st.sampled_from(("ring", "answer", "reject", "hang up", "leave")),
    ),
    max_size=25,
)
LONGEST_WAIT = 200.0  # more than every timer together
MEMORY = 30.0  # for so long a repeated request is known again, whatever it was answered


def act(harness: Harness, action: str) -> None:
    """Do something with the newest call."""
    if not harness.incoming:
        return
    call = harness.incoming[-1]
    if action == "ring":
        call.ring()
    elif action == "answer":
        call.answer(OFFER)
    elif action == "reject":
        call.reject(486)
    elif action == "hang up":
        call.hang_up()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_order_of_messages_breaks_the_transactions(
    steps: list[tuple[str, str, int, str | None, bool, float, str]],
) -> None:
    harness = Harness()
    finals: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for method, branch, cseq, tag, offer, wait, action in steps:
        if tag == "ours":
            tag = harness.incoming[-1].local_tag if harness.incoming else None
        body = OFFER if offer and method in ("INVITE", "UPDATE") else b""
        harness.receive(peer_request(method, branch=branch, cseq=cseq, to_tag=tag, body=body))
        act(harness, action)
        if wait:
            harness.advance(wait)
        note(harness, finals)
    for call in list(harness.endpoint.calls):
        call.hang_up()
    harness.advance(LONGEST_WAIT)
    assert harness.endpoint.faults == 0
    if sum(step[5] for step in steps) < MEMORY:
        assert all(len(statuses) == 1 for statuses in finals.values()), dict(finals)
    harness.assert_nothing_left()


def note(harness: Harness, finals: defaultdict[tuple[str, str], set[int]]) -> None:
    for message in harness.flow.take():
        if isinstance(message, Response) and message.status >= 200:
            cseq = message.cseq
            finals[(message.top_via.branch or "", f"{cseq.number} {cseq.method}")].add(message.status)
