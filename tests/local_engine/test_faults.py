import pytest

from local_engine.errors import InvalidRequest
from local_engine.faults import CallFaults, CreateFault, FaultPlan, call_faults, parse_faults


def test_a_list_of_names_and_values_is_read() -> None:
    faults = parse_faults("close_1012_after_ms=1500, burst, stall_after_ms=200,stall_ms=700,frame_bytes=333")
    assert faults.close_after_ms == 1500
    assert faults.close_code == 1012
    assert faults.burst
    assert (faults.stall_after_ms, faults.stall_ms, faults.frame_bytes) == (200, 700, 333)


def test_no_text_is_no_fault() -> None:
    assert parse_faults(" , ") == CallFaults()


@pytest.mark.parametrize(
    "text", ["explode", "close_after_ms=soon", "burst=maybe", "stall_after_ms", "frame_bytes=1.5"]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="fault"):
        parse_faults(text)


def test_metadata_wins_over_the_prompt_and_the_prompt_over_the_plan() -> None:
    planned = parse_faults("burst,think_ms=1,frame_bytes=10")
    faults = call_faults({"fault": "frame_bytes=30"}, "Be kind. [fault:frame_bytes=20,think_ms=2]", planned)
    assert (faults.burst, faults.think_ms, faults.frame_bytes) == (True, 2, 30)


def test_the_plan_meets_the_next_calls_and_then_is_empty() -> None:
    plan = FaultPlan()
    plan.add(CreateFault(count=2, status=429))
    plan.add(CreateFault(delay_ms=10))
    taken = [plan.take() for _ in range(4)]
    assert [fault.status if fault else None for fault in taken] == [429, 429, 0, None]
    assert plan.served == 3


@pytest.mark.parametrize(
    "fault",
    [CreateFault(count=0), CreateFault(count=11), CreateFault(status=200), CreateFault(call="explode")],
)
def test_a_senseless_plan_is_refused(fault: CreateFault) -> None:
    with pytest.raises(InvalidRequest):
        FaultPlan(limit=10).add(fault)


def test_a_cleared_plan_is_empty() -> None:
    plan = FaultPlan()
    plan.add(CreateFault(count=3))
    plan.clear()
    assert plan.take() is None
