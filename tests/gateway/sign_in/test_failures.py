from __future__ import annotations

import pytest

from gateway.errors import LimitExceededError
from gateway.sign_in.failures import (
    FAILURES_OF_ADDRESS,
    FAILURES_OF_USER,
    MAX_SUBJECTS,
    WINDOW_S,
    Failures,
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_user_is_locked_out_after_ten_failures_from_anywhere_and_only_for_a_while() -> None:
    clock = Clock()
    failures = Failures(clock)
    for number in range(FAILURES_OF_USER):
        failures.require_room("192.0.2.1", "ada")
        failures.failed(f"198.51.100.{number}", "ada")
        clock.now += 1
    with pytest.raises(LimitExceededError) as refused:
        failures.require_room("192.0.2.1", "ada")
    assert refused.value.details["retry_after"] == WINDOW_S - FAILURES_OF_USER
    failures.require_room("192.0.2.1", "grace")
    clock.now += WINDOW_S - FAILURES_OF_USER
    failures.require_room("192.0.2.1", "ada")


def test_an_address_that_tries_many_names_is_locked_out() -> None:
    failures = Failures(Clock())
    for number in range(FAILURES_OF_ADDRESS):
        failures.failed("192.0.2.1", f"user{number}")
    with pytest.raises(LimitExceededError):
        failures.require_room("192.0.2.1", "another")
    with pytest.raises(LimitExceededError):
        failures.require_room("192.0.2.1", None)
    failures.require_room("192.0.2.2", "another")


def test_all_addresses_of_an_ipv6_subscriber_are_one() -> None:
    failures = Failures(Clock())
    for number in range(FAILURES_OF_ADDRESS):
        failures.failed(f"2001:db8:0:1::{number:x}", None)
    with pytest.raises(LimitExceededError):
        failures.require_room("2001:db8:0:1:ffff::1", None)
    failures.require_room("2001:db8:0:2::1", None)


def test_who_gets_in_starts_anew_but_his_address_does_not() -> None:
    failures = Failures(Clock())
    for _ in range(FAILURES_OF_USER):
        failures.failed("192.0.2.1", "ada")
    failures.succeeded("ada")
    failures.require_room("192.0.2.1", "ada")
    for _ in range(FAILURES_OF_ADDRESS - FAILURES_OF_USER):
        failures.failed("192.0.2.1", None)
    with pytest.raises(LimitExceededError):
        failures.require_room("192.0.2.1", "ada")


def test_a_flood_of_addresses_takes_no_more_memory_than_it_may() -> None:
    failures = Failures(Clock())
    for number in range(MAX_SUBJECTS + 10):
        failures.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", None)
    assert len(failures._failed) == MAX_SUBJECTS
