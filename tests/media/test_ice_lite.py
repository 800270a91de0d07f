"""A full agent's checks against our lite half: who is believed, what is nominated."""

import pytest

from media import stun
from media.ice_lite import CONSENT_S, REMEMBERED_TRANSACTIONS, IceLite
from media.latching import Source
from media.messages import IceParameters
from media.stun import Attribute, MessageClass, StunMessage

PARAMETERS = IceParameters(
    local_ufrag="ours",
    local_password="our-password-of-22-char",
    remote_ufrag="their",
    remote_password="their-password-22-char",
)
PHONE = ("192.0.2.7", 4002)
OTHER_PATH = ("198.51.100.7", 61002)
STRANGER = ("203.0.113.66", 5555)
CONTROLLING = (Attribute.ICE_CONTROLLING, bytes(8))
PRIORITY = (Attribute.PRIORITY, bytes.fromhex("6e0001ff"))
NOMINATE = (Attribute.USE_CANDIDATE, b"")


class FullAgent:
    """The far party's half, as far as these tests need it."""

    def __init__(self, agent: IceLite) -> None:
        self._agent = agent
        self._count = 0

    def check(
        self,
        *more: tuple[int, bytes],
        source: Source = PHONE,
        username: str | None = "ours:their",
        password: str | None = "our-password-of-22-char",
        role: tuple[int, bytes] = CONTROLLING,
        now: float = 0.0,
    ) -> StunMessage:
        """One check and its answer."""
        data = self.request(*more, username=username, password=password, role=role)
        answer = self._agent.receive(data, source, now)
        assert answer is not None
        return stun.parse(answer)

    def request(
        self,
        *more: tuple[int, bytes],
        username: str | None = "ours:their",
        password: str | None = "our-password-of-22-char",
        role: tuple[int, bytes] = CONTROLLING,
    ) -> bytes:
        self._count += 1
        attributes = [role, PRIORITY, *more]
        if username is not None:
            attributes.insert(0, (Attribute.USERNAME, username.encode()))
        transaction_id = self._count.to_bytes(12, "big")
        key = None if password is None else password.encode()
        return stun.serialize(MessageClass.REQUEST, transaction_id, attributes, password=key)


@pytest.fixture
def agent() -> IceLite:
    return IceLite(PARAMETERS)


@pytest.fixture
def far(agent: IceLite) -> FullAgent:
    return FullAgent(agent)


def code_of(answer: StunMessage) -> int:
    assert answer.message_class is MessageClass.ERROR
    return stun.read_error_code(answer.attributes[Attribute.ERROR_CODE])


def test_a_check_is_answered_with_the_address_it_came_from(agent: IceLite, far: FullAgent) -> None:
    answer = far.check()
    assert answer.message_class is MessageClass.SUCCESS
    assert answer.authentic(PARAMETERS.local_password.encode())
    mapped = answer.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert stun.read_xor_address(mapped, answer.transaction_id) == PHONE
    assert agent.is_valid(PHONE)
    assert agent.nominated is None


def test_an_ipv6_source_with_its_scope_is_answered(far: FullAgent) -> None:
    answer = far.check(source=("fe80::1%eth0", 4002, 0, 2))
    mapped = answer.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert stun.read_xor_address(mapped, answer.transaction_id) == ("fe80::1", 4002)


def test_the_pair_with_use_candidate_is_nominated_and_a_later_one_replaces_it(
    agent: IceLite, far: FullAgent
) -> None:
    far.check(source=OTHER_PATH)
    far.check(NOMINATE)
    assert agent.nominated == PHONE
    far.check(source=OTHER_PATH)
    assert agent.nominated == PHONE
    far.check(NOMINATE, source=OTHER_PATH)
    assert agent.nominated == OTHER_PATH


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("ours:their", "a-guessed-password-wrong", 401),
        ("other:their", "our-password-of-22-char", 401),
        ("ours:other", "our-password-of-22-char", 401),
        (None, "our-password-of-22-char", 400),
        ("ours:their", None, 400),
    ],
)
def test_a_strangers_check_is_refused_counted_and_moves_nothing(
    agent: IceLite, far: FullAgent, username: str | None, password: str | None, code: int
) -> None:
    far.check(NOMINATE)
    answer = far.check(NOMINATE, source=STRANGER, username=username, password=password)
    assert code_of(answer) == code
    assert Attribute.MESSAGE_INTEGRITY not in answer.attributes
    assert agent.refused == 1
    assert agent.nominated == PHONE
    assert not agent.is_valid(STRANGER)


def test_a_recorded_check_sent_again_from_elsewhere_moves_nothing(agent: IceLite, far: FullAgent) -> None:
    recorded = far.request(NOMINATE)
    assert agent.receive(recorded, PHONE, 0.0) is not None
    replayed = agent.receive(recorded, STRANGER, 0.1)
    assert replayed is not None
    assert code_of(stun.parse(replayed)) == 401
    assert agent.nominated == PHONE
    # The far party's own retransmission is answered again.
    again = agent.receive(recorded, PHONE, 0.2)
    assert again is not None
    assert stun.parse(again).message_class is MessageClass.SUCCESS


def test_a_peer_that_wants_to_be_controlled_is_told_to_take_the_lead(agent: IceLite, far: FullAgent) -> None:
    answer = far.check(NOMINATE, role=(Attribute.ICE_CONTROLLED, b"\xff" * 8))
    assert code_of(answer) == 487
    assert answer.authentic(PARAMETERS.local_password.encode())
    assert agent.nominated is None


def test_an_attribute_that_must_be_understood_is_named_in_the_refusal(far: FullAgent) -> None:
    answer = far.check((0x7777, b"new!"))
    assert code_of(answer) == 420
    assert answer.attributes[Attribute.UNKNOWN_ATTRIBUTES] == b"\x77\x77"


def test_consent_lasts_while_the_checks_go_on(agent: IceLite, far: FullAgent) -> None:
    assert not agent.has_consent(0.0)
    far.check(NOMINATE, now=10.0)
    assert agent.has_consent(10.0 + CONSENT_S - 1)
    far.check(now=10.0 + CONSENT_S - 1)
    assert agent.has_consent(10.0 + CONSENT_S + 1)
    far.check(now=10.0 + CONSENT_S + 2, password="a-guessed-password-wrong")
    assert not agent.has_consent(10.0 + 2 * CONSENT_S)


def test_indications_and_answers_to_nothing_get_no_answer(agent: IceLite) -> None:
    for kind in (MessageClass.INDICATION, MessageClass.SUCCESS, MessageClass.ERROR):
        assert agent.receive(stun.serialize(kind, bytes(12), []), PHONE, 0.0) is None
    assert not agent.is_valid(PHONE)


def test_garbage_is_counted(agent: IceLite, far: FullAgent) -> None:
    assert agent.receive(far.request()[:-3], PHONE, 0.0) is None
    assert agent.refused == 1


def test_what_is_remembered_is_bounded(agent: IceLite, far: FullAgent) -> None:
    far.check(NOMINATE)
    for number in range(REMEMBERED_TRANSACTIONS * 2):
        far.check(source=("192.0.2.7", 10_000 + number))
    assert not agent.is_valid(PHONE)
    assert agent.nominated == PHONE
