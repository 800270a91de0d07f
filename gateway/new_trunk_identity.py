"""What number writing, caller identity and headers of a new trunk must fulfil."""

from __future__ import annotations

import re

from gateway.errors import InvalidRequestError
from routing.numbers import is_e164
from store.records import TrunkOutbound
from store.trunk_identity_records import NumberWriting, TrunkHeaders

MOST_HEADERS = 32
LONGEST_HEADER = 1_024  # bytes

_PREFIX = re.compile(r"[0-9#*]{1,16}")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,?/-]{1,64}")
_NAME = re.compile(r"[Xx]-[A-Za-z0-9_.-]{1,62}")
_PATTERN = re.compile(r"[Xx]-[A-Za-z0-9_.-]{0,61}\*?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check_identity(writing: NumberWriting, headers: TrunkHeaders, outbound: TrunkOutbound | None) -> None:
    """Raises `InvalidRequestError`."""
    if writing.tech_prefix is not None and _PREFIX.fullmatch(writing.tech_prefix) is None:
        raise InvalidRequestError("A prefix has 1 to 16 digits, # or *.", field="number_writing.tech_prefix")
    fitting = all(_PATTERN.fullmatch(name) is not None for name in headers.inbound)
    if len(headers.inbound) > MOST_HEADERS or not fitting:
        raise InvalidRequestError(
            "Headers that become variables begin with X-; a star at the end stands for any more.",
            field="headers.inbound",
        )
    check_sip_headers(headers.outbound or {}, "headers.outbound")
    if outbound is None:
        return
    identity = outbound.caller_identity
    if identity.from_user is not None and _USER.fullmatch(identity.from_user) is None:
        raise InvalidRequestError(
            "This is not the user part of a SIP URI.", field="outbound.caller_identity.from_user"
        )
    if identity.diversion is not None and not is_e164(identity.diversion):
        raise InvalidRequestError("The number is not E.164.", field="outbound.caller_identity.diversion")


def check_sip_headers(headers: dict[str, str], field: str) -> None:
    """Headers that go into an INVITE as they are: X- alone, one line each, within limits. Raises
    `InvalidRequestError`.
    """
    if len(headers) > MOST_HEADERS:
        raise InvalidRequestError(f"At most {MOST_HEADERS} headers are passed on.", field=field)
    if len({name.lower() for name in headers}) != len(headers):
        raise InvalidRequestError("A header is named twice.", field=field)
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise InvalidRequestError("Header names begin with X-.", field=field)
        if _CONTROL.search(value) is not None or len(value.encode(errors="replace")) > LONGEST_HEADER:
            raise InvalidRequestError(
                f"A header's value is one line of at most {LONGEST_HEADER} bytes.", field=f"{field}.{name}"
            )
