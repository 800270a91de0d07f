"""Where managed numbers are bought. A provider has numbers to offer; the operator's own inventory is one.

Another provider is a class with the same two methods; what it sells must be reachable over a trunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import ConflictError
from store.database import Store
from store.inventory import StockedNumber, StockQuery
from store.records import Page


class NumberProvider(Protocol):
    """Sells numbers."""

    async def search(self, query: StockQuery, limit: int, offset: int) -> Page[StockedNumber]:
        """The numbers that can be bought now."""
        ...

    async def find(self, phone_number: str) -> StockedNumber | None:
        """One of them; `None` when it cannot be bought, or no longer."""
        ...


@dataclass(frozen=True, slots=True)
class LocalInventory:
    """Numbers that the operator holds at a carrier and lends out, on a trunk of the operator's own."""

    store: Store

    async def search(self, query: StockQuery, limit: int, offset: int) -> Page[StockedNumber]:
        return await self.store.inventory.available(query, limit, offset)

    async def find(self, phone_number: str) -> StockedNumber | None:
        return await self.store.inventory.find_available(phone_number)


class NoProvider:
    """Nothing is for sale here, and it is said so."""

    async def search(self, query: StockQuery, limit: int, offset: int) -> Page[StockedNumber]:
        raise _nothing_for_sale()

    async def find(self, phone_number: str) -> StockedNumber | None:
        raise _nothing_for_sale()


def _nothing_for_sale() -> ConflictError:
    return ConflictError(
        "No number provider is set up on this gateway (numbers.provider); import a number of your own.",
        code="no_number_provider",
    )
