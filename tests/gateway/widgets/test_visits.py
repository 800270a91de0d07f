from __future__ import annotations

from typing import Any, cast

from gateway.widgets.visits import Visits
from tests.gateway.widgets.test_doors import door


class Asked:
    """Keeps what a call is asked for with."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    async def create(self, organization_id: str, agent_id: str, **options: Any) -> object:
        self.options = options
        return object()


async def test_what_a_visitor_has_set_is_not_trusted() -> None:
    asked = Asked()
    visits = Visits(cast(Any, asked), cast(Any, None), cast(Any, None))
    open_door = door(visitor_variables=("name", "plan"))
    await visits.of_visitor(
        open_door,
        origin="https://shop.example",
        address="203.0.113.1",
        variables={"name": "+19005550100", "plan": "gold"},
    )
    assert asked.options["variables"] == {"name": "+19005550100", "plan": "free"}
    assert asked.options["untrusted_variables"] == {"name"}
