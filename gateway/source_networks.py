"""Networks that a client names as sources it trusts: of a trunk's calls, of a key's requests."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import InvalidRequestError
from routing.table import parse_network

MAX_NETWORKS = 256
# A wider network is a great part of the Internet: nobody opens himself to it by accident.
SHORTEST_PREFIX = 8


def checked_networks(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """The networks in CIDR form, each once, in order. Raises `InvalidRequestError` that names `field`."""
    if len(texts) > MAX_NETWORKS:
        raise InvalidRequestError(f"At most {MAX_NETWORKS} networks are allowed.", field=field)
    networks: list[str] = []
    for text in texts:
        try:
            network = parse_network(text)
        except ValueError as error:
            raise InvalidRequestError(
                f"{text!r} is not an address or a network in CIDR form ({error}).", field=field, value=text
            ) from error
        if network.prefixlen < SHORTEST_PREFIX:
            raise InvalidRequestError(
                f"{text!r} is too wide: at least /{SHORTEST_PREFIX} is needed.",
                field=field,
                value=text,
            )
        if str(network) not in networks:
            networks.append(str(network))
    return tuple(networks)
