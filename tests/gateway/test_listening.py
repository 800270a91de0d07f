import asyncio

import pytest

from gateway.errors import LimitExceededError
from gateway.listening import (
    LISTENERS_PER_CALL,
    QUEUE_LIMIT,
    TOKEN_LIFETIME_S,
    TOKEN_LIMIT,
    AudioDropped,
    CallListeners,
    ListenTokens,
)
from media.messages import AudioHeard


def batch(sequence: int) -> AudioHeard:
    return AudioHeard(leg_id="call", sequence=sequence, sample_rate=8000, audio=b"")


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_media_plane_is_asked_only_while_somebody_listens() -> None:
    switched: list[bool] = []
    listeners = CallListeners(switched.append)
    first, second = listeners.add(), listeners.add()
    assert switched == [True]
    listeners.remove(first)
    listeners.remove(first)
    assert switched == [True]
    listeners.remove(second)
    assert switched == [True, False]


async def test_every_listener_gets_every_batch() -> None:
    listeners = CallListeners(lambda on: None)
    both = [listeners.add(), listeners.add()]
    for sequence in (1, 2):
        listeners.heard(batch(sequence))
    for listener in both:
        assert [await listener.next(), await listener.next()] == [batch(1), batch(2)]


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    listeners = CallListeners(lambda on: None)
    slow = listeners.add()
    for sequence in range(1, QUEUE_LIMIT + 6):
        listeners.heard(batch(sequence))
    assert await slow.next() == AudioDropped(5)
    assert await slow.next() == batch(6)
    assert slow.dropped_batches == 5


async def test_audio_that_was_lost_on_its_way_here_is_told_too() -> None:
    listeners = CallListeners(lambda on: None)
    listener = listeners.add()
    listeners.heard(batch(7))
    listeners.heard(batch(11))
    assert await listener.next() == AudioDropped(3)
    assert [await listener.next(), await listener.next()] == [batch(7), batch(11)]


async def test_the_end_of_the_call_comes_behind_what_waits() -> None:
    switched: list[bool] = []
    listeners = CallListeners(switched.append)
    listener = listeners.add()
    listeners.heard(batch(1))
    listeners.end()
    assert await listener.next() == batch(1)
    assert await listener.next() is None
    listeners.remove(listener)
    assert switched == [True], "the leg is gone: nobody is to be told"
    assert await listeners.add().next() is None


async def test_a_listener_that_waits_is_woken() -> None:
    listeners = CallListeners(lambda on: None)
    waiting = asyncio.create_task(listeners.add().next())
    await asyncio.sleep(0)
    listeners.heard(batch(1))
    assert await asyncio.wait_for(waiting, 5) == batch(1)


def test_a_call_has_a_limited_number_of_listeners() -> None:
    listeners = CallListeners(lambda on: None)
    for _ in range(LISTENERS_PER_CALL):
        listeners.add()
    with pytest.raises(LimitExceededError) as refused:
        listeners.add()
    assert refused.value.code == "too_many_listeners"


def test_a_token_is_good_for_one_call_once_and_not_for_long() -> None:
    time = Time()
    tokens = ListenTokens(time)
    token = tokens.issue("call-1")
    assert tokens.redeem(token + "x") is None
    assert tokens.redeem(token) == "call-1"
    assert tokens.redeem(token) is None
    late = tokens.issue("call-1")
    time.now += TOKEN_LIFETIME_S
    assert tokens.redeem(late) is None


def test_tokens_that_nobody_uses_do_not_pile_up() -> None:
    time = Time()
    tokens = ListenTokens(time)
    for _ in range(TOKEN_LIMIT + 100):
        newest = tokens.issue("call")
    assert len(tokens._tokens) == TOKEN_LIMIT
    assert tokens.redeem(newest) == "call"
    time.now += TOKEN_LIFETIME_S
    tokens.issue("call")
    assert len(tokens._tokens) == 1
