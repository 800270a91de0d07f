"""A test call follows the engine from its making to its end, whoever brings the news."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.directory import Directory
from gateway.errors import EngineError, InvalidRequestError, LimitExceededError, UnavailableError
from gateway.new_agent import NewAgent
from gateway.web_calls import WebCalls
from media.ultravox.call_request import build_call_body
from media.ultravox.errors import EngineRefusedError, EngineUnreachableError
from media.ultravox.protocol import HangUp
from media.ultravox.rest import EngineCallStatus, EngineTranscriptMessage, Timespan
from store.database import Store
from store.records import Agent, AgentStatus, CallDirection, CallStatus
from tests.gateway.doubles import ScriptedEngine
from tests.gateway.web_call_scene import SavedCalls, web_calls_of

JOINED = "2026-01-05T10:00:00.500000Z"
ENDED = "2026-01-05T10:00:12.900000Z"


class Scene:
    def __init__(self, store: Store, directory: Directory, agent: Agent) -> None:
        self.store = store
        self.directory = directory
        self.agent = agent
        self.engine = ScriptedEngine()
        self.saved = SavedCalls()
        self.calls: WebCalls = web_calls_of(store, directory, self.engine, self.saved)

    async def start(self) -> str:
        started = await self.calls.start_call(self.agent.organization_id, self.agent.id)
        return started.record.id

    async def engine_says(self, **status: str | None) -> None:
        self.engine.statuses["engine-1"] = EngineCallStatus("engine-1", **status)
        await self.calls.look()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    store = await Store.open("sqlite:///:memory:")
    directory = Directory(store)
    await directory.load()
    organization = await directory.ensure_organization("Test")
    new = NewAgent(
        name="A",
        voice_id="v",
        system_prompt="p",
        max_duration_ms=60_000,
        built_in_config={"transfer": {"cold": True}},
    )
    agent = await directory.create_agent(organization.id, new, status=AgentStatus.ACTIVE)
    yield Scene(store, directory, agent)
    await store.close()


async def test_a_test_call_is_made_at_the_engine_for_a_browser(scene: Scene) -> None:
    started = await scene.calls.start_call(scene.agent.organization_id, scene.agent.id)
    (request,) = scene.engine.requests
    body = build_call_body(request)
    assert body["medium"] == {"webRtc": {}}
    assert body["metadata"] == {"call_id": started.record.id, "direction": "webrtc"}
    assert (body["maxDuration"], body["joinTimeout"]) == ("60s", "120s")
    assert body["selectedTools"] == [{"toolName": "hangUp"}], "no tool that only a telephone call has"
    assert body["callbacks"]["ended"]["secrets"] == ["secret-secret-secret"]
    assert started.join_url == "ws://127.0.0.1:1/engine-1"
    stored = await scene.store.calls.get(scene.agent.organization_id, started.record.id)
    assert stored is not None
    assert (stored.status, stored.direction) == (CallStatus.QUEUED, CallDirection.WEBRTC)
    assert (stored.phone_number, stored.from_number, stored.metadata) == (None, None, {"test": True})
    assert stored.engine_call_id == "engine-1"


async def test_a_call_that_is_no_test_has_its_variables_and_not_the_mark(scene: Scene) -> None:
    started = await scene.calls.start_call(
        scene.agent.organization_id, scene.agent.id, variables={"plan": "gold"}, test=False
    )
    assert (started.record.variables, started.record.metadata) == ({"plan": "gold"}, {})
    assert scene.engine.requests[0].variables == {"plan": "gold"}
    assert started.join_url not in repr(started)


async def test_a_call_that_is_joined_and_left_has_ended_with_its_transcript(scene: Scene) -> None:
    await scene.start()
    await scene.engine_says()
    assert scene.saved.records[-1].status is CallStatus.QUEUED
    await scene.engine_says(joined=JOINED)
    joined = scene.saved.records[-1]
    assert joined.status is CallStatus.IN_PROGRESS
    assert joined.started_at == datetime(2026, 1, 5, 10, 0, 0, 500_000, UTC)
    scene.engine.messages = (
        EngineTranscriptMessage("MESSAGE_ROLE_AGENT", "Hello. ", timespan=Timespan("0.62s", "2s")),
        EngineTranscriptMessage("MESSAGE_ROLE_TOOL_CALL", "{}"),
        EngineTranscriptMessage("MESSAGE_ROLE_USER", "Hi.", timespan=Timespan("3s")),
    )
    await scene.engine_says(joined=JOINED, ended=ENDED, end_reason="hangup")
    over = scene.saved.records[-1]
    assert (over.status, over.end_reason, over.duration_ms) == (CallStatus.ENDED, "contact-hangup", 12_400)
    assert [(each.speaker, each.text, each.timestamp) for each in over.transcript or ()] == [
        ("agent", "Hello.", 0.6),
        ("contact", "Hi.", 3.0),
    ]
    assert over.cost_cents == 7
    assert scene.saved.events == ["call.started", "call.ended"]
    assert len(scene.calls) == 0


async def test_a_call_whose_whole_life_was_missed_is_told_in_order(scene: Scene) -> None:
    await scene.start()
    await scene.engine_says(joined=JOINED, ended=ENDED, end_reason="timeout")
    assert scene.saved.events == ["call.started", "call.ended"]
    assert scene.saved.records[-1].end_reason == "max-duration"


@pytest.mark.parametrize("reason", ["connection_error", "system_error"])
async def test_a_call_that_was_lost_has_failed(scene: Scene, reason: str) -> None:
    await scene.start()
    await scene.engine_says(joined=JOINED, ended=ENDED, end_reason=reason)
    over = scene.saved.records[-1]
    assert (over.status, over.failure_reason) == (CallStatus.FAILED, "agent-error")


async def test_a_call_that_nobody_joins_has_failed_with_no_answer(scene: Scene) -> None:
    await scene.start()
    await scene.engine_says(ended=ENDED, end_reason="unjoined")
    over = scene.saved.records[-1]
    assert (over.status, over.failure_reason, over.duration_ms) == (CallStatus.FAILED, "no-answer", None)


async def test_news_that_come_twice_or_late_change_nothing(scene: Scene) -> None:
    call_id = await scene.start()
    over = EngineCallStatus("engine-1", joined=JOINED, ended=ENDED, end_reason="hangup")
    await scene.calls.told(call_id, replace_id(over, "engine-other"))
    assert scene.saved.events == []
    await scene.calls.told(call_id, over)
    await scene.calls.told(call_id, over)
    await scene.calls.told("nobody", over)
    assert scene.saved.events == ["call.started", "call.ended"]


def replace_id(status: EngineCallStatus, call_id: str) -> EngineCallStatus:
    return EngineCallStatus(call_id, joined=status.joined, ended=status.ended, end_reason=status.end_reason)


async def test_an_engine_that_is_away_is_asked_again_and_one_that_forgot_the_call_ends_it(
    scene: Scene,
) -> None:
    await scene.start()
    scene.engine.fault = EngineUnreachableError("no connection")
    await scene.calls.look()
    assert len(scene.calls) == 1
    scene.engine.fault = EngineRefusedError(404, "no such call")
    await scene.calls.look()
    over = scene.saved.records[-1]
    assert (over.status, over.failure_reason) == (CallStatus.FAILED, "agent-error")


async def test_a_transcript_that_cannot_be_had_does_not_keep_a_call_alive(scene: Scene) -> None:
    call_id = await scene.start()
    scene.engine.fault = EngineUnreachableError("no connection")
    over = EngineCallStatus("engine-1", joined=JOINED, ended=ENDED, end_reason="hangup")
    await scene.calls.told(call_id, over)
    assert scene.saved.records[-1].status is CallStatus.ENDED
    assert "transcript-missing" in scene.saved.steps


async def test_no_call_without_an_active_agent_or_an_engine(scene: Scene) -> None:
    draft = await scene.directory.create_agent(
        scene.agent.organization_id, NewAgent(name="B", voice_id="v", system_prompt="p")
    )
    with pytest.raises(InvalidRequestError) as refused:
        await scene.calls.start_call(draft.organization_id, draft.id)
    assert refused.value.code == "agent_not_active"
    scene.engine.answers = [EngineRefusedError(402, "no allowance left"), EngineUnreachableError("away")]
    for _ in range(2):
        with pytest.raises(EngineError):
            await scene.start()
    assert (await scene.store.calls.list(scene.agent.organization_id)).total == 0


async def test_no_call_when_draining_or_beyond_the_limit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web_calls.MAX_LIVE", 1)
    await scene.start()
    with pytest.raises(LimitExceededError):
        await scene.start()
    draining = web_calls_of(scene.store, scene.directory, scene.engine, draining=lambda: True)
    with pytest.raises(UnavailableError):
        await draining.start_call(scene.agent.organization_id, scene.agent.id)


async def test_a_call_in_progress_is_hung_up_by_the_engine_and_a_queued_one_taken_back(scene: Scene) -> None:
    queued = await scene.start()
    assert (await scene.calls.hang_up(queued)).status is CallStatus.CANCELLED
    assert scene.engine.deleted_calls == ["engine-1"]
    live = await scene.start()
    await scene.calls.told(live, EngineCallStatus("engine-2", joined=JOINED))
    assert (await scene.calls.hang_up(live)).status is CallStatus.IN_PROGRESS
    assert scene.engine.sent == [("engine-2", HangUp())]
    scene.engine.fault = EngineUnreachableError("away")
    with pytest.raises(EngineError):
        await scene.calls.hang_up(live)


async def test_calls_of_an_earlier_run_are_followed_to_their_end(scene: Scene) -> None:
    call_id = await scene.start()
    (record,) = await scene.store.calls.unfinished()
    later = SavedCalls()
    calls = web_calls_of(scene.store, scene.directory, scene.engine, later)
    await calls.resume([replace(record, status=CallStatus.IN_PROGRESS, started_at=datetime.now(UTC))])
    assert calls.record(call_id) is not None
    status = EngineCallStatus("engine-1", joined=JOINED, ended=ENDED, end_reason="agent_hangup")
    scene.engine.statuses["engine-1"] = status
    await calls.look()
    assert (later.records[-1].status, later.events) == (CallStatus.ENDED, ["call.ended"])


async def test_a_call_of_an_earlier_run_has_the_time_that_its_agent_gives_it(scene: Scene) -> None:
    await scene.directory.update_agent(
        scene.agent.organization_id, scene.agent.id, max_duration_ms=20_000_000
    )
    call_id = await scene.start()
    (record,) = await scene.store.calls.unfinished()
    calls = web_calls_of(scene.store, scene.directory, scene.engine, SavedCalls())
    await calls.resume([record])
    left = calls._followed[call_id].give_up_at - datetime.now(UTC)
    assert left > timedelta(milliseconds=20_000_000)


async def test_a_call_that_the_engine_never_ends_is_given_up(scene: Scene) -> None:
    call_id = await scene.start()
    scene.calls._followed[call_id].give_up_at = datetime.now(UTC) - timedelta(seconds=1)
    await scene.engine_says()
    assert scene.saved.records[-1].failure_reason == "agent-error"
