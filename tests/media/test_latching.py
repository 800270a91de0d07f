import pytest

from media.latching import MAXIMUM_EARLY, Latch
from media.messages import Symmetric

SIGNALLED = ("192.0.2.1", 4000)
NAT = ("198.51.100.9", 61000)
STRANGER = ("203.0.113.66", 5555)


def latch() -> Latch:
    made = Latch(silence_s=2.0, relatch_silence_s=0.3)
    made.signalled(*SIGNALLED, now=0.0)
    return made


def test_before_anything_is_heard_audio_goes_to_the_signalled_address() -> None:
    assert latch().target == SIGNALLED


def test_the_first_source_latches_even_when_it_is_not_the_signalled_one() -> None:
    latched = latch()
    assert latched.heard(NAT, 0.1)
    assert latched.target == NAT


def test_a_stranger_cannot_steal_a_call_in_progress() -> None:
    latched = latch()
    latched.heard(NAT, 0.0)
    for step in range(1, 100):
        now = step * 0.02
        assert latched.heard(NAT, now)
        assert not latched.heard(STRANGER, now + 0.01)
    assert latched.target == NAT
    assert latched.strangers == 99


def test_the_signalled_address_takes_over_from_whoever_came_first() -> None:
    latched = latch()
    latched.heard(STRANGER, 0.0)
    assert latched.heard(SIGNALLED, 0.02)
    assert latched.target == SIGNALLED
    assert not latched.heard(STRANGER, 0.04)


def test_another_source_is_taken_only_after_the_latched_one_was_silent_for_a_while() -> None:
    latched = latch()
    latched.heard(NAT, 0.0)
    assert not latched.heard(STRANGER, 1.9)
    assert latched.heard(STRANGER, 2.0)
    assert latched.changes == 1


def test_after_a_renegotiation_the_new_address_is_taken_at_once() -> None:
    latched = latch()
    latched.heard(SIGNALLED, 0.0)
    latched.signalled("192.0.2.50", 7000, 10.0)
    assert latched.target == ("192.0.2.50", 7000)
    assert latched.heard(("192.0.2.50", 7000), 10.01)
    assert not latched.heard(SIGNALLED, 10.02)


def test_stragglers_of_the_old_address_are_heard_but_do_not_take_the_stream_back() -> None:
    latched = latch()
    latched.heard(SIGNALLED, 9.99)
    latched.signalled("192.0.2.50", 7000, 10.0)
    assert latched.heard(SIGNALLED, 10.1)
    assert latched.target == ("192.0.2.50", 7000)


def test_a_phone_behind_nat_that_goes_on_from_its_old_address_is_kept() -> None:
    latched = latch()
    latched.heard(NAT, 9.99)
    latched.signalled("192.0.2.50", 7000, 10.0)
    for step in range(60):
        assert latched.heard(NAT, 10.0 + step * 0.02)
    assert latched.target == NAT


def test_after_a_renegotiation_an_unknown_source_is_taken_once_the_old_one_is_quiet() -> None:
    latched = latch()
    latched.heard(NAT, 10.0)
    latched.signalled("10.0.0.5", 7000, 10.0)
    assert not latched.heard(STRANGER, 10.1), "the old source was heard a moment ago"
    assert latched.heard(("198.51.100.20", 1234), 10.4)
    assert latched.target == ("198.51.100.20", 1234)


def test_the_same_address_signalled_again_changes_nothing() -> None:
    latched = latch()
    latched.heard(NAT, 0.0)
    latched.signalled(*SIGNALLED, now=1.0)
    assert latched.target == NAT
    assert not latched.heard(STRANGER, 1.5)


def test_an_ipv6_source_matches_what_was_signalled() -> None:
    latched = Latch(silence_s=2.0, relatch_silence_s=0.3)
    latched.signalled("2001:db8::1", 4000, 0.0)
    assert latched.heard(("2001:db8::2", 9, 0, 0), 0.0)
    assert latched.heard(("2001:db8::1", 4000, 0, 0), 0.1)
    assert latched.target == ("2001:db8::1", 4000, 0, 0)


def test_under_ice_only_checked_sources_count_and_nomination_tells_the_target() -> None:
    latched = latch()
    checked = {NAT}
    latched.confine(checked.__contains__)
    assert latched.target is None
    assert not latched.heard(SIGNALLED, 0.1)
    assert latched.heard(NAT, 0.1)
    assert latched.target is None
    latched.nominated(NAT)
    assert latched.target == NAT
    assert not latched.heard(STRANGER, 60.0)
    assert latched.strangers == 2


def test_under_ice_another_address_in_sdp_changes_nothing() -> None:
    latched = latch()
    latched.confine({NAT}.__contains__)
    latched.nominated(NAT)
    latched.heard(NAT, 0.1)
    latched.signalled("192.0.2.9", 4000, 1.0)
    assert latched.target == latched.source == NAT


def test_a_restart_of_ice_keeps_the_audio_going_until_another_path_is_nominated() -> None:
    latched = latch()
    latched.confine({NAT}.__contains__)
    latched.nominated(NAT)
    latched.heard(NAT, 0.1)
    latched.confine({STRANGER}.__contains__)
    assert latched.target == NAT
    assert latched.heard(NAT, 0.2)
    assert latched.heard(STRANGER, 0.3)
    latched.nominated(STRANGER)
    assert latched.target == STRANGER


def test_where_a_handshake_came_from_is_sent_to_until_audio_comes() -> None:
    latched = latch()
    latched.reachable_at(NAT)
    assert latched.target == NAT
    assert not latched.ever_heard
    latched.heard(SIGNALLED, 0.1)
    latched.reachable_at(NAT)
    assert latched.target == SIGNALLED


def test_always_symmetric_sends_nothing_until_a_packet_tells_where_to() -> None:
    latched = Latch(silence_s=2.0, relatch_silence_s=0.3, symmetric=Symmetric.ALWAYS)
    latched.signalled(*SIGNALLED, now=0.0)
    assert latched.target is None
    assert latched.heard(NAT, 0.1)
    assert latched.target == NAT
    assert not latched.heard(SIGNALLED, 0.2), "the signalled address is worth no more than another"
    latched.signalled("192.0.2.7", 4002, now=1.0)
    assert latched.target == NAT
    assert latched.heard(STRANGER, 1.4), "after a re-negotiation the source may be another"
    assert latched.target == STRANGER


def test_never_symmetric_sends_to_the_signalled_address_whatever_comes_from_where() -> None:
    latched = Latch(silence_s=2.0, relatch_silence_s=0.3, symmetric=Symmetric.NEVER)
    latched.signalled(*SIGNALLED, now=0.0)
    other_port = (SIGNALLED[0], 5999)
    assert latched.heard(other_port, 0.1), "it may send from another port than it listens at"
    assert latched.target == SIGNALLED
    assert not latched.heard(NAT, 9.0), "not even after a long silence"
    assert latched.target == SIGNALLED
    moved = ("192.0.2.7", 4002)
    latched.signalled(*moved, now=10.0)
    assert latched.target == moved
    assert not latched.heard(SIGNALLED, 10.1)
    assert latched.heard(moved, 10.2)


def test_when_ice_is_given_up_for_another_address_the_old_party_gets_nothing_more() -> None:
    latched = latch()
    latched.confine({NAT}.__contains__)
    latched.nominated(NAT)
    assert latched.heard(NAT, 0.1)
    latched.signalled("192.0.2.77", 7000, now=1.0)
    latched.confine(None)
    assert latched.target == ("192.0.2.77", 7000)
    assert latched.heard(("192.0.2.77", 7000), 1.1)
    assert not latched.heard(NAT, 1.2)


def moved(symmetric: Symmetric = Symmetric.AUTO) -> Latch:
    """On a port to which the far party of an earlier call still sends."""
    made = Latch(silence_s=2.0, relatch_silence_s=0.3, symmetric=symmetric, moved=True)
    made.came_early(STRANGER)
    made.signalled(*SIGNALLED, now=10.0)
    return made


@pytest.mark.parametrize("symmetric", [Symmetric.AUTO, Symmetric.ALWAYS])
@pytest.mark.parametrize("far_party", [SIGNALLED, NAT])
def test_who_sent_to_the_port_before_the_call_moved_there_is_not_its_far_party(
    symmetric: Symmetric, far_party: tuple[str, int]
) -> None:
    latched = moved(symmetric)
    for step in range(10):
        assert not latched.heard(STRANGER, 10.0 + step * 0.02)
    assert latched.target == (SIGNALLED if symmetric is Symmetric.AUTO else None)
    assert latched.heard(far_party, 10.2)
    assert not latched.heard(STRANGER, 10.22)
    assert latched.target == far_party


def test_without_symmetric_rtp_another_port_of_the_same_host_is_not_taken_either() -> None:
    latched = Latch(silence_s=2.0, relatch_silence_s=0.3, symmetric=Symmetric.NEVER, moved=True)
    departed, other = (SIGNALLED[0], 6000), (SIGNALLED[0], 5999)
    latched.came_early(departed)
    latched.signalled(*SIGNALLED, now=10.0)
    assert not latched.heard(departed, 10.1)
    assert latched.heard(other, 10.1)


def test_the_far_party_may_be_early_with_its_audio() -> None:
    latched = moved()
    early = moved()
    early.came_early(SIGNALLED)
    assert early.heard(SIGNALLED, 10.02), "where it said it would be"
    latched.came_early(NAT)
    assert not latched.heard(NAT, 10.02)
    assert latched.heard(NAT, 13.1), "nobody else has come"


def test_only_so_many_early_sources_are_remembered() -> None:
    latched = Latch(silence_s=2.0, relatch_silence_s=0.3, moved=True)
    sources = [("203.0.113.66", 5000 + number) for number in range(MAXIMUM_EARLY + 1)]
    for source in sources:
        latched.came_early(source)
    latched.signalled(*SIGNALLED, now=10.0)
    assert [latched.heard(source, 10.1) for source in sources] == [False] * MAXIMUM_EARLY + [True]
