from __future__ import annotations

import pytest

from gateway.cluster.limits import Counted, Limit
from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.widgets.doors import Door, address_group
from tests.store.samples import agent


def door(most: int = 10, **settings: object) -> Door:
    given: dict[str, object] = {
        "organization_id": "org",
        "agent": agent("org"),
        "origins": ("https://shop.example",),
        "enabled": True,
        "caps": (Limit(Counted.WIDGET, "w", most), Limit(Counted.AGENT_BROWSER, "a", 50)),
        "calls_per_minute": 5,
        "visitor_variables": ("name",),
        "variables": {"plan": "free"},
    }
    return Door(**given | settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("most", "share"), [(1, 2), (4, 2), (10, 5), (11, 5)])
def test_one_address_has_half_of_the_places_but_two_at_least(most: int, share: int) -> None:
    own, widget, all_of_agent = door(most).limits("203.0.113.1")
    assert own == Limit(Counted.WIDGET, "w 203.0.113.1", share)
    assert (widget.most, all_of_agent.most) == (most, 50)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_is_one_visitor(address: str, group: str) -> None:
    assert address_group(address) == group


def test_only_an_allowed_origin_passes() -> None:
    assert door().require_origin("https://shop.example") == "https://shop.example"
    for origin in (None, "null", "https://evil.example"):
        with pytest.raises(ForbiddenError):
            door().require_origin(origin)


def test_the_owners_variables_win_over_the_visitors() -> None:
    assert door().with_visitor({"name": "Ann"}) == {"name": "Ann", "plan": "free"}
    both = door(visitor_variables=("plan",))
    assert both.with_visitor({"plan": "gold"}) == {"plan": "free"}
    with pytest.raises(InvalidRequestError):
        door().with_visitor({"plan": "gold"})


def test_a_door_that_is_switched_off_lets_nobody_in() -> None:
    door().require_enabled()
    with pytest.raises(ForbiddenError):
        door(enabled=False).require_enabled()
