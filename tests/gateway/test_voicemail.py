"""A message on a machine: the wait for the beep, the words, the end. Times are shortened by the settings."""

import asyncio
from collections.abc import Callable

import pytest

import gateway.voicemail
from gateway.call import Call
from gateway.configuration.media import AmdSection
from gateway.failure_reasons import EndReason
from gateway.voicemail import Voicemail
from tests.gateway.control_log import ControlLog, outbound_call


class Scene:
    def __init__(self, message: str | None = "Call me back.", **settings: float) -> None:
        self.control = ControlLog()
        self.call: Call = outbound_call()
        self.voicemail = Voicemail(self.call, self.control, AmdSection(**settings), message)  # type: ignore[arg-type]

    def steps(self) -> list[str]:
        return [event.kind for event in self.call.timeline]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0)


async def test_while_the_machine_talks_neither_hears_the_other() -> None:
    scene = Scene()
    scene.voicemail.machine_answered()
    assert scene.control.muted == [(True, True)]
    assert scene.control.told == []
    assert scene.voicemail.active
    scene.voicemail.close()


async def test_after_the_beep_the_message_is_spoken_and_then_the_call_ends() -> None:
    scene = Scene()
    scene.voicemail.machine_answered()
    scene.voicemail.beep()
    assert scene.control.muted[-1] == (True, False)
    assert scene.control.told == [
        {
            "type": "forced_agent_message",
            "content": "Call me back.",
            "uninterruptible": True,
            "urgency": "immediate",
        }
    ]
    scene.voicemail.engine_state("speaking")
    assert scene.control.ended == []
    scene.voicemail.engine_state("listening")
    assert scene.control.ended == [EndReason.VOICEMAIL]
    assert scene.call.record.outcome == "voicemail"
    assert scene.steps() == ["voicemail-waiting", "voicemail-message", "voicemail-over"]


async def test_without_words_of_its_own_the_agent_is_told_to_find_some() -> None:
    scene = Scene(message=None)
    scene.voicemail.machine_answered()
    scene.voicemail.beep()
    (told,) = scene.control.told
    assert told["type"] == "user_text_message"
    assert told["urgency"] == "immediate"
    assert "answering machine" in told["text"]
    scene.voicemail.close()


async def test_what_the_agent_was_saying_before_is_not_taken_for_the_message() -> None:
    scene = Scene()
    scene.voicemail.machine_answered()
    scene.voicemail.beep()
    scene.voicemail.engine_state("listening")  # it gives up what it was saying to the machine
    scene.voicemail.engine_state("speaking")
    assert scene.control.ended == []
    scene.voicemail.engine_state("listening")
    assert scene.control.ended == [EndReason.VOICEMAIL]


async def test_an_agent_that_says_nothing_does_not_hold_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.voicemail, "SETTLE_S", 0.01)
    scene = Scene()
    scene.voicemail.machine_answered()
    scene.voicemail.beep()
    scene.voicemail.engine_state("listening")
    await until(lambda: scene.control.ended)
    assert scene.call.record.outcome is None


async def test_a_machine_that_never_beeps_is_spoken_to_after_the_longest_wait() -> None:
    scene = Scene(beep_timeout=0.01)
    scene.voicemail.machine_answered()
    await until(lambda: scene.control.told)
    assert scene.call.timeline[-1].detail == {"after": "timeout"}
    scene.voicemail.close()


async def test_a_machine_that_falls_silent_is_spoken_to_and_again_if_it_beeps_after_all() -> None:
    scene = Scene()
    scene.voicemail.machine_answered()
    scene.voicemail.greeting_ended()
    scene.voicemail.engine_state("speaking")
    assert len(scene.control.told) == 1
    scene.voicemail.beep()
    assert len(scene.control.told) == 2
    scene.voicemail.beep()
    assert len(scene.control.told) == 2
    scene.voicemail.close()


async def test_a_message_without_end_is_ended() -> None:
    scene = Scene(message_timeout=0.01)
    scene.voicemail.machine_answered()
    scene.voicemail.beep()
    scene.voicemail.engine_state("speaking")
    await until(lambda: scene.control.ended)
    assert scene.control.ended == [EndReason.VOICEMAIL]


async def test_an_engine_that_hangs_up_by_itself_ends_a_voicemail_call() -> None:
    scene = Scene()
    scene.voicemail.machine_answered()
    assert scene.control.engine_reasons == []
    scene.voicemail.beep()
    assert scene.control.engine_reasons == [EndReason.VOICEMAIL]
    scene.voicemail.close()


async def test_a_person_is_never_muted() -> None:
    scene = Scene()
    scene.voicemail.beep()
    scene.voicemail.greeting_ended()
    scene.voicemail.engine_state("speaking")
    scene.voicemail.engine_state("listening")
    assert scene.control == ControlLog()


async def test_after_the_end_of_the_call_nothing_happens_any_more() -> None:
    scene = Scene(beep_timeout=0.01)
    scene.voicemail.machine_answered()
    scene.voicemail.close()
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert scene.control.told == []
