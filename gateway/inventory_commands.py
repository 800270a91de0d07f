"""`inventory`: the operator's stock of numbers, from which customers buy."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.config import Config
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.open_store import opened_store
from routing.numbers import country_of, is_e164
from store.errors import ConstraintError
from store.inventory import StockedNumber


async def add_number(
    config: Config, *, phone_number: str, type_: str, trunk_id: str | None, monthly_cost_cents: int
) -> int:
    """Put a number up for sale. Raises `InvalidRequestError`, `ConflictError`, `ConfigurationError`."""
    if not is_e164(phone_number):
        raise InvalidRequestError(f"{phone_number!r} is not E.164.", field="number")
    stocked = StockedNumber(
        phone_number=phone_number,
        type=type_,
        country=country_of(phone_number) or "",
        trunk_id=trunk_id,
        monthly_cost_cents=monthly_cost_cents,
        created_at=datetime.now(UTC),
    )
    async with opened_store(config) as store:
        try:
            await store.inventory.add(stocked)
        except ConstraintError as error:
            raise ConflictError(
                f"{phone_number} is in the inventory already, or there is no trunk {trunk_id}."
            ) from error
    print(f"for sale {phone_number}")
    return 0


async def list_numbers(config: Config) -> int:
    """Print a line for each number: number, type, country, cents a month, whether it is taken."""
    async with opened_store(config) as store:
        for number, taken in await store.inventory.list():
            cost = number.monthly_cost_cents
            state = "taken" if taken else "for sale"
            print(f"{number.phone_number}  {number.type}  {number.country}  {cost}  {state}")
    return 0


async def remove_number(config: Config, *, phone_number: str) -> int:
    """Sell a number no longer; whoever has it keeps it. Raises `NotFoundError`."""
    async with opened_store(config) as store:
        if not await store.inventory.remove(phone_number):
            raise NotFoundError(f"The inventory does not hold {phone_number}.")
    print(f"removed {phone_number}")
    return 0
