"""Parts of the port range, and ports that rest across the death of a worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ports import PortPool
from media.worker.port_share import RestingPorts, split_ports


@given(st.integers(1024, 60000), st.integers(2, 5000), st.integers(1, 16))
def test_parts_are_disjoint_and_lose_no_pair(low: int, size: int, parts: int) -> None:
    high = min(65535, low + size)
    whole = PortPool(low, high, 0.0).free(0.0)
    if whole < parts:
        with pytest.raises(ValueError, match="cannot serve"):
            split_ports(low, high, parts)
        return
    ranges = split_ports(low, high, parts)
    assert len(ranges) == parts
    taken = [set(range(first, last + 1)) for first, last in ranges]
    assert sum(len(ports) for ports in taken) == len(set().union(*taken)), "no port is in two parts"
    assert all(low <= first < last <= high for first, last in ranges)
    pairs = [PortPool(first, last, 0.0).free(0.0) for first, last in ranges]
    assert sum(pairs) == whole
    assert max(pairs) - min(pairs) <= 1


def test_a_released_port_rests_for_its_time() -> None:
    resting = RestingPorts(30.0)
    resting.release(20_000, 100.0)
    resting.release(20_002, 110.0)
    assert resting.left(110.0) == {20_000: 20.0, 20_002: 30.0}
    assert resting.left(130.0) == {20_002: 10.0}
    assert resting.left(140.0) == {}


def test_a_port_released_again_rests_anew() -> None:
    resting = RestingPorts(30.0)
    resting.release(20_000, 0.0)
    resting.release(20_002, 5.0)
    resting.release(20_000, 20.0)
    assert resting.left(31.0) == {20_002: 4.0, 20_000: 19.0}
    assert resting.left(36.0) == {20_000: 14.0}


def test_a_worker_without_calls_for_a_while_remembers_no_ports() -> None:
    resting = RestingPorts(1.0)
    for second in range(10_000):
        resting.release(20_000 + 2 * (second % 100), float(second))
    assert len(resting.left(10_000.5)) == 0
