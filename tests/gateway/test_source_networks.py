from __future__ import annotations

import pytest

from gateway.errors import InvalidRequestError
from gateway.source_networks import checked_networks


def test_addresses_become_networks_each_once_in_order() -> None:
    given = ["203.0.113.9", "10.1.2.3/16", "203.0.113.9/32", "2001:db8::1"]
    assert checked_networks(given, "f") == ("203.0.113.9/32", "10.1.0.0/16", "2001:db8::1/128")


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "0.0.0.0/0", "::/0", "12.0.0.0/7"])
def test_what_cannot_be_meant_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_networks(["10.0.0.1", text], "some_field")
    assert refused.value.details["field"] == "some_field"
