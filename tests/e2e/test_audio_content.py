"""What is heard, proved by content: tones with their level and phase, known utterances found whole, times
on the wire.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.fixed_speech_engine import FixedSpeechEngine, fixed_speech_engine
from tests.e2e.gateway_process import Gateway
from tests.e2e.known_speech import spoken
from tests.e2e.parties import ECHO, Parties, Party
from tests.e2e.party_audio import PartyAudio
from tests.e2e.sipp_runner import SippRun
from tests.e2e.steady_tone import FRAME, ToneReport, examine_tone, loud_part, seconds
from tests.support.audio import RATE, find, level_dbfs, tone

CALLER_HZ = 1013  # no whole number of periods in 20 ms: a missing or doubled frame shows as a jump of phase
AGENT_HZ = 787
LONG_SENTENCE = (
    "Thank you for calling the library. Our opening hours are from nine in the morning until six in the "
    "evening on weekdays, and on Saturdays from ten until two. Which branch would you like to visit?"
)
LONGEST_CLEAR_TO_SILENCE_S = 0.040

StartGateway = Callable[..., Gateway]


def test_callers_tone_reaches_the_engine_whole_and_at_its_level(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"wait": "text"}))
    caller = parties.connected_caller(number=number, hold_ms=4500)
    time.sleep(0.3)
    caller.audio.speak(tone(CALLER_HZ, 3000))
    caller.sip.finish()
    part = loud_part(engine.input_of(_timeline(api, caller)))
    assert abs(seconds(part) - 3.0) <= 0.03
    assert abs(level_dbfs(part[FRAME:-FRAME]) + 12) < 0.5, "the level changed"
    _assert_flawless(examine_tone(part[FRAME:-FRAME], CALLER_HZ))


def test_engine_hears_a_continuous_stream_while_the_caller_sends_nothing(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"wait": "text"}))
    caller = parties.connected_caller(number=number, hold_ms=4000)
    time.sleep(0.5)
    caller.audio.mute()
    time.sleep(2)
    caller.audio.mute(False)
    caller.audio.speak(tone(CALLER_HZ, 500))
    caller.sip.finish()
    timeline = _timeline(api, caller)
    call = api.call(_call_id(api, caller))
    heard = engine.input_of(timeline)
    opened = next(step["t_ms"] for step in timeline if step["kind"] == "engine-open")
    ended = next(step["t_ms"] for step in timeline if step["kind"] == "sip-terminated")
    assert abs(seconds(heard) - (ended - opened) / 1000) < 0.3, "one second of audio for each second of call"
    assert call["duration_seconds"] in (3, 4)
    assert len(loud_part(heard)) > 0, "the tone after the pause was lost"


def test_callers_first_words_before_the_engine_is_there_are_kept(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    """An outbound call opens the engine's socket at the answer: what is said meanwhile waits in the ring."""
    route = parties.outbound_route(
        prompt=engine.script({"wait": "text"}, faults="slow_upgrade_ms=800"), hold_ms=10
    )
    placed = api.place_call(route.agent_id, "+15557650100")
    route.callee.start_talking("invited")
    route.callee.sip.wait_for("acknowledged")
    hello = tone(CALLER_HZ, 500)
    route.callee.audio.speak(hello)
    time.sleep(2.5)
    api.post(f"/calls/{placed['id']}/hangup")
    route.callee.sip.finish()
    api.wait_for_status(placed["id"], "ended")
    heard = engine.input_of(api.timeline(placed["id"]))
    part = loud_part(heard)
    assert seconds(part) > 0.45, "the caller's first words did not arrive"
    assert find(hello, heard)[1] > 0.97


def test_agents_tone_reaches_the_caller_whole_and_at_its_level(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 2000}))
    caller = parties.connected_caller(number=number, hold_ms=3500)
    caller.audio.wait_for_audio()
    caller.sip.finish()
    part = loud_part(caller.audio.heard())
    assert abs(seconds(part) - 2.0) <= 0.03
    _assert_flawless(examine_tone(part[FRAME:-FRAME], AGENT_HZ))


@pytest.mark.parametrize("ends_with", ["agent", "caller"])
def test_first_and_last_200_ms_of_the_utterance_arrive_whole(
    start_gateway: StartGateway, demo_data: Path, tmp_path: Path, ends_with: str
) -> None:
    """Speech starts as soon as the socket stands; once the agent hangs up right behind its last word."""
    utterance = loud_part(spoken("Seven grey geese gathered by the gate."), -50)
    assert seconds(utterance) > 1.5
    scenario = "far_end_hangs_up" if ends_with == "agent" else "caller_hangs_up"
    with (
        fixed_speech_engine(utterance, hang_up=ends_with == "agent") as engine,
        PartyAudio() as audio,
        SippRun(
            scenario,
            tmp_path,
            remote=_gateway_with(engine, start_gateway, demo_data, tmp_path).sip,
            keys={"rtp_port": audio.port},
            hold_ms=4000,
        ) as caller,
    ):
        audio.send_to(caller.wait_for("answered")["remote_rtp_port"])
        caller.finish()
        heard = audio.heard()
    fifth = RATE // 5
    whole_at, whole = find(utterance, heard)
    first_at, first = find(utterance[:fifth], heard)
    last_at, last = find(utterance[-fifth:], heard)
    assert first > 0.98, "the first 200 ms are not whole"
    assert last > 0.98, "the last 200 ms are not whole"
    assert whole > 0.98, "the utterance has a hole"
    assert abs(first_at - whole_at) < 1
    assert abs(last_at - whole_at - 1000 * seconds(utterance) + 200) < 1


def test_agent_is_silent_until_the_callers_audio_arrives(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    """A path that is not open yet swallows the first word: the agent waits for the caller's first packet."""
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 1000}))
    caller = parties.caller(number=number, hold_ms=2500)
    answered = caller.sip.wait_for("answered")
    time.sleep(0.5)
    assert not caller.audio.audible_packets()
    opened = time.time()
    caller.audio.send_to(answered["remote_rtp_port"])
    assert caller.audio.wait_for_audio() - opened < 0.15
    caller.sip.finish()
    assert abs(seconds(loud_part(caller.audio.heard())) - 1.0) <= 0.03


def test_agent_speaks_after_a_second_to_a_caller_who_sends_nothing(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 1000}))
    caller = parties.caller(number=number, hold_ms=2500)
    caller.sip.wait_for("answered")
    answered = time.time()
    assert 0.8 < caller.audio.wait_for_audio() - answered < 1.2
    caller.sip.finish()
    assert abs(seconds(loud_part(caller.audio.heard())) - 1.0) <= 0.03


def test_stranger_can_neither_be_heard_nor_take_the_call_over(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"tone": AGENT_HZ, "ms": 2500}, {"wait": "text"}))
    caller = parties.connected_caller(number=number, hold_ms=3500)
    caller.audio.wait_for_audio()
    with PartyAudio() as stranger:
        stranger.send_to(caller.sip.wait_for("answered")["remote_rtp_port"])
        stranger.speak(tone(CALLER_HZ, 1500))
        stranger.wait_until_said()
        assert stranger.packets == [], "the agent's audio went to a stranger"
    caller.sip.finish()
    assert abs(seconds(loud_part(caller.audio.heard())) - 2.5) <= 0.03
    assert level_dbfs(engine.input_of(_timeline(api, caller))) < -55, "the engine heard the stranger"


def test_farewell_is_played_whole_before_bye(parties: Parties, api: ApiClient, engine: EngineView) -> None:
    """The engine closes its socket as soon as it has sent the farewell, seconds before it has been played."""
    steps: list[Json] = [{"tone": AGENT_HZ, "ms": 3000}, {"hang_up": True}]
    number = parties.inbound_number(engine.script(*steps, faults="close_before_played,burst"))
    caller = parties.connected_caller(scenario="far_end_hangs_up", number=number, seconds=20)
    caller.sip.finish()
    heard = caller.audio.heard()
    part = loud_part(heard)
    assert abs(seconds(part) - 3.0) <= 0.03
    assert api.wait_for_status(_call_id(api, caller), "ended")["end_reason"] == "agent-hangup"


def test_barge_in_silences_the_wire_within_40_ms(
    start_gateway: StartGateway, demo_data: Path, tmp_path: Path
) -> None:
    """From the moment the engine says `playback_clear_buffer` to the arrival of the agent's last packet.

    The engine is ahead of the playout by many seconds, so that stopping to send would not be enough.
    """
    with fixed_speech_engine(tone(AGENT_HZ, 12_000), clear_after_s=1.0) as engine:
        gateway = _gateway_with(engine, start_gateway, demo_data, tmp_path)
        late = []
        for _ in range(4):
            with (
                PartyAudio() as audio,
                SippRun(
                    "caller_hangs_up",
                    tmp_path,
                    remote=gateway.sip,
                    keys={"rtp_port": audio.port},
                    hold_ms=1600,
                ) as caller,
            ):
                audio.send_to(caller.wait_for("answered")["remote_rtp_port"])
                caller.finish()
                audible = audio.audible_packets()
                assert len(audible) > 40, "the agent was hardly heard"
                late.append(audible[-1].arrival - engine.cleared_at[-1])
        assert max(late) <= LONGEST_CLEAR_TO_SILENCE_S, [f"{1000 * value:.1f} ms" for value in late]


def test_caller_who_speaks_interrupts_the_agent(parties: Parties, api: ApiClient, engine: EngineView) -> None:
    """The same with the engine's own ears: the caller talks into the agent's sentence. The transcript says
    how much of it was heard.
    """
    number = parties.inbound_number(engine.script({"say": LONG_SENTENCE}))
    caller = parties.connected_caller(number=number, hold_ms=4500)
    began = caller.audio.wait_for_audio()
    time.sleep(1)
    caller.audio.speak(tone(CALLER_HZ, 1000, level_dbfs=-9))
    caller.sip.finish()
    timeline = _timeline(api, caller)
    cleared = [step["detail"]["dropped_ms"] for step in timeline if step["kind"] == "barge-in"]
    assert cleared, "the engine heard no interruption"
    last = caller.audio.audible_packets()[-1].arrival
    assert 1.0 < last - began < 2.0, "the agent spoke on"
    call = api.wait_for_status(_call_id(api, caller), "ended")
    cut = next(entry for entry in call["transcript"] if entry["speaker"] == "agent")
    assert cut["interrupted"]
    # In the words and in the pauses between them: from the first packet of sound to the last.
    assert abs(cut["played_ms"] / 1000 - (last - began)) < 0.15


def test_an_utterance_that_was_heard_to_its_end_is_not_interrupted(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"say": "Hello."}, {"pause": 300}, {"hang_up": True}))
    caller = parties.connected_caller(number=number, scenario="far_end_hangs_up")
    caller.sip.finish()
    call = api.wait_for_status(_call_id(api, caller), "ended")
    (said,) = call["transcript"]
    assert not said["interrupted"]
    heard = caller.audio.audible_packets()
    assert said["played_ms"] / 1000 > heard[-1].arrival - heard[0].arrival - 0.1


def test_digits_reach_the_engine_once_each_and_in_order(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"wait": "text"}, {"wait": "text"}))
    caller = parties.connected_caller(number=number, hold_ms=6000)
    time.sleep(0.3)
    caller.audio.press("1234567890*ABCD")
    caller.audio.wait_until_said()
    caller.sip.finish()
    texts = engine.texts(engine_call_ids(_timeline(api, caller))[-1])
    assert "".join(texts) == "1234567890*ABCD"


def test_digits_leave_no_sound_in_what_the_engine_hears(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number(engine.script({"wait": "user"}))
    caller = parties.connected_caller(number=number, hold_ms=2000)
    caller.audio.press("59")
    caller.sip.finish()
    assert level_dbfs(engine.input_of(_timeline(api, caller))) < -55


def test_echo_number_returns_the_callers_audio(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(number=ECHO, hold_ms=4000)
    time.sleep(0.5)
    sent = np.concatenate([tone(frequency, 400) for frequency in (500, 900, 1300, 700, 1700)])
    caller.audio.speak(sent)
    caller.sip.finish()
    heard = caller.audio.heard()
    _, likeness = find(sent, heard)
    assert likeness > 0.97, "what came back is not what was said"


def test_receptionist_repeats_what_it_heard(parties: Parties, api: ApiClient) -> None:
    """The demo's own promise: greeting, then the caller's words back to the caller."""
    caller = parties.connected_caller(hold_ms=9000)
    caller.audio.wait_for_audio()
    words = np.concatenate([tone(frequency, 300) for frequency in (600, 1000, 800)])
    caller.audio.speak(words)
    caller.sip.finish()
    heard = caller.audio.heard()
    assert find(words, heard)[1] > 0.9
    call = api.wait_for_status(_call_id(api, caller), "ended")
    assert {entry["speaker"] for entry in call["transcript"]} == {"agent", "contact"}


def test_packets_leave_every_20_ms_one_after_the_other(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(number=ECHO, hold_ms=4000)
    caller.audio.speak(tone(CALLER_HZ, 3500))
    caller.sip.finish()
    packets = caller.audio.packets
    assert len(packets) > 150
    assert len({packet.ssrc for packet in packets}) == 1
    sequence = np.diff([packet.sequence for packet in packets]) % 65536
    assert set(sequence) == {1}, "sequence numbers must follow one another"
    timestamps = np.diff([packet.timestamp for packet in packets]) % (1 << 32)
    assert set(timestamps) == {FRAME}, "timestamps must follow one another"
    span = packets[-1].arrival - packets[0].arrival
    assert abs((len(packets) - 1) / span - 50) < 0.5, "50 packets a second"


def _assert_flawless(report: ToneReport) -> None:
    assert report.purity > 0.98, report
    assert (report.phase_jumps, report.dips) == (0, 0), report


@pytest.fixture(scope="module")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demonstration's numbers, agents and trunk."""
    data = tmp_path_factory.mktemp("seeded") / "data"
    Gateway(data).stop()
    return data


def _gateway_with(
    engine: FixedSpeechEngine, start_gateway: StartGateway, data: Path, directory: Path
) -> Gateway:
    """A gateway with the demonstration's numbers, but with another engine behind it."""
    copy = shutil.copytree(data, directory / "data")
    environment = {
        "TRUNKLINE_ENGINE_BASE_URL": engine.url,
        "TRUNKLINE_ENGINE_API_KEY": "unused",
        "TRUNKLINE_MEDIA_BIND_HOST": "127.0.0.1",
    }
    return start_gateway(demo=False, data=copy, environment=environment)


def _call_id(api: ApiClient, party: Party) -> str:
    sip_call_id = party.sip.wait_for("answered")["call_id"]
    return str(api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id)["id"])


def _timeline(api: ApiClient, party: Party) -> list[Json]:
    call_id = _call_id(api, party)
    api.wait_for_status(call_id, "ended", "failed")
    return api.timeline(call_id)
