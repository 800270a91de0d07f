"""Whom a call may be transferred to, and how that is written on its trunk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.routed_records import number_style
from gateway.trunk_address import in_user, read_address
from routing.dialled_text import numbers_behind
from routing.emergency import is_emergency
from routing.number_style import NumberStyle
from routing.numbers import is_e164
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
    style = NumberStyle() if trunk is None else number_style(trunk)
    if target.lower().startswith(_SCHEMES):
        found = numbers_behind(_user_of(_checked_uri(target)), style)
        called = (*found.codes, *found.numbers)
        if any(is_emergency(one, one, style.default_country) for one in called):
            raise _emergency()
        return target
    if not is_e164(target):
        raise InvalidRequestError(
            "The target must be a number in E.164 form (+ and the country code first) or a SIP URI.",
            field="target",
        )
    if style.is_emergency(target):
        raise _emergency()
    outbound = None if trunk is None else trunk.outbound
    address = peer_authority if outbound is None or not outbound.address else outbound.address
    return f"sip:{in_user(style.dialled(target))}@{address}"


def dialled_numbers(target: str, trunk: Trunk | None) -> tuple[str, ...]:
    """The telephone numbers that a target which `transfer_uri` has accepted may stand for, in E.164 form
    where they can be read as that; empty for an address without one, and for extensions. All of them have
    to be allowed: what a prefix does is known to the far side alone.
    """
    if not target.lower().startswith(_SCHEMES):
        return (target,)
    style = NumberStyle() if trunk is None else number_style(trunk)
    uri = SipUri.parse(target)
    return numbers_behind(_user_of(uri), style, to_carrier=_is_carrier(uri, trunk)).numbers


def _is_carrier(uri: SipUri, trunk: Trunk | None) -> bool:
    """Whether the URI names an address that calls over the trunk go to."""
    if uri.scheme == "tel" or trunk is None or trunk.outbound is None:
        return False
    outbound = trunk.outbound
    addresses = [read_address(one) for one in (outbound.address, *(to.address for to in outbound.targets))]
    return any(uri.host == host and uri.port in (None, port) for host, port in addresses if host)


def _user_of(uri: SipUri) -> str:
    """The user part; with the digits of its context before it, where that has some (RFC 3966 5.1.5)."""
    user, context = uri.user_decoded, _phone_context(uri)
    return context + user if context.startswith("+") and not user.startswith("+") else user


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
    if uri.password is not None:
        # Some carriers dial what is behind the colon too, which no rule would have seen.
        raise InvalidRequestError("The target must be a URI without a password.", field="target")
    return uri


def _emergency() -> ForbiddenError:
    return ForbiddenError(
        "Calls are not transferred to emergency numbers.", code="emergency_number", field="target"
    )
