"""What registering with us, and calls to who has registered, ask of a new trunk. Each failure names the
field.
"""

from __future__ import annotations

from gateway.errors import InvalidRequestError
from store.records import TrunkInbound, TrunkOutbound

SHORTEST_S, LONGEST_S = 10, 86_400
MOST_CONTACTS = 100


def check_registrar(inbound: TrunkInbound) -> None:
    """Raises `InvalidRequestError`."""
    registrar = inbound.registrar
    if registrar is None:
        return
    where = "inbound.registrar"
    if inbound.digest is None and registrar.enabled:
        raise InvalidRequestError("Only who has a user and a password can register.", field=where)
    if not 1 <= registrar.max_contacts <= MOST_CONTACTS:
        raise InvalidRequestError(f"1 to {MOST_CONTACTS} Contacts.", field=f"{where}.max_contacts")
    if not SHORTEST_S <= registrar.min_expires <= LONGEST_S:
        raise InvalidRequestError(
            f"A registration lasts {SHORTEST_S} to {LONGEST_S} seconds.", field=f"{where}.min_expires"
        )
    if not registrar.min_expires <= registrar.max_expires <= LONGEST_S:
        raise InvalidRequestError(
            f"The longest registration goes from min_expires to {LONGEST_S} seconds.",
            field=f"{where}.max_expires",
        )


def check_to_registered(inbound: TrunkInbound | None, outbound: TrunkOutbound | None) -> None:
    """Raises `InvalidRequestError`."""
    if outbound is None:
        return
    if outbound.to_registered is None:
        if not outbound.address:
            raise InvalidRequestError(
                "An outbound side needs an address, or to_registered.", field="outbound.address"
            )
        return
    if outbound.address:
        raise InvalidRequestError(
            "Calls go to the address or to who has registered, not to both.", field="outbound.address"
        )
    if inbound is None or inbound.registrar is None or not inbound.registrar.enabled:
        raise InvalidRequestError(
            "Nobody can register: set inbound.registrar too.", field="outbound.to_registered"
        )
    if outbound.registration is not None:
        raise InvalidRequestError(
            "We cannot register where there is no address.", field="outbound.registration"
        )
    if outbound.tls is not None:
        raise InvalidRequestError("Calls take the connection of who has registered.", field="outbound.tls")
