"""Bringing a number in, buying one, giving it back. The table itself is the directory's to keep."""

from __future__ import annotations

from gateway.directory import Directory
from gateway.errors import ConflictError, GatewayError, InvalidRequestError
from gateway.new_number import NewNumber
from gateway.new_trunk import NewTrunk, checked_trunk
from gateway.numbers.carriers import CarrierAccount, Carriers
from gateway.numbers.stock import NumberProvider
from gateway.trunk_probe import Probe, ProbeOutcome, ProbeResult
from store.inventory import StockedNumber, StockQuery
from store.records import Page, PhoneNumber, Trunk


class NumberService:
    """Numbers as customers see them."""

    def __init__(
        self, directory: Directory, carriers: Carriers, provider: NumberProvider, probe: Probe
    ) -> None:
        self._directory = directory
        self._carriers = carriers
        self._provider = provider
        self._probe = probe

    async def import_number(
        self,
        organization_id: str,
        new: NewNumber,
        new_trunk: NewTrunk | None = None,
        account: CarrierAccount | None = None,
    ) -> PhoneNumber:
        """Take a customer's own number into service, after whatever was given with it has been tried: the
        carrier's account, the trunk's target and its credentials. Nothing is left behind by a failure.

        Raises `InvalidRequestError` that names the field, `ConflictError` when the number is here already,
        `CarrierError` when the carrier's API cannot be asked.
        """
        await self._directory.require_new_number(new.phone_number)
        if account is not None:
            await self._carriers.check(account, new.phone_number)
        if new_trunk is None:
            return await self._directory.import_number(organization_id, new)
        new_trunk = _checked(new_trunk)
        if new_trunk.outbound is not None:
            _require_good(await self._probe(new_trunk.outbound))
        trunk = self._directory.find_trunk_like(organization_id, new_trunk)
        number = await self._directory.import_number(organization_id, new)
        try:
            if trunk is None:
                trunk = await self._directory.create_trunk(organization_id, new_trunk)
            return await self._directory.bind_number(organization_id, number.id, trunk.id)
        except GatewayError:
            await self._directory.release_number(organization_id, number.id)
            raise

    async def search(self, query: StockQuery, limit: int, offset: int) -> Page[StockedNumber]:
        """What can be bought. Raises `ConflictError` where nothing is for sale."""
        return await self._provider.search(query, limit, offset)

    async def purchase(
        self, organization_id: str, phone_number: str, friendly_name: str | None = None
    ) -> PhoneNumber:
        """Buy a number. Raises `ConflictError` when it cannot be had, or no longer."""
        stocked = await self._provider.find(phone_number)
        if stocked is None:
            raise _not_available(phone_number)
        new = NewNumber(
            phone_number=stocked.phone_number,
            friendly_name=friendly_name,
            provider_type="managed",
            type=stocked.type,
            country=stocked.country,
            trunk_id=stocked.trunk_id,
        )
        try:
            return await self._directory.import_number(organization_id, new, managed=True)
        except ConflictError as error:  # somebody was quicker
            raise _not_available(phone_number) from error

    async def release(self, organization_id: str, number_id: str) -> None:
        """Give a number back: calls to it are refused from now on, and a bought one is for sale again. Raises
        `NotFoundError`.
        """
        await self._directory.release_number(organization_id, number_id)

    async def test_trunk(self, trunk: Trunk) -> ProbeResult:
        """Whether a trunk's target answers. Raises `ConflictError` when it has none."""
        if trunk.outbound is None:
            raise ConflictError(
                "The trunk has no outbound side, so there is nothing to test.", code="trunk_without_outbound"
            )
        return await self._probe(trunk.outbound, trunk)


def _checked(new_trunk: NewTrunk) -> NewTrunk:
    """The trunk of an import, its faults named as the import names its fields."""
    try:
        return checked_trunk(new_trunk)
    except InvalidRequestError as error:
        if error.details.get("field") == "outbound.address":
            raise InvalidRequestError(error.message, field="sip_server") from error
        raise


def _require_good(result: ProbeResult) -> None:
    if result.outcome is ProbeOutcome.NOT_REACHABLE:
        raise InvalidRequestError(
            f"{result.text} If it never answers OPTIONS, make a trunk first and import with trunk_id.",
            code="trunk_unreachable",
            field="sip_server",
        )
    if result.outcome is ProbeOutcome.CREDENTIALS_REFUSED:
        raise InvalidRequestError(
            result.text, code="trunk_credentials_refused", field="sip_password", sip_status=result.sip_status
        )


def _not_available(phone_number: str) -> ConflictError:
    return ConflictError(
        f"The number {phone_number} cannot be bought, or no longer.",
        code="number_not_available",
        phone_number=phone_number,
    )
