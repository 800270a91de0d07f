from local_engine.wire import Outlet, State
from tests.local_engine.stage import StageWire


def test_a_state_is_told_once_and_only_when_the_client_wants_it() -> None:
    wire = StageWire()
    outlet = Outlet(wire, frozenset(("state",)))
    outlet.set_state(State.LISTENING)
    outlet.set_state(State.LISTENING)
    outlet.set_state(State.THINKING)
    outlet.send({"type": "pong"})
    assert wire.messages == [{"type": "state", "state": "listening"}, {"type": "state", "state": "thinking"}]


def test_a_state_nobody_is_told_of_is_kept_all_the_same() -> None:
    wire = StageWire()
    outlet = Outlet(wire, frozenset())
    outlet.set_state(State.SPEAKING)
    assert (outlet.state, wire.messages) == (State.SPEAKING, [])


def test_ordinals_are_one_sequence() -> None:
    outlet = Outlet(StageWire(), frozenset())
    assert [outlet.coming_ordinal, outlet.next_ordinal(), outlet.next_ordinal(), outlet.coming_ordinal] == [
        0,
        0,
        1,
        2,
    ]
