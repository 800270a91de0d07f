from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import InvalidRequestError
from gateway.new_trunk import NewTrunk, checked_trunk
from gateway.source_networks import MAX_NETWORKS
from store.records import NumberFormat, TrunkDigest, TrunkInbound, TrunkOutbound

GOOD = TrunkInbound(("192.0.2.0/24",))


def outbound(address: str, **rest: Any) -> TrunkOutbound:
    return TrunkOutbound(address, **rest)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "inbound"),
        ({"inbound": TrunkInbound(())}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound((), TrunkDigest("pbx"))}, "inbound.auth_password"),
        ({"inbound": TrunkInbound(("carrier.example",))}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound(("192.0.2.0/33",))}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound(("0.0.0.0/0",))}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound(("::/0",))}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound(("192.0.2.0/24", ""))}, "inbound.allowed_addresses"),
        ({"inbound": TrunkInbound(("192.0.2.1",) * (MAX_NETWORKS + 1))}, "inbound.allowed_addresses"),
        ({"outbound": outbound("")}, "outbound.address"),
        ({"outbound": outbound("sip:carrier.example")}, "outbound.address"),
        ({"outbound": outbound("carrier.example:")}, "outbound.address"),
        ({"outbound": outbound("carrier.example:0")}, "outbound.address"),
        ({"outbound": outbound("carrier.example:65536")}, "outbound.address"),
        ({"outbound": outbound("carrier example")}, "outbound.address"),
        ({"outbound": outbound("a@b")}, "outbound.address"),
        ({"outbound": outbound("2001:db8::1")}, "outbound.address"),
        ({"outbound": outbound("[2001:db8::1]:")}, "outbound.address"),
        ({"outbound": outbound("[192.0.2.1]")}, "outbound.address"),
        ({"outbound": outbound("[2001:db8::1")}, "outbound.address"),
        ({"outbound": outbound("h\r\nX: y")}, "outbound.address"),
        ({"outbound": outbound("h", from_host="a b")}, "outbound.from_host"),
        ({"outbound": outbound("h", auth_username="u")}, "outbound.auth_password"),
        ({"outbound": outbound("h", auth_password="p")}, "outbound.auth_username"),
        ({"inbound": GOOD, "number_format": NumberFormat.NATIONAL}, "default_country"),
        ({"inbound": GOOD, "default_country": "XX"}, "default_country"),
        ({"inbound": GOOD, "codecs": ()}, "codecs"),
        ({"inbound": GOOD, "codecs": ("G729",)}, "codecs"),
        ({"inbound": GOOD, "codecs": ("PCMU", "pcmu")}, "codecs"),
        ({"inbound": GOOD, "name": ""}, "name"),
        ({"inbound": GOOD, "name": "x" * 101}, "name"),
    ],
)
def test_what_is_wrong_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        checked_trunk(NewTrunk(**({"name": "t"} | fields)))
    assert caught.value.details["field"] == field


def test_wideband_codecs_are_taken_in_the_order_given() -> None:
    trunk = checked_trunk(NewTrunk(name="t", inbound=GOOD, codecs=("opus", "G722", "l16", "PCMA", "PCMU")))
    assert trunk.codecs == ("OPUS", "G722", "L16", "PCMA", "PCMU")
    assert checked_trunk(NewTrunk(name="t", inbound=GOOD)).codecs == ("PCMU", "PCMA")


@pytest.mark.parametrize("address", ["sip..example.com", f"{'a' * 64}.example.com"])
def test_a_name_that_no_resolver_takes_is_no_address(address: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        checked_trunk(NewTrunk(name="t", outbound=TrunkOutbound(address)))
    assert caught.value.details["field"] == "outbound.address"


def test_a_bad_network_is_quoted() -> None:
    with pytest.raises(InvalidRequestError, match=r"192\.0\.2\.0/33") as caught:
        checked_trunk(NewTrunk(name="t", inbound=TrunkInbound(("192.0.2.1", "192.0.2.0/33"))))
    assert caught.value.details["value"] == "192.0.2.0/33"


@pytest.mark.parametrize(
    "address",
    [
        "carrier.example",
        "carrier.example:5061",
        "192.0.2.1",
        "192.0.2.1:5080",
        "[2001:db8::1]",
        "[::1]:5060",
        "my_pbx.local",
        "localhost",
    ],
)
def test_an_address_is_a_host_with_or_without_a_port(address: str) -> None:
    trunk = NewTrunk(name="t", outbound=outbound(address))
    assert checked_trunk(trunk) == trunk
