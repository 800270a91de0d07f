"""Where an organisation may call: countries, prefixes, and no premium-rate numbers unless it says so.

Who gets hold of a key, or talks an agent into it, calls numbers that pay whoever is called: satellite and
premium-rate numbers, and countries that the organisation never calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

# Numbers of no country that are dear everywhere: satellite (870, 881), networks (882, 883), premium (979).
DEAR_CODES = ("+870", "+881", "+882", "+883", "+979")
_PREMIUM = (PhoneNumberType.PREMIUM_RATE,)


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """ISO 3166 countries and E.164 prefixes that may be called, where either is given: one of them must fit.
    A prefix that fits allows a premium-rate number too.
    """

    countries: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    allow_premium: bool = False


@dataclass(frozen=True, slots=True)
class DestinationRefusal:
    """A no. `code` is the word of the public API."""

    code: str
    message: str
    fix: str


def refused_destination(rules: DestinationRules, e164: str) -> DestinationRefusal | None:
    """Why `e164` may not be called, if it may not."""
    if any(e164.startswith(prefix) for prefix in rules.prefixes):
        return None
    country, premium = _country_and_cost(e164)
    if premium and not rules.allow_premium:
        return DestinationRefusal(
            "premium_number",
            f"{e164} is a premium-rate or satellite number, which agents do not call.",
            "Set allow_premium of the outbound policy, or add the number's prefix to allowed_prefixes.",
        )
    if (rules.countries or rules.prefixes) and country not in rules.countries:
        where = country or "no known country"
        return DestinationRefusal(
            "destination_not_allowed",
            f"{e164} ({where}) is not among the destinations that this organisation calls.",
            "Add its country to allowed_countries of the outbound policy, or its prefix to allowed_prefixes.",
        )
    return None


@lru_cache(maxsize=8192)
def _country_and_cost(e164: str) -> tuple[str | None, bool]:
    """The country, and whether the number is dear."""
    if e164.startswith(DEAR_CODES):
        return None, True
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None, False
    country = phonenumbers.region_code_for_number(number)
    if country is None:
        regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
        country = regions[0] if len(regions) == 1 else None
    return country, phonenumbers.number_type(number) in _PREMIUM
