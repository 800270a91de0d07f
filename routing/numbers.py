"""Telephone numbers: from what a trunk writes to E.164, and back.

Each trunk has a rule. Inside the gateway a number is E.164 with a leading plus (ITU-T E.164; `+` and at
most 15 digits); what came over the wire is kept beside it, because a guess that went wrong must be visible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

CACHE_SIZE = 8192
MAX_USER_LENGTH = 128  # a longer user part is no telephone number
# Digits without a plus are taken for an international number only from this length on: shorter ones are
# extensions and short codes, which a blind plus would turn into somebody else's number.
MIN_DIGITS_WITHOUT_PLUS = 7

_E164 = re.compile(r"\+[1-9][0-9]{1,14}\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
_SEPARATORS = str.maketrans("", "", "-.() \t/")  # RFC 3966 visual separators, and what people type
_ANONYMOUS = frozenset(
    {"", "anonymous", "unavailable", "unknown", "restricted", "private", "withheld", "invalid", "asterisk"}
)


class NumberRule(StrEnum):
    """How a trunk writes numbers."""

    E164 = "e164"  # +14155550100; 14155550100 and 0014155550100 are understood too
    NATIONAL = "national"  # as dialled within the trunk's country: 030 123456
    RAW = "raw"  # extensions and the like: compared letter by letter


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number read from the wire; `finding` says in words how, or why there is none.

    `raw` is what came, `key` what to look up: `e164` if there is one, otherwise the text without escapes and
    parameters.
    """

    raw: str
    e164: str | None
    key: str
    finding: str


def is_e164(text: str) -> bool:
    """Whether this is E.164 as our API writes it: `+`, then 2 to 15 digits, the first not 0."""
    return _E164.match(text) is not None


def is_withheld(text: str) -> bool:
    """Whether this stands where a caller's number would, and says that there is none."""
    return text.strip().lower() in _ANONYMOUS


def read_number(
    raw: str, rule: NumberRule = NumberRule.E164, default_country: str | None = None
) -> ReadNumber:
    """Read the user part of a SIP or tel URI by a trunk's rule. Never raises.

    `default_country` is the ISO 3166 code that `NATIONAL` numbers are dialled in.
    """
    if len(raw) > MAX_USER_LENGTH:  # not cached: strangers choose the text
        cut = raw[:MAX_USER_LENGTH]
        return ReadNumber(cut, None, cut, f"is longer than {MAX_USER_LENGTH} characters")
    return _read(raw, rule, default_country)


@lru_cache(maxsize=CACHE_SIZE)
def _read(raw: str, rule: NumberRule, default_country: str | None) -> ReadNumber:
    if _E164.match(raw):
        return ReadNumber(raw, raw, raw, "is E.164")
    text = _bare_user(raw)
    if text.lower() in _ANONYMOUS:
        return ReadNumber(raw, None, text, "is withheld")
    if rule is NumberRule.RAW:
        e164, finding = _read_raw(text)
        return ReadNumber(raw, e164, text, finding)
    plain = text.translate(_SEPARATORS)
    if _E164.match(plain):
        return ReadNumber(raw, plain, plain, "is E.164 once separators are removed")
    if not _DIGITS.match(plain.removeprefix("+")):
        return ReadNumber(raw, None, text, "is not a telephone number")
    if rule is NumberRule.NATIONAL:
        e164, finding = _read_national(plain, default_country)
    else:
        e164, finding = _read_e164(plain)
    return ReadNumber(raw, e164, e164 or text, finding)


def _bare_user(raw: str) -> str:
    """The user without escapes, parameters (RFC 3261 19.1.6: `;phone-context=...`) and surrounding blanks."""
    text = unquote(raw) if "%" in raw else raw
    return text.partition(";")[0].strip()


def _read_raw(text: str) -> tuple[str | None, str]:
    if _E164.match(text):
        return text, "is E.164"
    return None, "is taken as it is (number_format raw)"


def _read_e164(text: str) -> tuple[str | None, str]:
    if text.startswith("+"):
        return None, "starts with + but is not E.164 (2 to 15 digits, the first not 0)"
    if text.startswith("00"):
        if _E164.match("+" + text[2:]) and len(text) - 2 >= MIN_DIGITS_WITHOUT_PLUS:
            return "+" + text[2:], "had the prefix 00 in place of +"
        return None, "starts with 00 but no E.164 number follows"
    if text.startswith("0"):
        return None, "starts with 0: a national number, while the trunk's number_format is e164"
    if len(text) < MIN_DIGITS_WITHOUT_PLUS:
        return None, f"is too short for E.164 without + (under {MIN_DIGITS_WITHOUT_PLUS} digits)"
    if len(text) > 15:
        return None, "is longer than the 15 digits of E.164"
    return "+" + text, "had no +"


def _read_national(text: str, country: str | None) -> tuple[str | None, str]:
    parsed = _parse(text, country)
    if parsed is None:
        return None, f"is not a number as dialled in {country or 'an unknown country'}"
    # Stricter than `is_possible_number`, which lets numbers without their area code pass.
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None, f"has the wrong length for a number dialled in {country}"
    if len(text) < MIN_DIGITS_WITHOUT_PLUS and not phonenumbers.is_valid_number(parsed):
        return None, f"is an extension or a short code, not a subscriber's number in {country}"
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if not _E164.match(e164):
        return None, f"has no E.164 form as dialled in {country}"
    return e164, f"was dialled as in {country}"


@lru_cache(maxsize=CACHE_SIZE)
def write_number(e164: str, rule: NumberRule = NumberRule.E164, default_country: str | None = None) -> str:
    """How an E.164 number is written on a trunk's wire.

    `NATIONAL`: digits as dialled in `default_country`, with its international prefix for other countries.
    `E164` and `RAW` leave the number as it is.
    """
    if rule is not NumberRule.NATIONAL or default_country is None:
        return e164
    parsed = _parse(e164, None)
    if parsed is None:
        return e164
    if parsed.country_code == phonenumbers.country_code_for_region(default_country):
        dialled = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    else:
        dialled = phonenumbers.format_out_of_country_calling_number(parsed, default_country)
    return phonenumbers.normalize_digits_only(dialled) or e164


@lru_cache(maxsize=CACHE_SIZE)
def country_of(e164: str) -> str | None:
    """The ISO 3166 code of an E.164 number's country; `None` when it has none (satellite, unknown code)."""
    parsed = _parse(e164, None)
    if parsed is None or parsed.country_code is None:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    if region is None:  # unassigned ranges such as +1 555: the main country of the code
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


def is_country(code: str) -> bool:
    """Whether this is an ISO 3166 code (upper case) of a country with telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
