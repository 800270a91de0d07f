"""What a page sees of its call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.browser_calls.page_feed import PAGES, AgentState, Page, PageFeed
from gateway.call import Call
from gateway.errors import LimitExceededError
from gateway.failure_reasons import EndReason, FailureReason
from store.records import CallDirection, CallRecord, CallStatus


def new_call(**settings: Any) -> Call:
    record = CallRecord(
        id="c",
        organization_id="o",
        status=CallStatus.QUEUED,
        direction=CallDirection.WEBRTC,
        agent_id="a",
        created_at=datetime.now(UTC),
        call_settings=settings,
    )
    return Call(record, lambda record, steps, names: None)


def say(call: Call, ordinal: int, text: str, *, role: str = "agent", final: bool = False) -> None:
    call.transcript.add(role, ordinal, text=text, delta=None, final=final, media_ms=0)
    call.announce("transcript", ordinal=ordinal)


async def waiting(page: Page) -> list[Any]:
    """All that waits for a page."""
    return [await page.next() for _ in range(len(page._waiting))]


class Seen:
    """A call in progress with an engine, and its states."""

    def __init__(self) -> None:
        self.call = new_call()
        self.feed = PageFeed(self.call)
        self.call.answer()
        self.feed.engine_there()

    def engine(self, state: str) -> AgentState:
        self.call.announce("agent-state", state=state)
        return self.feed.state

    def hears(self, speaking: bool) -> AgentState:
        self.feed.heard(speaking=speaking)
        return self.feed.state


def test_a_call_is_connecting_until_both_audio_and_agent_are_there() -> None:
    call = new_call()
    feed = PageFeed(call)
    assert feed.state is AgentState.CONNECTING
    call.answer()
    assert feed.state is AgentState.CONNECTING
    feed.engine_there()
    assert feed.state is AgentState.LISTENING


def test_the_agent_speaks_while_it_is_heard_whatever_the_engine_says() -> None:
    seen = Seen()
    assert seen.engine("thinking") is AgentState.THINKING
    assert seen.engine("speaking") is AgentState.THINKING, "nothing is heard yet"
    assert seen.hears(True) is AgentState.SPEAKING
    assert seen.engine("listening") is AgentState.SPEAKING, "the engine is ahead of what is heard"
    assert seen.hears(False) is AgentState.LISTENING
    assert seen.engine("idle") is AgentState.IDLE


def test_a_pause_between_two_sentences_is_not_the_end() -> None:
    seen = Seen()
    seen.engine("speaking")
    seen.hears(True)
    assert seen.hears(False) is AgentState.SPEAKING
    assert seen.engine("listening") is AgentState.LISTENING
    assert seen.engine("something new") is AgentState.LISTENING


async def test_a_page_sees_how_things_stand_and_then_what_happens() -> None:
    seen = Seen()
    say(seen.call, 0, "Hello", final=True)
    say(seen.call, 1, "I wou", role="user")
    seen.call.step("muted", side="caller")
    page = seen.feed.attach()
    assert await waiting(page) == [
        {"type": "state", "state": "listening"},
        {"type": "muted", "side": "caller", "muted": True},
        {"type": "transcript", "speaker": "agent", "text": "Hello", "isFinal": True, "ordinal": 0},
        {"type": "transcript", "speaker": "contact", "text": "I wou", "isFinal": False, "ordinal": 1},
    ]
    say(seen.call, 1, "I would like", role="user", final=True)
    seen.engine("thinking")
    seen.call.end(EndReason.AGENT_HANGUP)
    assert await waiting(page) == [
        {"type": "transcript", "speaker": "contact", "text": "I would like", "isFinal": True, "ordinal": 1},
        {"type": "state", "state": "ended", "reason": "agent-hangup"},
    ]
    assert await page.next() is None


async def test_a_page_that_does_not_read_gets_the_newest_of_each_thing() -> None:
    seen = Seen()
    page = seen.feed.attach()
    for length in range(1, 500):
        say(seen.call, 0, "x" * length)
        seen.engine("thinking" if length % 2 else "listening")
    messages = await waiting(page)
    assert [message["type"] for message in messages] == ["transcript", "state"]
    assert messages[0]["text"] == "x" * 499


async def test_an_engine_that_was_replaced_goes_on_counting() -> None:
    seen = Seen()
    say(seen.call, 0, "Hello", final=True)
    seen.call.transcript.continue_after_new_engine_call()
    page = seen.feed.attach()
    say(seen.call, 0, "Where were we?", final=True)
    texts = {message["ordinal"]: message["text"] for message in (await waiting(page))[1:]}
    assert texts == {0: "Hello", 1: "Where were we?"}


async def test_what_may_not_be_kept_as_text_is_not_shown() -> None:
    call = new_call(transcription_enabled=False)
    feed = PageFeed(call)
    call.transcript.add("agent", 0, text="Hello", delta=None, final=True, media_ms=0)
    assert [message["type"] for message in await waiting(feed.attach())] == ["state"]


async def test_a_page_that_comes_back_after_the_end_learns_how_it_ended() -> None:
    call = new_call()
    feed = PageFeed(call)
    call.fail(FailureReason.NO_ANSWER)
    page = feed.attach()
    assert await page.next() == {"type": "state", "state": "ended", "reason": "no-answer"}
    assert await page.next() is None


def test_pages_come_and_go_and_are_few() -> None:
    feed = PageFeed(new_call())
    assert not feed.abandoned, "nobody was there who could have left"
    pages = [feed.attach() for _ in range(PAGES)]
    with pytest.raises(LimitExceededError):
        feed.attach()
    for page in pages:
        assert not feed.abandoned
        feed.detach(page, left=True)
    assert feed.abandoned
    page = feed.attach()
    assert not feed.abandoned
    feed.detach(page, left=False)
    assert not feed.abandoned, "it may come back"
