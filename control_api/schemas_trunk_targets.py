"""A trunk's targets and fail-over on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, StrictBool

from control_api.schemas_shared import RequestModel, ResponseModel, Timestamp
from gateway.target_states import Destination, TargetState, TargetStatus
from gateway.timestamps import optional_timestamp
from gateway.trunk_targets import targets_of
from store.records import TrunkOutbound
from store.target_records import FAILOVER_CODES, TrunkFailover, TrunkTarget, TrunkTransport

_Address = Annotated[str, Field(min_length=1, max_length=260, examples=["sip.example.com:5060"])]
_Rank = Annotated[int, Field(ge=0, le=65_535)]


class TrunkTargetIn(RequestModel):
    """One place that takes our calls."""

    address: _Address
    transport: TrunkTransport | None = Field(default=None, description="The trunk's when absent.")
    priority: _Rank = Field(default=10, description="The lowest is tried first.")
    weight: _Rank = Field(default=10, description="The share of calls among those of one priority.")
    enabled: StrictBool = True


class TrunkFailoverIn(RequestModel):
    """When the next server or target is tried. Never once it rang."""

    codes: Annotated[list[Annotated[int, Field(ge=400, le=699)]], Field(max_length=32)] = Field(
        default_factory=lambda: list(FAILOVER_CODES),
        description="Answers after which the next is tried, beside none at all. Those about the number or "
        "the person (404, 486, 603 and the like) are refused.",
    )
    timeout: Annotated[float, Field(ge=1, le=32)] = Field(
        default=4.0, description="Seconds without any answer."
    )
    put_aside: Annotated[int, Field(ge=0, le=3_600)] = Field(
        default=60, description="Seconds for which one that failed is not tried first."
    )

    def to_record(self) -> TrunkFailover:
        return TrunkFailover(tuple(self.codes), self.timeout, self.put_aside)


class TrunkTargetsIn(RequestModel):
    """The fields of the outbound side that say where calls go beside `address`."""

    targets: Annotated[list[TrunkTargetIn], Field(max_length=10)] = Field(
        default_factory=list,
        description="Where calls go; none: to `address`. With targets `address` takes calls only if it is "
        "one of them, and is the trunk's name in REGISTER and Refer-To.",
    )
    proxy: _Address | None = Field(
        default=None, description="Takes the calls for all targets, by a Route header."
    )
    failover: TrunkFailoverIn = TrunkFailoverIn()

    def target_records(self) -> tuple[TrunkTarget, ...]:
        return tuple(
            TrunkTarget(one.address, one.transport, one.priority, one.weight, one.enabled)
            for one in self.targets
        )


class ServerOut(ResponseModel):
    """A server that a name led to."""

    address: str
    port: int
    transport: TrunkTransport


class TrunkTargetOut(ResponseModel):
    address: str
    transport: TrunkTransport | None
    priority: int
    weight: int
    enabled: bool


class TargetStatusOut(ResponseModel):
    """What the node that is asked knows of a target in use."""

    address: str
    state: TargetState
    aside_until: Timestamp | None
    error: str | None = Field(description="Why it is put aside.")
    sip_status: int | None
    servers: list[ServerOut] = Field(description="That calls or probes were sent to.")


class TrunkFailoverOut(ResponseModel):
    codes: list[int]
    timeout: float
    put_aside: int


class TrunkTargetsOut(ResponseModel):
    targets: list[TrunkTargetOut]
    target_states: list[TargetStatusOut]
    proxy: str | None
    failover: TrunkFailoverOut


def render_targets(outbound: TrunkOutbound, states: Sequence[TargetStatus]) -> dict[str, Any]:
    """`states` are of the targets in use, in their order."""
    failover = outbound.failover
    return {
        "targets": [
            {
                "address": one.address,
                "transport": None if one.transport is None else one.transport.value,
                "priority": one.priority,
                "weight": one.weight,
                "enabled": one.enabled,
            }
            for one in outbound.targets
        ],
        "target_states": [
            {
                "address": target.address,
                "state": status.state.value,
                "aside_until": optional_timestamp(status.aside_until),
                "error": status.error,
                "sip_status": status.sip_status,
                "servers": [render_server(one) for one in status.servers],
            }
            for target, status in zip(targets_of(outbound), states, strict=False)
        ],
        "proxy": outbound.proxy,
        "failover": {
            "codes": list(failover.codes),
            "timeout": failover.timeout,
            "put_aside": failover.put_aside,
        },
    }


def render_server(server: Destination) -> dict[str, Any]:
    return {"address": server.host, "port": server.port, "transport": server.transport}
