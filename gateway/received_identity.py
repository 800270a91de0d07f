"""What an INVITE tells of its caller and of its way here, beside the number called.

All of it is a stranger's word, repeated by a trunk that is trusted to call us. It may be shown and told to
the agent, under names that begin with `sip_`; it decides nothing, but for the number called where the trunk
routes by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from gateway.untrusted_variables import WIRE_PREFIX
from gateway.wire_text import keepable
from routing.number_style import NumberStyle
from sip.errors import SipError
from sip.grammar import readable
from sip.headers import NameAddr, split_comma
from sip.message import Request
from store.trunk_identity_records import TrunkHeaders

MOST_HEADERS = 32
MOST_ADDRESSES = 16
LONGEST_VALUE = 1_024
LONGEST_WORD = 64
ANONYMOUS_HOST = "anonymous.invalid"

_HIDING = frozenset({"id", "user"})  # of the Privacy values, those that hide who calls
_NOT_OF_A_NAME = re.compile("[^a-z0-9]+")
# RFC 4458 and 7544: causes in a History-Info entry, in the words of RFC 5806.
_REASON_OF_CAUSE = {
    "302": "unconditional",
    "404": "unknown",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
}


@dataclass(frozen=True, slots=True)
class Diverted:
    """Whom the caller dialled before the call was diverted to us, as it was written."""

    user: str
    reason: str | None
    header: str


@dataclass(frozen=True, slots=True)
class ReceivedIdentity:
    """`asserted_user` and `party_user` are of P-Asserted-Identity and Remote-Party-ID."""

    asserted_user: str | None = None
    party_user: str | None = None
    private: bool = False
    diverted: Diverted | None = None
    to_user: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedDetails:
    """The same for the call object and as variables."""

    details: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def received_identity(request: Request) -> ReceivedIdentity:
    """Raises `SipError` when From or To cannot be read; what else cannot is as if it were not there."""
    private = request.from_.uri.host.lower() == ANONYMOUS_HOST
    for value in request.get_all("Privacy"):
        words = {word.strip().lower() for word in value.replace(",", ";").split(";")}
        private = private or not _HIDING.isdisjoint(words)
    parties = (
        address
        for address in _addresses(request, "Remote-Party-ID")
        if (address.parameters.get("party") or "calling").lower() == "calling"
    )
    party = next(parties, None)
    if party is not None:
        private = private or (party.parameters.get("privacy") or "off").lower() in ("full", "uri", "on")
    asserted = (_user(address) for address in _addresses(request, "P-Asserted-Identity"))
    return ReceivedIdentity(
        asserted_user=next((user for user in asserted if user), None),
        party_user=None if party is None else _user(party),
        private=private,
        diverted=_by_diversion(request) or _by_history(request),
        to_user=request.to.uri.user_decoded or None,
    )


def received_details(
    request: Request, headers: TrunkHeaders, style: NumberStyle, *, anonymous: bool
) -> ReceivedDetails:
    """What is shown of it: of the headers those that the trunk lets in. Raises as `received_identity`."""
    details: dict[str, Any] = {}
    variables: dict[str, str] = {}
    if anonymous:
        details["anonymous"] = True
        variables[f"{WIRE_PREFIX}anonymous"] = "true"
    diverted = received_identity(request).diverted
    if diverted is not None:
        number = style.read(diverted.user)
        shown = keepable((number.e164 or number.key)[:LONGEST_WORD])
        details["diversion"] = {"number": shown, "reason": diverted.reason, "header": diverted.header}
        variables[f"{WIRE_PREFIX}diversion_number"] = shown
        if diverted.reason is not None:
            variables[f"{WIRE_PREFIX}diversion_reason"] = diverted.reason
    passed = _passed(request, headers)
    if passed:
        details["headers"] = passed
        for name, value in passed.items():
            word = _NOT_OF_A_NAME.sub("_", name.lower()).strip("_")
            variables.setdefault(f"{WIRE_PREFIX}header_{word}", value)
    return ReceivedDetails(details, variables)


def _passed(request: Request, headers: TrunkHeaders) -> dict[str, str]:
    """The headers that the trunk lets in, of several with one name the first."""
    found: dict[str, str] = {}
    exact = {name.lower() for name in headers.inbound if not name.endswith("*")}
    begins = tuple(name[:-1].lower() for name in headers.inbound if name.endswith("*"))
    for name, value in request.headers if headers.inbound else ():
        low = name.lower()
        # Whatever the trunk says: nothing but extension headers comes in this way.
        if not low.startswith("x-") or not (low in exact or low.startswith(begins)):
            continue
        if len(found) >= MOST_HEADERS:
            break
        found.setdefault(name[:LONGEST_WORD], keepable(readable(value))[:LONGEST_VALUE])
    return found


def _by_diversion(request: Request) -> Diverted | None:
    """RFC 5806: the newest diversion stands first, so that the last one names who was dialled."""
    found = [address for address in _addresses(request, "Diversion") if _user(address)]
    if not found:
        return None
    address = found[-1]
    if (address.parameters.get("privacy") or "off").lower() in ("full", "uri"):
        return None
    return Diverted(_user(address) or "", _word(address.parameters.get("reason")), "Diversion")


def _by_history(request: Request) -> Diverted | None:
    """RFC 7044: the oldest entry first. Without a cause nothing was diverted, only routed."""
    entries = _addresses(request, "History-Info")
    if len(entries) < 2 or not _user(entries[0]):
        return None
    reason = None
    try:
        if (entries[0].uri.header("Privacy") or "none").lower() != "none":
            return None
        causes = [entry.uri.parameters.get("cause") or "" for entry in entries]
    except SipError:
        return None
    reason = next((_REASON_OF_CAUSE[cause] for cause in causes if cause in _REASON_OF_CAUSE), None)
    return None if reason is None else Diverted(_user(entries[0]) or "", reason, "History-Info")


def _addresses(request: Request, name: str) -> list[NameAddr]:
    """The addresses in a header that can be read."""
    found: list[NameAddr] = []
    for value in request.get_all(name):
        for part in split_comma(value):
            try:
                found.append(NameAddr.parse(part))
            except SipError:
                continue
            if len(found) >= MOST_ADDRESSES:
                return found
    return found


def _user(address: NameAddr) -> str | None:
    try:
        return address.uri.user_decoded or None
    except SipError:
        return None


def _word(text: str | None) -> str | None:
    return None if text is None else keepable(readable(text.strip('"').lower()))[:LONGEST_WORD] or None
