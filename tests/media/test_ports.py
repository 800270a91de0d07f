import random

from media.ports import PortPool


def pool(low: int, high: int, rest_s: float = 30.0) -> PortPool:
    return PortPool(low, high, rest_s, shuffle=random.Random(1))


def test_ports_are_even_and_their_neighbour_is_in_the_range() -> None:
    ports = pool(10001, 10008)
    taken = {ports.take(0.0) for _ in range(3)}
    assert taken == {10002, 10004, 10006}
    assert ports.take(0.0) is None


def test_a_released_port_rests_before_it_is_used_again() -> None:
    ports = pool(10000, 10001)
    assert ports.take(0.0) == 10000
    ports.release(10000, now=100.0)
    assert ports.take(129.9) is None
    assert ports.free(129.9) == 0
    assert ports.free(130.0) == 1
    assert ports.take(130.0) == 10000


def test_the_port_that_rested_longest_comes_last() -> None:
    ports = pool(10000, 10005, rest_s=1.0)
    first = ports.take(0.0)
    assert first is not None
    ports.release(first, 0.0)
    others = [ports.take(5.0), ports.take(5.0)]
    assert first not in others
    assert ports.take(5.0) == first


def test_a_port_that_cannot_be_bound_is_counted_and_tried_later() -> None:
    ports = pool(10000, 10003)
    refused = ports.take(0.0)
    assert refused is not None
    ports.reject(refused, 0.0)
    assert ports.unbindable == 1
    assert ports.take(0.0) != refused
    assert ports.take(0.0) is None
    assert ports.take(31.0) == refused


def test_the_order_is_not_the_same_after_each_start() -> None:
    orders = {tuple(PortPool(10000, 10099, 30.0).take(0.0) for _ in range(1)) for _ in range(40)}
    assert len(orders) > 1


def test_what_is_in_use_is_known() -> None:
    ports = pool(10000, 10009)
    port = ports.take(0.0)
    assert port is not None
    assert (ports.in_use, ports.free(0.0)) == (1, 4)
    ports.release(port, 0.0)
    assert (ports.in_use, ports.free(0.0)) == (0, 4)


def test_a_port_that_another_process_used_last_rests_until_it_is_told() -> None:
    ports = pool(10000, 10005, rest_s=30.0)
    ports.rest(10002, until=20.0)
    ports.rest(10000, until=10.0)
    assert ports.free(0.0) == 1
    assert ports.take(0.0) == 10004
    assert ports.take(9.9) is None
    ports.release(10004, 10.0)
    assert [ports.take(10.0), ports.take(10.0)] == [10000, None]
    assert [ports.take(20.0), ports.take(20.0)] == [10002, None]
    assert ports.take(40.0) == 10004


def test_a_port_outside_the_range_is_not_brought_in_by_its_rest() -> None:
    ports = pool(10000, 10001)
    ports.rest(9998, until=1.0)
    assert ports.free(2.0) == 1


def test_no_pair_that_holds_a_reserved_port_is_ever_taken() -> None:
    ports = PortPool(10000, 10007, 1.0, reserved={10002, 10005}, shuffle=random.Random(1))
    assert {ports.take(0.0), ports.take(0.0)} == {10000, 10006}
    assert ports.take(0.0) is None
    ports.release(10000, 0.0)
    ports.rest(10002, until=1.0)
    assert [ports.take(60.0), ports.take(60.0)] == [10000, None]
