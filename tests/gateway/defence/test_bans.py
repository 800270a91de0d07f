from __future__ import annotations

import pytest

from gateway.defence import bans as module
from gateway.defence.bans import Bans, source_of
from gateway.errors import NotFoundError


def test_strikes_within_the_window_are_a_ban_for_a_time() -> None:
    bans = Bans(after=3, window_s=10, time_s=100)
    assert [bans.strike("192.0.2.1", "guessing", at) for at in (0, 1, 2)] == [False, False, True]
    assert bans.holds("192.0.2.1", 3)
    assert not bans.holds("192.0.2.2", 3)
    assert bans.list(10, 0, 4).items[0].dropped == 1
    assert not bans.holds("192.0.2.1", 102)
    assert len(bans) == 0


def test_strikes_far_apart_are_forgiven() -> None:
    bans = Bans(after=3, window_s=10, time_s=100)
    assert not any(bans.strike("192.0.2.1", "guessing", at) for at in range(0, 100, 6))


def test_nobody_is_banned_where_that_is_switched_off() -> None:
    bans = Bans(after=0, window_s=10, time_s=100)
    bans.ban("192.0.2.1", "scanner", 0)
    assert not any(bans.strike("192.0.2.1", "guessing", 0) for _ in range(100))
    assert not bans.holds("192.0.2.1", 0)


def test_an_ipv6_source_is_its_64() -> None:
    bans = Bans(after=1, window_s=10, time_s=100)
    bans.strike("2001:db8::1", "guessing", 0)
    assert bans.holds("2001:db8::ffff", 1)
    assert not bans.holds("2001:db8:0:1::1", 1)
    assert source_of("::ffff:192.0.2.1") == "192.0.2.1"
    bans.lift("2001:db8::/64")
    with pytest.raises(NotFoundError):
        bans.lift("2001:db8::1")


def test_a_ban_that_is_over_is_not_listed() -> None:
    bans = Bans(after=1, window_s=10, time_s=100)
    bans.strike("192.0.2.1", "guessing", 0)
    assert bans.list(10, 0, 101).total == 0


def test_bans_and_strikes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BANS", 3)
    monkeypatch.setattr(module, "MOST_STRUCK", 3)
    bans = Bans(after=2, window_s=10, time_s=100)
    for last in range(6):
        bans.strike(f"192.0.2.{last}", "guessing", 0)
        bans.ban(f"198.51.100.{last}", "scanner", 0)
    assert len(bans) == 3
    assert len(bans._strikes) == 3
    assert bans.list(1, 0, 0).items[0].source == "198.51.100.5"
