"""Whom a call may be transferred to, and how that is written on its trunk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gateway.errors import ForbiddenError, InvalidRequestError
from routing.emergency import is_emergency
from routing.numbers import MIN_DIGITS_WITHOUT_PLUS, NumberRule, is_e164, read_number, write_number
from sip.errors import ParseError
from sip.uri import SipUri
from store.records import Trunk

LONGEST_TARGET = 512
_SCHEMES = ("sip:", "sips:", "tel:")

MayTransfer = Callable[[str, Sequence[str]], Awaitable[None]]
"""Asked with the organisation and the numbers that a transfer calls. Raises `ForbiddenError`."""


async def transfer_anywhere(organization_id: str, numbers: Sequence[str]) -> None:
    """Nothing is forbidden."""


def transfer_uri(target: str, trunk: Trunk | None, peer_authority: str) -> str:
    """The URI for a target that is an E.164 number or a SIP URI. A number is written as the trunk does, at
    the trunk's own address, or the peer's (`peer_authority`) when calls are not sent there. Raises
    `InvalidRequestError`, and `ForbiddenError` for an emergency number.
    """
    country = None if trunk is None else trunk.default_country
    if target.lower().startswith(_SCHEMES):
        uri = _checked_uri(target)
        number = uri.telephone_number
        called = (number or "", *_numbers_of(uri, country))
        if any(is_emergency(one, number or one, country) for one in called):
            raise _emergency()
        return target
    if not is_e164(target):
        raise InvalidRequestError(
            "The target must be a number in E.164 form (+ and the country code first) or a SIP URI.",
            field="target",
        )
    written = target
    if trunk is not None:
        written = write_number(target, NumberRule(trunk.number_format.value), country)
    if is_emergency(target, written, country):
        raise _emergency()
    outbound = None if trunk is None else trunk.outbound
    return f"sip:{written}@{peer_authority if outbound is None or not outbound.address else outbound.address}"


def dialled_numbers(target: str, trunk: Trunk | None) -> tuple[str, ...]:
    """The telephone number that a target which `transfer_uri` has accepted stands for, in E.164 form where it
    can be read as that; empty for an address without one, and for extensions.
    """
    if not target.lower().startswith(_SCHEMES):
        return (target,)
    return _numbers_of(SipUri.parse(target), None if trunk is None else trunk.default_country)


def _numbers_of(uri: SipUri, country: str | None) -> tuple[str, ...]:
    number = uri.telephone_number
    if number is None:
        return ()
    context = _phone_context(uri)
    if not number.startswith("+") and context.startswith("+"):
        number = context + number  # RFC 3966 section 5.1.5
    if len(number) < MIN_DIGITS_WITHOUT_PLUS:
        return ()
    rules = (NumberRule.E164,) if country is None else (NumberRule.NATIONAL, NumberRule.E164)
    for rule in rules:
        read = read_number(number, rule, country).e164
        if read is not None:
            return (read,)
    return (number,)


def _phone_context(uri: SipUri) -> str:
    """`phone-context` of a tel URI, or of the user part of a SIP URI."""
    own = uri.parameters.get("phone-context") if uri.scheme == "tel" else None
    for part in (uri.user or "").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.lower() == "phone-context":
            own = value
    return own or ""


def _checked_uri(target: str) -> SipUri:
    try:
        uri = SipUri.parse(target)
    except ParseError as error:
        raise InvalidRequestError(f"The target is not a SIP URI: {error.reason}.", field="target") from error
    if len(target) > LONGEST_TARGET or uri.headers:
        raise InvalidRequestError("The target must be a URI without headers.", field="target")
    return uri


def _emergency() -> ForbiddenError:
    return ForbiddenError(
        "Calls are not transferred to emergency numbers.", code="emergency_number", field="target"
    )
