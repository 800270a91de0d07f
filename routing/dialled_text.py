"""Which telephone numbers a text that somebody dials may reach.

A PBX or carrier takes a prefix off before it dials: an outside line (`9`, `0`), a feature code (`*67`, `9*`),
an account (`8899#`). What it takes off is known to it alone, so that every number which may be left counts:
whoever hides a premium number behind a prefix is to be held to the policy like everybody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from routing.number_style import NumberStyle
from routing.numbers import MIN_DIGITS_WITHOUT_PLUS, NumberRule, is_e164, read_number

LONGEST_DIALLED = 64
SHORTEST_ABROAD = 8  # digits of a number with its country code, behind what may be a prefix
_SEPARATORS = str.maketrans("", "", "-.() \t/")
_DIALLED = re.compile(r"[0-9*#+,;wpWP]+\Z")  # what a telephone can dial, pauses too
_PIECE = re.compile(r"\+?[0-9]+")
_OUTSIDE_LINES = ("0", "8", "9")
_INTERNATIONAL = ("011", "810", "0011", "00")


@dataclass(frozen=True, slots=True)
class DialledNumbers:
    """`numbers` are telephone numbers, in E.164 form where they have one; `codes` are all the pieces of
    digits, short ones too, among which an emergency code may be.
    """

    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def numbers_behind(dialled: str, style: NumberStyle, *, to_carrier: bool = False) -> DialledNumbers:
    """Every number that `dialled`, a user part without escapes, may reach on a trunk of this style.
    `to_carrier`: it is the trunk's far side that dials, which is known to take the `tech_prefix` off, so that
    what the digits are with it is nobody's number.
    """
    text = dialled.translate(_SEPARATORS)
    if len(text) > LONGEST_DIALLED or _DIALLED.match(text) is None:
        return DialledNumbers()
    pieces: dict[str, None] = {}  # in order, each once
    for match in _PIECE.finditer(text):
        pieces[match[0]] = None
    with_prefix: str | None = None
    if style.tech_prefix and text.startswith(style.tech_prefix):
        behind = _PIECE.match(text.removeprefix(style.tech_prefix))
        if behind is not None:
            pieces[behind[0]] = None
            first = _PIECE.match(text)
            with_prefix = None if first is None else first[0]
    numbers: dict[str, None] = {}
    for piece in pieces:
        if to_carrier and piece == with_prefix:
            continue
        for number in _readings(piece, style):
            numbers[number] = None
    codes = [*pieces, *(piece[1:] for piece in pieces if piece.startswith(_OUTSIDE_LINES))]
    return DialledNumbers(tuple(numbers), tuple(codes))


def _readings(piece: str, style: NumberStyle) -> list[str]:
    """The piece as it stands, and what is left of it behind an outside line and an international prefix."""
    if len(piece) < MIN_DIGITS_WITHOUT_PLUS:
        return []
    found = [_read(piece, style)]
    if piece.startswith("+"):
        return found
    behind = piece[1:] if piece.startswith(_OUTSIDE_LINES) else ""
    for start in (piece, behind):
        for prefix in _INTERNATIONAL:
            number = "+" + start.removeprefix(prefix)
            if start.startswith(prefix) and is_e164(number) and len(number) > SHORTEST_ABROAD:
                found.append(number)
    country = style.default_country
    if country is not None and behind and read_number(piece, NumberRule.NATIONAL, country).e164 is None:
        national = read_number(behind, NumberRule.NATIONAL, country).e164
        if national is not None:
            found.append(national)
    return found


def _read(piece: str, style: NumberStyle) -> str:
    country = style.default_country
    rules = (NumberRule.E164,) if country is None else (NumberRule.NATIONAL, NumberRule.E164)
    for rule in rules:
        read = read_number(piece, rule, country).e164
        if read is not None:
            return read
    return piece
