"""Who sees what of the signalling."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.signalling.saved_signalling import packed
from gateway.signalling.trace_keeper import TraceKeeper
from gateway.signalling.trace_ring import CallLeg, TraceRing
from gateway.signalling.traces import CallTraces, TraceFilter
from store import Store
from tests.gateway.signalling.messages import PEER, event, sip, traced
from tests.gateway.test_metrics import RECORD

OTHER_PEER = ("203.0.113.9", 5060)
OWNERS = {PEER[0]: {"o"}, OTHER_PEER[0]: {"p"}, "192.0.2.77": {"o", "p"}}
LEG = CallLeg("c", "o", "contact", "ours", "theirs", PEER)
ANY = TraceFilter()


def traces() -> CallTraces:
    times = iter(range(1_000, 2_000))
    return CallTraces(
        TraceRing(1_000_000, 1_000),
        owners=lambda source, called: OWNERS.get(source, set()),
        now=lambda: float(next(times)),
    )


async def found(seen: CallTraces, organization_id: str, wanted: TraceFilter = ANY) -> list[str]:
    page = await seen.search(organization_id, wanted, 50, 0)
    assert page.total == len(page.items)
    return [summary.sip_call_id for summary in page.items]


async def test_a_call_has_its_ladder_without_secrets() -> None:
    seen = traces()
    seen.observe(event(sip(headers='Authorization: Digest username="a", response="5ec7e7"\r\n')))
    seen.leg(LEG, "c1")
    seen.observe(event(sip("SIP/2.0 200 OK", to_tag="ours"), sent=True))
    ladder = await seen.of_call(RECORD)
    assert ladder.kept == "memory"
    assert [step.label for step in ladder.steps] == ["INVITE sip:+15551230000@192.0.2.1", "200 OK (INVITE)"]
    assert "5ec7e7" not in ladder.steps[0].text
    assert {step.leg for step in ladder.steps} == {"contact"}


async def test_both_legs_of_a_transfer_are_in_it() -> None:
    seen = traces()
    seen.observe(event(sip()))
    seen.leg(LEG, "c1")
    seen.observe(event(sip(call_id="c2", from_tag="second"), sent=True, peer=OTHER_PEER))
    seen.leg(CallLeg("c", "o", "transfer", "second"), "c2")
    ladder = await seen.of_call(RECORD)
    assert [(step.leg, step.sip_call_id) for step in ladder.steps] == [("contact", "c1"), ("transfer", "c2")]
    assert len(ladder.participants) == 3


async def test_another_customer_who_takes_the_same_call_id_sees_nothing_of_it() -> None:
    seen = traces()
    seen.observe(event(sip()))
    seen.leg(LEG, "c1")
    seen.observe(event(sip("SIP/2.0 200 OK", to_tag="ours"), sent=True))
    seen.observe(event(sip(), peer=OTHER_PEER))  # tag and all
    seen.leg(CallLeg("d", "p", "contact", "other", "theirs", OTHER_PEER), "c1")
    seen.observe(event(sip("SIP/2.0 486 Busy Here", to_tag="other"), sent=True, peer=OTHER_PEER))
    assert [step.message.peer for step in (await seen.of_call(RECORD)).steps] == [PEER, PEER]
    theirs, _ = seen.in_memory("d")
    assert [message.peer for _, _, message in theirs] == [OTHER_PEER, OTHER_PEER]
    ladder = seen.of_sip_call_id("p", "c1")
    assert ladder is not None
    assert {step.message.peer for step in ladder.steps} == {OTHER_PEER}
    assert ladder.call_id == "d"


async def test_what_never_became_a_call_is_its_owners() -> None:
    seen = traces()
    seen.observe(event(sip(call_id="refused")))
    seen.observe(event(sip("SIP/2.0 404 Not Found", call_id="refused", to_tag="x"), sent=True))
    seen.observe(event(sip(call_id="nobodys"), peer=("192.0.2.200", 5060)))
    assert await found(seen, "o") == ["refused"]
    assert await found(seen, "p") == []
    assert seen.of_sip_call_id("p", "refused") is None
    assert seen.of_sip_call_id("o", "nobodys") is None
    (summary,) = (await seen.search("o", ANY, 50, 0)).items
    assert (summary.method, summary.status, summary.call_id, summary.messages) == ("INVITE", 404, None, 2)
    assert (summary.source, summary.transport) == ("198.51.100.7:5070", "udp")
    assert (summary.begun_at, summary.last_at) == (1_000.0, 1_001.0)


async def test_our_own_requests_to_a_carrier_of_several_customers_are_shown_to_none() -> None:
    seen = traces()
    register = sip("REGISTER sip:192.0.2.77 SIP/2.0", call_id="reg", cseq="1 REGISTER")
    seen.observe(event(register, sent=True, peer=("192.0.2.77", 5060)))
    assert await found(seen, "o") == []
    seen.observe(event(register.replace(b": reg", b": own"), sent=True))
    assert await found(seen, "o") == ["own"]


async def test_it_can_be_searched() -> None:
    seen = traces()
    seen.observe(event(sip(call_id="a")))
    seen.observe(event(sip(call_id="b").replace(b"+15557654321", b"+4930123456"), peer=(PEER[0], 5999)))
    assert await found(seen, "o") == ["b", "a"], "newest first"
    assert await found(seen, "o", TraceFilter(sip_call_id="a")) == ["a"]
    assert await found(seen, "o", TraceFilter(number="4930")) == ["b"]
    assert await found(seen, "o", TraceFilter(number="5123")) == ["b", "a"]
    assert await found(seen, "o", TraceFilter(source="198.51.100.7:5999")) == ["b"]
    assert await found(seen, "o", TraceFilter(source="198.51.100.7")) == ["b", "a"]
    assert await found(seen, "o", TraceFilter(source="198.51.100.8")) == []
    assert await found(seen, "o", TraceFilter(since=datetime.fromtimestamp(1_001, UTC))) == ["b"]
    page = await seen.search("o", ANY, 1, 1)
    assert ([one.sip_call_id for one in page.items], page.total) == (["a"], 2)


async def test_what_cannot_be_read_is_kept_under_its_call_id() -> None:
    seen = traces()
    seen.observe(event(b"INVITE sip:a@b SIP/2.0\r\ni: broken\r\nCSeq: x INVITE\r\n\r\n"))
    assert await found(seen, "o") == ["broken"]
    ladder = seen.of_sip_call_id("o", "broken")
    assert ladder is not None
    assert ladder.steps[0].label.startswith("unreadable: INVITE")


async def test_a_call_that_memory_has_forgotten_is_read_from_the_database() -> None:
    store = await Store.open("sqlite:///:memory:")
    seen = traces()
    assert (await seen.of_call(RECORD)).kept == "none"
    seen.keeper = TraceKeeper(store.call_signalling, seen.in_memory, "failed", 0)
    await store.call_signalling.save(
        datetime.now(UTC), [(RECORD.id, packed([("c1", "contact", traced(sip()))], 2))]
    )
    ladder = await seen.of_call(RECORD)
    assert (ladder.kept, len(ladder.steps), ladder.dropped) == ("saved", 1, 2)
    await store.close()
