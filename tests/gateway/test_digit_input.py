import pytest

from gateway.call import Call
from gateway.digit_input import DigitInput
from gateway.event_bus import CallEvent, EventBus
from store.records import DtmfMode
from tests.gateway.samples import in_progress


class Keys:
    """The input of one call, whose clock stands still unless the test moves it."""

    def __init__(self, mode: DtmfMode, *, show_digits: bool = False) -> None:
        self.now = 0.0
        self.call: Call = in_progress()
        self.delivered: list[str] = []
        self.input = DigitInput(
            self.call, mode, self.delivered.append, lambda: self.now, show_digits=show_digits
        )

    def press(self, digit: str, *ways: str) -> None:
        self.now += 2.0
        for by in ways:
            self.input.pressed(digit, by, 100)


@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        (DtmfMode.AUTO, "123#"),
        (DtmfMode.INBAND, "123#"),
        (DtmfMode.RFC4733, "1#"),
        (DtmfMode.INFO, "2#"),
    ],
)
async def test_a_trunk_decides_which_ways_count(mode: DtmfMode, heard: str) -> None:
    keys = Keys(mode)
    for digit, by in (("1", "rfc4733"), ("2", "info"), ("3", "inband")):
        keys.press(digit, by)
    keys.press("#", "rfc4733", "info", "inband")
    assert keys.delivered == [heard]


async def test_a_key_that_comes_three_ways_reaches_the_agent_once() -> None:
    keys = Keys(DtmfMode.INBAND)
    keys.press("5", "info", "rfc4733", "inband")
    keys.press("#", "inband", "rfc4733")
    assert keys.delivered == ["5#"]
    steps = [step.detail for step in keys.call.timeline if step.kind == "digit-received"]
    assert steps == [{"by": "info", "duration_ms": 100}, {"by": "inband", "duration_ms": 100}]


@pytest.mark.parametrize(("telephone_event", "listens"), [(None, True), (101, False)])
def test_by_default_tones_are_looked_for_where_there_are_no_events(
    telephone_event: int | None, listens: bool
) -> None:
    assert Keys(DtmfMode.AUTO).input.listens_for_tones(telephone_event) is listens
    assert Keys(DtmfMode.INBAND).input.listens_for_tones(telephone_event)
    assert not Keys(DtmfMode.RFC4733).input.listens_for_tones(telephone_event)
    assert not Keys(DtmfMode.INFO).input.listens_for_tones(telephone_event)


@pytest.mark.parametrize("show", [True, False])
async def test_watchers_learn_that_a_key_was_pressed_but_not_which_unless_allowed(show: bool) -> None:
    keys = Keys(DtmfMode.AUTO, show_digits=show)
    bus = EventBus()
    watcher = bus.subscribe(keys.call.record.organization_id)
    keys.call.tell(bus)
    keys.press("8", "rfc4733")
    keys.input.close()
    told = []
    while isinstance(event := await watcher.next(0), CallEvent):
        told.append(event)
    (digit,) = [event for event in told if event.kind == "digit"]
    assert digit.data == {"by": "rfc4733"} | ({"digit": "8"} if show else {})
    assert not any("8" in str(event.data.get("detail")) for event in told)
