"""Emergency numbers: an AI agent never dials one unless the operator says so.

A number counts as one when it is a well-known emergency code by itself, when its national part is the
emergency code of its country, or when what the trunk would send is one: `+49112` written nationally is
`112`.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import shortnumberinfo

# Codes that mean emergency (988: crisis line) somewhere, refused wherever the call goes.
WELL_KNOWN = frozenset({"000", "110", "111", "112", "113", "118", "119", "911", "933", "988", "995", "999"})
_LONGEST_CODE = 6


@lru_cache(maxsize=8192)
def is_emergency(e164: str, written: str, trunk_country: str | None = None) -> bool:
    """Whether calling `e164`, sent as `written` in `trunk_country`, may reach emergency services."""
    digits = written.removeprefix("+")
    if digits in WELL_KNOWN or e164.removeprefix("+") in WELL_KNOWN:
        return True
    if trunk_country is not None and len(digits) <= _LONGEST_CODE and _is_code(digits, trunk_country):
        return True
    for length in (1, 2, 3):  # a country code has one to three digits
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(_number(e164[1 : 1 + length]))
        national = e164[1 + length :]
        if (
            regions
            and len(national) <= _LONGEST_CODE
            and any(_is_code(national, region) for region in regions)
        ):
            return True
    return False


def _is_code(digits: str, region: str) -> bool:
    return bool(digits) and bool(shortnumberinfo.is_emergency_number(digits, region))


def _number(digits: str) -> int:
    return int(digits) if digits.isdigit() else 0
