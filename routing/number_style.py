"""How one trunk writes numbers: its number format, with or without a leading plus, behind a prefix.

Checks of what may be called look at the number as it is meant and as it is written: a prefix must neither
hide a number nor make another one of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from routing.emergency import is_emergency
from routing.numbers import (
    MIN_DIGITS_WITHOUT_PLUS,
    NumberRule,
    ReadNumber,
    is_e164,
    read_number,
    write_number,
)

KEEP, ADD, STRIP = "keep", "add", "strip"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """`leading_plus` is keep, add or strip; `tech_prefix` stands before numbers that are called, and before
    no others.
    """

    rule: NumberRule = NumberRule.E164
    default_country: str | None = None
    leading_plus: str = KEEP
    tech_prefix: str = ""

    def written(self, e164: str) -> str:
        """A number of ours, or of whom we call, without the prefix."""
        number = write_number(e164, self.rule, self.default_country)
        if self.leading_plus == ADD and not number.startswith("+"):
            return "+" + number
        return number.removeprefix("+") if self.leading_plus == STRIP else number

    def dialled(self, e164: str) -> str:
        """The number as it is called."""
        return self.tech_prefix + self.written(e164)

    def is_emergency(self, e164: str) -> bool:
        """Whether calling `e164` may reach emergency services, by any way in which it may be read."""
        readings = {self.written(e164), self.dialled(e164)}
        return any(is_emergency(e164, reading, self.default_country) for reading in readings)

    def read(self, raw: str) -> ReadNumber:
        """A number from the trunk's wire. Where the trunk adds or drops the plus, its far side may too."""
        read = read_number(raw, self.rule, self.default_country)
        if read.e164 is not None or self.leading_plus == KEEP:
            return read
        text = read.key
        if text.startswith("+"):
            other = read_number(text[1:], self.rule, self.default_country)
        elif len(text) >= MIN_DIGITS_WITHOUT_PLUS and is_e164("+" + text):
            other = ReadNumber(raw, "+" + text, "+" + text, "is E.164 with the plus that was dropped")
        else:
            return read
        if other.e164 is None:
            return read
        return replace(other, raw=raw, finding=f"{other.finding} (leading_plus {self.leading_plus})")
