"""Whom a call may be transferred to, and how that is written on its trunk."""

from __future__ import annotations

from gateway.errors import InvalidRequestError
from routing.emergency import is_emergency
from routing.numbers import NumberRule, is_e164, write_number
from sip.errors import ParseError
from sip.uri import SipUri
from store.records import Trunk

LONGEST_TARGET = 512
_SCHEMES = ("sip:", "sips:", "tel:")


def transfer_uri(target: str, trunk: Trunk | None, peer_authority: str) -> str:
    """The URI for a target that is an E.164 number or a SIP URI. A number is written as the trunk does, at
    the trunk's own address, or the peer's (`peer_authority`) when calls are not sent there. Raises
    `InvalidRequestError`.
    """
    if target.lower().startswith(_SCHEMES):
        uri = _checked_uri(target)
        number = uri.telephone_number
        if number is not None and is_emergency(number, number):
            raise _emergency()
        return target
    if not is_e164(target):
        raise InvalidRequestError(
            "The target must be a number in E.164 form (+ and the country code first) or a SIP URI.",
            field="target",
        )
    written = target
    country = None if trunk is None else trunk.default_country
    if trunk is not None:
        written = write_number(target, NumberRule(trunk.number_format.value), country)
    if is_emergency(target, written, country):
        raise _emergency()
    outbound = None if trunk is None else trunk.outbound
    return f"sip:{written}@{peer_authority if outbound is None else outbound.address}"


def _checked_uri(target: str) -> SipUri:
    try:
        uri = SipUri.parse(target)
    except ParseError as error:
        raise InvalidRequestError(f"The target is not a SIP URI: {error.reason}.", field="target") from error
    if len(target) > LONGEST_TARGET or uri.headers:
        raise InvalidRequestError("The target must be a URI without headers.", field="target")
    return uri


def _emergency() -> InvalidRequestError:
    return InvalidRequestError(
        "Calls are not transferred to emergency numbers.", code="emergency_number", field="target"
    )
