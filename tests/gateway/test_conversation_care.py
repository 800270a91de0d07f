from prometheus_client import CollectorRegistry

from gateway.configuration.media import AmdSection, WatchdogsSection
from gateway.conversation_care import ConversationCare, ConversationOptions
from gateway.metrics import GatewayMetrics
from media import messages as m
from tests.gateway.control_log import ControlLog, outbound_call


class Scene:
    def __init__(self, options: ConversationOptions) -> None:
        self.control = ControlLog()
        self.call = outbound_call()
        self.registry = CollectorRegistry()
        self.care = ConversationCare(
            self.call,
            self.control,
            GatewayMetrics(self.registry),
            AmdSection(),
            WatchdogsSection(),
            options,
        )

    def answered_by(self, who: str) -> None:
        self.care.take(m.AmdResult(leg_id="c1", answered_by=who, reason="r", decided_ms=1900, speech_ms=800))


def test_detection_starts_only_where_it_is_wanted() -> None:
    plain = Scene(ConversationOptions()).care.at_answer()
    assert [type(command) for command in plain] == [m.WatchSilence]
    wanted = Scene(ConversationOptions(detect_answering_machine=True)).care.at_answer()
    assert [type(command) for command in wanted] == [m.WatchSilence, m.StartAmd]
    leaving = Scene(ConversationOptions(leave_voicemail=True)).care.at_answer()
    assert [type(command) for command in leaving] == [m.WatchSilence, m.StartAmd]


def test_who_answered_is_kept_on_the_call_and_counted() -> None:
    scene = Scene(ConversationOptions(detect_answering_machine=True))
    scene.answered_by("human")
    assert scene.call.record.answered_by == "human"
    assert scene.call.timeline[-1].kind == "answered-by"
    assert scene.registry.get_sample_value("trunkline_answered_by_total", {"answered_by": "human"}) == 1
    assert scene.control == ControlLog()


def test_a_machine_that_gets_no_message_is_left_to_the_agent() -> None:
    scene = Scene(ConversationOptions(detect_answering_machine=True))
    scene.answered_by("machine")
    scene.care.take(m.BeepDetected(leg_id="c1", frequency_hz=1000, duration_ms=300))
    assert scene.control == ControlLog()
    assert [event.kind for event in scene.call.timeline] == ["answered-by", "beep-detected"]


async def test_a_machine_that_gets_a_message_is_waited_for_and_spoken_to() -> None:
    scene = Scene(ConversationOptions(leave_voicemail=True, voicemail_message="Bye."))
    scene.answered_by("machine")
    assert scene.control.muted == [(True, True)]
    scene.care.take(m.GreetingEnded(leg_id="c1", silent_ms=3000))
    assert scene.control.told[0]["content"] == "Bye."
    scene.care.take(m.EngineStateChanged(leg_id="c1", state="speaking"))
    scene.care.take(m.EngineStateChanged(leg_id="c1", state="listening"))
    assert scene.control.ended == ["voicemail"]
    scene.care.close()


async def test_a_machine_taken_for_a_person_is_left_a_message_when_it_beeps() -> None:
    scene = Scene(ConversationOptions(leave_voicemail=True, voicemail_message="Bye."))
    scene.answered_by("human")
    scene.answered_by("machine")
    scene.care.take(m.BeepDetected(leg_id="c1", frequency_hz=1000, duration_ms=300))
    assert scene.call.record.answered_by == "machine"
    assert len(scene.control.told) == 1
    scene.care.close()


async def test_while_a_machine_is_waited_for_nobody_is_called_silent() -> None:
    scene = Scene(ConversationOptions(leave_voicemail=True))
    silence = m.SilenceNoticed(leg_id="c1", party="agent", stage="prompt", silent_ms=15_000)
    scene.answered_by("machine")
    scene.care.take(silence)
    assert scene.control.told == []
    scene.care.close()
    scene.care.take(silence)
    assert len(scene.control.told) == 1


def test_turns_and_barge_ins_are_histograms_of_their_own() -> None:
    scene = Scene(ConversationOptions())
    scene.care.take(m.TurnMeasured(leg_id="c1", what="turn", took_ms=740))
    scene.care.take(m.TurnMeasured(leg_id="c1", what="barge-in", took_ms=120))
    value = scene.registry.get_sample_value
    assert value("trunkline_turn_latency_seconds_count") == 1
    assert value("trunkline_turn_latency_seconds_sum") == 0.74
    assert value("trunkline_barge_in_seconds_sum") == 0.12
