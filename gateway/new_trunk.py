"""What a client asks for when it makes a trunk, and what that must fulfil. Each failure names the field."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from gateway.errors import InvalidRequestError
from gateway.new_trunk_identity import check_identity
from gateway.new_trunk_outbound import check_outbound_extras, check_signalling
from gateway.new_trunk_registrar import check_registrar, check_to_registered
from gateway.new_trunk_targets import check_targets
from gateway.source_networks import checked_networks
from routing.numbers import is_country
from routing.table import parse_address
from store.records import (
    DtmfMode,
    MediaEncryption,
    NumberFormat,
    SrtpKeying,
    SymmetricRtp,
    TrunkInbound,
    TrunkOutbound,
    TrunkSignalling,
    TrunkStir,
)
from store.trunk_dialog_records import TrunkDialog
from store.trunk_identity_records import NumberWriting, TrunkHeaders, TrunkRates

CODECS = ("PCMU", "PCMA", "G722", "OPUS", "L16")
DEFAULT_CODECS = ("PCMU", "PCMA")

_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?=[^:]{1,253}(?::|\Z))[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
    r"(?::(?P<port>[0-9]{1,5}))?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrunk:
    """Meanings as in `store.records.Trunk`; at least one of the two sides is needed."""

    name: str
    inbound: TrunkInbound | None = None
    outbound: TrunkOutbound | None = None
    number_format: NumberFormat = NumberFormat.E164
    default_country: str | None = None
    codecs: tuple[str, ...] = DEFAULT_CODECS
    enabled: bool = True
    dtmf: DtmfMode = DtmfMode.AUTO
    media_encryption: MediaEncryption = MediaEncryption.ALLOW
    srtp_keying: SrtpKeying = SrtpKeying.SDES
    stir: TrunkStir = field(default_factory=TrunkStir)
    dialog: TrunkDialog = field(default_factory=TrunkDialog)
    number_writing: NumberWriting = field(default_factory=NumberWriting)
    headers: TrunkHeaders = field(default_factory=TrunkHeaders)
    rates: TrunkRates = field(default_factory=TrunkRates)
    symmetric: SymmetricRtp = SymmetricRtp.AUTO
    signalling: TrunkSignalling = field(default_factory=TrunkSignalling)
    max_concurrent_calls: int | None = None


def checked_trunk(trunk: NewTrunk) -> NewTrunk:
    """The trunk in canonical form. Raises `InvalidRequestError` with `details["field"]`."""
    if not 1 <= len(trunk.name) <= 100:
        raise InvalidRequestError("The name must have 1 to 100 characters.", field="name")
    if trunk.inbound is None and trunk.outbound is None:
        raise InvalidRequestError("A trunk needs an inbound or an outbound side.", field="inbound")
    country = trunk.default_country.upper() if trunk.default_country else None
    if country is not None and not is_country(country):
        raise InvalidRequestError(
            f"{trunk.default_country!r} is not an ISO 3166 country code.", field="default_country"
        )
    if trunk.number_format is NumberFormat.NATIONAL and country is None:
        raise InvalidRequestError("National numbers need a default_country.", field="default_country")
    codecs = tuple(codec.upper() for codec in trunk.codecs)
    if not codecs or any(codec not in CODECS for codec in codecs) or len(set(codecs)) != len(codecs):
        raise InvalidRequestError(f"The codecs must be one or more of {', '.join(CODECS)}.", field="codecs")
    check_signalling(trunk.signalling)
    check_to_registered(trunk.inbound, trunk.outbound)
    check_identity(trunk.number_writing, trunk.headers, trunk.outbound)
    return replace(
        trunk,
        inbound=None if trunk.inbound is None else _checked_inbound(trunk.inbound),
        outbound=None if trunk.outbound is None else _checked_outbound(trunk.outbound),
        default_country=country,
        codecs=codecs,
    )


def _checked_inbound(inbound: TrunkInbound) -> TrunkInbound:
    where = "inbound.allowed_addresses"
    if not inbound.allowed_addresses and inbound.digest is None:
        raise InvalidRequestError(
            "An inbound side needs allowed_addresses, or auth_username and auth_password: without any of them"
            " anybody could call in.",
            field=where,
        )
    if inbound.digest is not None and not inbound.digest.ha1_sha256:
        raise InvalidRequestError(
            "auth_username and auth_password go together.", field="inbound.auth_password"
        )
    check_registrar(inbound)
    return replace(inbound, allowed_addresses=checked_networks(inbound.allowed_addresses, where))


def _checked_outbound(outbound: TrunkOutbound) -> TrunkOutbound:
    if outbound.to_registered is None:
        _check_address(outbound.address, "outbound.address")
    if (outbound.auth_username is None) != (outbound.auth_password is None):
        raise InvalidRequestError(
            "auth_username and auth_password go together.",
            field="outbound.auth_password" if outbound.auth_password is None else "outbound.auth_username",
        )
    if outbound.from_host is not None:
        _check_address(outbound.from_host, "outbound.from_host")
    if outbound.proxy is not None:
        _check_address(outbound.proxy, "outbound.proxy")
    for index, target in enumerate(outbound.targets):
        _check_address(target.address, f"outbound.targets.{index}.address")
    check_targets(outbound)
    check_outbound_extras(outbound)
    return outbound


def _check_address(address: str, field: str) -> None:
    """host, host:port, IPv4, [IPv6] or [IPv6]:port."""
    match = _ADDRESS.match(address)
    good = match is not None
    if match is not None and match["v6"] is None:
        # As a name is looked up (RFC 1035 section 2.3.4).
        labels = address.partition(":")[0].split(".")
        good = all(1 <= len(label) <= 63 for label in labels)
    if match is not None and match["v6"] is not None:
        good = ":" in match["v6"] and parse_address(match["v6"]) is not None
    if match is not None and match["port"] is not None:
        good = good and 1 <= int(match["port"]) <= 65535
    if not good:
        raise InvalidRequestError(
            f"{address[:64]!r} is not host or host:port (IPv6 in square brackets).",
            field=field,
            value=address[:64],
        )
