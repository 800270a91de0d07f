"""The conversation by its effects: states, transcripts, interruption, tools, reminders, ends."""

from __future__ import annotations

from dataclasses import replace

from local_engine.call_settings import CallSettings, FirstSpeaker
from local_engine.conversation import MAX_PENDING
from local_engine.faults import CallFaults
from local_engine.inactivity import EndBehavior, InactivityMessage
from local_engine.records import EndReason, Role
from local_engine.vad import VadSettings
from tests.local_engine.stage import FRAME_MS, WORD_MS, Stage, socket_settings, speech_of

USER_FIRST = FirstSpeaker(agent_first=False)


def settings(script: str = "", **changes: object) -> CallSettings:
    base = CallSettings(
        socket=socket_settings(),
        system_prompt=f"[scenario:script] {script}" if script else "",
        first_speaker=FirstSpeaker(agent_first=True, text="one two three four five six"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def joined(script: str = "", faults: CallFaults | None = None, **changes: object) -> Stage:
    stage = Stage(settings(script, **changes), faults=faults)
    stage.join()
    return stage


def test_the_agent_greets_first_and_then_listens() -> None:
    stage = joined()
    assert stage.wire.messages[0] == {"type": "call_started"}
    assert stage.states == ["thinking", "speaking"]
    stage.wait(6 * WORD_MS + 40)
    assert stage.states == ["thinking", "speaking", "listening"]
    assert stage.finals() == ["one two three four five six"]
    assert stage.wire.sent_ms == 6 * WORD_MS


def test_words_are_told_as_they_are_played() -> None:
    stage = joined()
    stage.wait(2 * WORD_MS + 60)
    told = [each.get("text") or each.get("delta") for each in stage.of_type("transcript")]
    assert told == ["one", " two", " three"]
    assert {each["ordinal"] for each in stage.of_type("transcript")} == {0}


def test_a_user_first_call_listens_and_says_nothing() -> None:
    stage = joined(first_speaker=USER_FIRST)
    stage.wait(3000)
    assert stage.states == ["listening"]
    assert not stage.wire.frames


def test_the_fallback_speaks_when_the_user_stays_silent() -> None:
    first = FirstSpeaker(agent_first=False, text="hello there", delay_s=2.0, fallback=True)
    stage = joined(first_speaker=first)
    stage.hear(1900, None)
    assert not stage.wire.frames
    stage.hear(200, None)
    assert stage.states == ["listening", "thinking", "speaking"]


def test_the_fallback_is_dropped_when_the_user_speaks() -> None:
    first = FirstSpeaker(agent_first=False, text="are you there", delay_s=2.0, fallback=True)
    stage = joined(first_speaker=first)
    stage.hear(600)
    stage.hear(4000, None)
    assert "are you there" not in stage.finals()
    assert len(stage.finals("user")) == 1


def test_a_delayed_greeting_waits_in_listening() -> None:
    stage = joined(first_speaker=FirstSpeaker(agent_first=True, text="hello", delay_s=0.5))
    stage.wait(480)
    assert stage.states == ["listening"]
    stage.wait(60)
    assert stage.states[-1] == "speaking"


def test_no_greeting_is_made_up_when_the_call_asks_for_none() -> None:
    stage = joined(first_speaker=FirstSpeaker(agent_first=True), greeting_prompt=False)
    stage.wait(1000)
    assert stage.states == ["listening"]


def test_a_turn_ends_after_the_endpoint_delay_and_is_answered() -> None:
    stage = joined('[{"wait": "user"}, {"say": "I heard you"}]', first_speaker=USER_FIRST)
    stage.hear(1000)
    stage.hear(360, None)
    assert stage.states == ["listening"]
    stage.hear(60, None)
    assert stage.states == ["listening", "thinking", "speaking"]
    (heard,) = stage.finals("user")
    assert heard == "[speech, 1.0 s]"
    start, end = stage.wire.heard_spans[0]
    assert start < 0
    assert 1000 < end < 1200


def test_barge_in_clears_before_the_state_changes_and_cuts_the_transcript() -> None:
    stage = joined()
    stage.wait(2 * WORD_MS)
    before = len(stage.wire.messages)
    stage.hear(200)
    after = [each for each in stage.wire.messages[before:] if each.get("final") is not False]
    assert [each["type"] for each in after] == ["playback_clear_buffer", "state", "transcript"]
    assert after[1]["state"] == "listening"
    assert after[2]["text"] == "one two three"
    spoken = [each.text for each in stage.wire.history if each.role is Role.AGENT]
    assert spoken == ["one two three"]


def test_barge_in_takes_the_minimum_interruption_and_no_longer() -> None:
    stage = joined(vad=VadSettings(minimum_interruption_ms=300.0))
    stage.hear(280)
    assert not stage.of_type("playback_clear_buffer")
    stage.hear(80)
    assert len(stage.of_type("playback_clear_buffer")) == 1


def test_what_was_played_before_the_interruption_is_recorded_and_no_more() -> None:
    stage = joined()
    stage.wait(500)
    stage.hear(160)
    played_ms = len(stage.wire.played_pcm[0]) / 16
    assert 500 < played_ms < 680
    assert stage.wire.sent_ms == 6 * WORD_MS


def test_a_short_noise_neither_interrupts_nor_counts_as_a_turn() -> None:
    stage = joined()
    stage.hear(60)
    stage.hear(600, None)
    stage.wait(2000)
    assert not stage.of_type("playback_clear_buffer")
    assert stage.finals() == ["one two three four five six"]
    assert stage.finals("user") == []


def test_an_uninterruptible_greeting_is_finished_and_the_turn_answered_after_it() -> None:
    first = FirstSpeaker(agent_first=True, text="one two three four five six seven", uninterruptible=True)
    stage = joined('[{"wait": "user"}, {"say": "yes"}]', first_speaker=first)
    stage.hear(500)
    stage.hear(1600, None)
    assert not stage.of_type("playback_clear_buffer")
    assert stage.finals()[0] == "one two three four five six seven"
    assert stage.finals("user") == ["[speech, 0.5 s]"]
    assert stage.finals()[-1] == "yes"


def test_speech_during_thinking_cancels_the_answer() -> None:
    stage = joined(
        '[{"wait": "user"}, {"say": "too late"}]', CallFaults(think_ms=1000), first_speaker=USER_FIRST
    )
    stage.hear(300)
    stage.hear(420, None)
    assert stage.states[-1] == "thinking"
    stage.hear(200)
    assert stage.states[-1] == "listening"
    stage.hear(2000, None)
    assert "too late" not in stage.finals()


def test_a_small_client_buffer_paces_the_audio_in_real_time() -> None:
    stage = joined(socket=socket_settings(buffer_ms=60))
    assert stage.wire.sent_ms == 60
    stage.wait(400)
    assert 440 <= stage.wire.sent_ms <= 480


def test_audio_waits_for_a_client_that_does_not_read() -> None:
    stage = Stage(settings())
    stage.wire.can_write = False
    stage.join()
    stage.wait(400)
    assert not stage.wire.frames
    stage.wire.can_write = True
    stage.wait(6 * WORD_MS + 60)
    assert stage.wire.sent_ms == 6 * WORD_MS
    assert stage.states[-1] == "listening"


def test_immediate_text_interrupts_and_comes_back_as_a_user_transcript() -> None:
    stage = joined('[{"wait": "text"}, {"say": "five"}]')
    stage.wait(300)
    stage.send('{"type":"user_text_message","text":"5","urgency":"immediate"}')
    assert len(stage.of_type("playback_clear_buffer")) == 1
    echoed = [each for each in stage.of_type("transcript") if each["role"] == "user"]
    assert echoed == [
        {"type": "transcript", "role": "user", "medium": "text", "text": "5", "final": True, "ordinal": 1}
    ]
    assert stage.states[-1] == "speaking"
    stage.wait(400)
    assert stage.finals()[-1] == "five"


def test_text_without_urgency_waits_for_the_end_of_the_utterance() -> None:
    stage = joined('[{"wait": "text"}, {"say": "later"}]')
    stage.wait(300)
    stage.send('{"type":"user_text_message","text":"hm"}')
    assert not stage.of_type("playback_clear_buffer")
    stage.wait(6 * WORD_MS + 400)
    assert stage.finals() == ["one two three four five six", "later"]


def test_text_for_later_is_remembered_and_not_answered() -> None:
    stage = joined('[{"wait": "text"}, {"say": "never"}]', first_speaker=USER_FIRST)
    stage.send('{"type":"user_text_message","text":"note","urgency":"later"}')
    stage.wait(1000)
    assert stage.states == ["listening"]
    assert [each.text for each in stage.wire.history] == ["note"]


def test_text_while_the_caller_speaks_waits_for_the_turn() -> None:
    stage = joined('[{"wait": "text"}, {"say": "right"}]', first_speaker=USER_FIRST)
    stage.hear(300)
    stage.send('{"type":"user_text_message","text":"hm"}')
    stage.hear(200)
    assert stage.states == ["listening"]
    stage.hear(500, None)
    assert "speaking" in stage.states


def test_a_forced_message_is_spoken_at_once_when_immediate() -> None:
    stage = joined()
    stage.wait(300)
    stage.send(
        '{"type":"forced_agent_message","content":"please hold","urgency":"immediate","uninterruptible":true}'
    )
    assert len(stage.of_type("playback_clear_buffer")) == 1
    stage.hear(300)
    assert len(stage.of_type("playback_clear_buffer")) == 1
    stage.wait(400)
    assert stage.finals()[-1] == "please hold"


def test_hang_up_speaks_its_message_and_ends_as_agent_hangup() -> None:
    stage = joined(first_speaker=USER_FIRST)
    stage.send('{"type":"hang_up","message":"good bye"}')
    assert stage.states[-1] == "speaking"
    stage.wait(300)
    assert stage.wire.end_reason is None
    stage.wait(160)
    assert stage.wire.end_reason is EndReason.AGENT_HANGUP
    assert stage.finals() == ["good bye"]


def test_hang_up_without_a_message_ends_at_once() -> None:
    stage = joined(first_speaker=USER_FIRST)
    stage.send('{"type":"hang_up"}')
    assert stage.wire.end_reason is EndReason.AGENT_HANGUP


def test_ping_is_answered_with_its_timestamp() -> None:
    stage = joined(first_speaker=USER_FIRST)
    stage.send('{"type":"ping","timestamp":12.5}')
    assert stage.of_type("pong") == [{"type": "pong", "timestamp": 12.5}]


def test_text_output_sends_transcripts_and_no_audio() -> None:
    stage = joined('[{"wait": "text"}, {"say": "in writing"}]', first_speaker=USER_FIRST)
    stage.send('{"type":"set_output_medium","medium":"text"}')
    stage.send('{"type":"user_text_message","text":"hm"}')
    stage.wait(100)
    assert not stage.wire.frames
    assert stage.of_type("transcript")[-1]["medium"] == "text"
    assert stage.finals() == ["in writing"]
    assert stage.states[-1] == "listening"


def test_reminders_chain_and_any_activity_starts_them_anew() -> None:
    chain = (
        InactivityMessage(2.0, "still there", EndBehavior.UNSPECIFIED),
        InactivityMessage(1.0, "last call", EndBehavior.UNSPECIFIED),
    )
    stage = joined(first_speaker=USER_FIRST, inactivity=chain)
    stage.hear(2100, None)
    stage.wait(2 * WORD_MS)
    assert stage.finals() == ["still there"]
    stage.send('{"type":"user_text_message","text":"yes","urgency":"later"}')
    stage.hear(1500, None)
    assert stage.finals() == ["still there"]
    stage.hear(600, None)
    stage.wait(2 * WORD_MS)
    assert stage.finals() == ["still there", "still there"]
    stage.hear(1600, None)
    assert stage.finals()[-1] == "last call"


def test_a_reminder_hangs_up_softly_unless_the_caller_speaks() -> None:
    chain = (InactivityMessage(1.0, "one two three four", EndBehavior.HANG_UP_SOFT),)
    silent = joined(first_speaker=USER_FIRST, inactivity=chain)
    silent.hear(2200, None)
    assert silent.wire.end_reason is EndReason.AGENT_HANGUP
    awake = joined(first_speaker=USER_FIRST, inactivity=chain)
    awake.hear(1200, None)
    awake.hear(400)
    awake.hear(900, None)
    assert awake.wire.end_reason is None


def test_a_strict_reminder_hangs_up_although_the_caller_speaks() -> None:
    chain = (InactivityMessage(1.0, "one two three", EndBehavior.HANG_UP_STRICT),)
    stage = joined(first_speaker=USER_FIRST, inactivity=chain)
    stage.hear(1100, None)
    stage.hear(800)
    assert stage.wire.end_reason is EndReason.AGENT_HANGUP
    assert stage.finals() == ["one two three"]


def test_the_longest_duration_ends_with_its_message_as_timeout() -> None:
    stage = joined(max_duration_s=1.0, time_exceeded_message="time is up")
    stage.wait(960)
    assert stage.wire.end_reason is None
    stage.wait(100)
    assert len(stage.of_type("playback_clear_buffer")) == 1
    stage.wait(3 * WORD_MS)
    assert stage.finals()[-1] == "time is up"
    assert stage.wire.end_reason is EndReason.TIMEOUT


def test_speech_that_arrives_late_is_spoken_on_the_next_tick() -> None:
    stage = Stage(settings())
    stage.wire.hold_speech = True
    stage.join()
    stage.wait(200)
    assert stage.states == ["thinking"]
    ((text, callback),) = stage.wire.held
    callback(speech_of(text))
    stage.conversation.rearm()
    stage.wait(FRAME_MS)
    assert stage.states == ["thinking", "speaking"]


def test_a_closed_call_keeps_what_was_heard_of_the_last_words() -> None:
    stage = joined()
    stage.wait(2 * WORD_MS + 60)
    stage.conversation.on_closed(stage.now)
    assert [each.text for each in stage.wire.history] == ["one two three"]
    sent = len(stage.wire.frames)
    stage.wait(1000)
    assert len(stage.wire.frames) == sent


def test_the_echo_scenario_echoes_only_while_listening() -> None:
    stage = Stage(replace(settings(), system_prompt="[scenario:echo]"))
    stage.join()
    assert not stage.conversation.echoing
    stage.wait(6 * WORD_MS + 60)
    assert stage.conversation.echoing


def test_what_waits_for_the_agent_is_bounded() -> None:
    stage = joined()
    for index in range(MAX_PENDING + 5):
        stage.send(f'{{"type":"user_text_message","text":"m{index}"}}')
    overflows = [note for note in stage.wire.notes if note[1] == "pending.overflow"]
    assert len(overflows) == 5


def test_switched_off_messages_are_not_sent() -> None:
    switches: dict[str, bool | None] = {
        "state": False,
        "playbackClearBuffer": False,
        "userStartedSpeaking": True,
    }
    stage = joined(socket=socket_settings(switches=switches))
    stage.hear(300)
    kinds = {message["type"] for message in stage.wire.messages}
    assert "state" not in kinds
    assert "playback_clear_buffer" not in kinds
    assert "user_started_speaking" in kinds


def test_silence_flows_in_real_time_when_the_knob_asks_for_it() -> None:
    stage = joined(faults=CallFaults(silence_frames=True), first_speaker=USER_FIRST)
    stage.wait(1000)
    assert 48 <= len(stage.wire.frames) <= 52
    assert not any(any(frame) for frame in stage.wire.frames)


def test_the_knobs_change_the_opening_and_the_end() -> None:
    stage = joined(faults=CallFaults(state_first=True, idle_at_end=True), first_speaker=USER_FIRST)
    assert [each["type"] for each in stage.wire.messages] == ["state", "call_started"]
    stage.send('{"type":"hang_up"}')
    assert stage.states[-1] == "idle"
    idle_first = joined(faults=CallFaults(idle_at_start=True), first_speaker=USER_FIRST)
    assert idle_first.states == ["idle", "listening"]


def test_a_farewell_may_be_cut_short_by_an_early_close() -> None:
    stage = joined(faults=CallFaults(close_before_played=True), first_speaker=USER_FIRST)
    stage.send('{"type":"hang_up","message":"good bye my friend"}')
    stage.wait(40)
    assert stage.wire.end_reason is EndReason.AGENT_HANGUP
    assert stage.wire.sent_ms == 4 * WORD_MS


def test_a_partial_user_transcript_comes_when_the_knob_asks_for_it() -> None:
    stage = joined(faults=CallFaults(partial_user_transcripts=True), first_speaker=USER_FIRST)
    stage.hear(200)
    assert [each["final"] for each in stage.of_type("transcript")] == [False]
