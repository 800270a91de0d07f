from __future__ import annotations

import pytest

from routing.emergency import is_emergency
from routing.numbers import NumberRule, write_number


@pytest.mark.parametrize("number", ["911", "112", "999", "+911", "+112", "+999", "000", "110"])
def test_a_well_known_emergency_code_is_one_wherever_it_is_dialled(number: str) -> None:
    assert is_emergency(number, number)


@pytest.mark.parametrize(
    "number", ["+1911", "+49112", "+49110", "+44999", "+61000", "+33112", "+81110", "+39113"]
)
def test_the_emergency_code_of_the_country_is_one(number: str) -> None:
    assert is_emergency(number, number)


def test_what_a_national_trunk_would_send_counts() -> None:
    written = write_number("+49112", NumberRule.NATIONAL, "DE")
    assert is_emergency("+49112", written, "DE")
    assert is_emergency("+498811", "192", "BR")


@pytest.mark.parametrize(
    "number", ["+14155550100", "+4930112112", "+442079991122", "+15550100", "+1911555010"]
)
def test_ordinary_numbers_are_not(number: str) -> None:
    assert not is_emergency(number, number)
