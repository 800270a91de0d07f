"""The order in which a trunk's servers are tried."""

from __future__ import annotations

from typing import cast

import pytest

from gateway.target_states import TargetStates
from gateway.trunk_targets import TrunkTargets, targets_of
from sip.server_location import Destination
from sip.user_agent import UserAgent
from store.records import TrunkOutbound
from store.target_records import TrunkTarget, TrunkTransport


class Names:
    """A user agent as far as it looks names up."""

    def __init__(self, **servers: list[str]) -> None:
        self.servers = servers
        self.asked: list[tuple[str, int | None, str | None]] = []

    async def locate(self, host: str, port: int | None, transport: str | None) -> tuple[Destination, ...]:
        self.asked.append((host, port, transport))
        if host not in self.servers:
            raise OSError(f"no server is known for {host}")
        return tuple(Destination(one, port or 5060, transport or "udp") for one in self.servers[host])


def targets_with(names: Names) -> TrunkTargets:
    return TrunkTargets(cast(UserAgent, names), TargetStates(), chance=lambda: 0.0)


def outbound(*targets: TrunkTarget, proxy: str | None = None) -> TrunkOutbound:
    return TrunkOutbound("main", targets=targets, proxy=proxy)


async def order(targets: TrunkTargets, side: TrunkOutbound) -> list[str]:
    return [one.server.host for one in await targets.candidates("t", side)]


async def test_all_servers_of_the_first_target_come_before_the_next() -> None:
    targets = targets_with(Names(a=["192.0.2.1", "192.0.2.2"], b=["192.0.2.3"]))
    side = outbound(TrunkTarget("b", priority=20), TrunkTarget("a", priority=10))
    assert await order(targets, side) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


async def test_a_target_that_is_switched_off_or_not_found_is_left_out() -> None:
    targets = targets_with(Names(a=["192.0.2.1"], b=["192.0.2.3"]))
    side = outbound(TrunkTarget("a", enabled=False), TrunkTarget("nowhere"), TrunkTarget("b"))
    assert await order(targets, side) == ["192.0.2.3"]


async def test_without_targets_the_address_is_the_only_one() -> None:
    assert targets_of(outbound()) == (TrunkTarget("main"),)
    with pytest.raises(OSError, match="main"):
        await order(targets_with(Names()), outbound())


async def test_servers_put_aside_come_last_and_are_not_left_out() -> None:
    targets = targets_with(Names(a=["192.0.2.1", "192.0.2.2"]))
    target = TrunkTarget("a")
    targets.states.failed("t", target, Destination("192.0.2.1", 5060, "udp"), 60, error="no answer")
    assert await order(targets, outbound(target)) == ["192.0.2.2", "192.0.2.1"]
    targets.states.failed("t", target, Destination("192.0.2.2", 5060, "udp"), 60, error="no answer")
    assert await order(targets, outbound(target)) == ["192.0.2.1", "192.0.2.2"]


async def test_transport_and_port_are_the_targets_own_else_the_trunks() -> None:
    names = Names(a=["192.0.2.1"], b=["192.0.2.2"])
    side = TrunkOutbound(
        "main",
        TrunkTransport.AUTO,
        targets=(TrunkTarget("a", priority=1), TrunkTarget("b:5080", TrunkTransport.TCP, priority=2)),
    )
    await order(targets_with(names), side)
    assert names.asked == [("a", None, None), ("b", 5080, "tcp")]


async def test_a_proxy_is_looked_up_in_the_targets_place() -> None:
    names = Names(edge=["192.0.2.9"])
    side = outbound(TrunkTarget("a"), proxy="edge:5070")
    (candidate,) = await targets_with(names).candidates("t", side)
    assert (candidate.target.address, candidate.server) == ("a", Destination("192.0.2.9", 5070, "udp"))


async def test_a_probe_without_an_answer_puts_aside_and_one_with_it_takes_back() -> None:
    targets = targets_with(Names(a=["192.0.2.1"], b=["192.0.2.2"]))
    a, b = TrunkTarget("a", priority=1), TrunkTarget("b", priority=2)
    side, server = outbound(a, b), (Destination("192.0.2.1", 5060, "udp"),)
    targets.note_probe("t", side, a, server, "no answer")
    assert await order(targets, side) == ["192.0.2.2", "192.0.2.1"]
    targets.note_probe("t", side, a, server, None)
    assert await order(targets, side) == ["192.0.2.1", "192.0.2.2"]
