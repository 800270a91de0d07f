from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from gateway.analysis.analyzer import CallAnalyzer
from gateway.analysis.due import AnalysisPolicy
from gateway.analysis.model_client import ModelClient
from gateway.call import Call, Clock
from gateway.call_object import render_call
from gateway.failure_reasons import EndReason, FailureReason
from gateway.metrics import GatewayMetrics
from gateway.webhooks.call_journal import CallJournal
from store import Store
from store.identifiers import uuid7
from store.records import Agent, CallDirection, CallRecord, CallStatus, Organization
from store.tables import call_analyses, webhook_deliveries, webhook_endpoints, webhook_events
from store.writer import CallWriter
from tests.store.samples import T0, agent, endpoint
from tests.support.model_server import API_KEY, ModelServer
from tests.support.postgres_server import postgres_store_on

SCHEMA = {"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]}
GOOD = {
    "summary": "An appointment was made.",
    "success": True,
    "outcome": "Appointment Booked",
    "extracted": {"date": "2026-05-07"},
}


class Scene:
    """A store, calls that end in it, a model, and the analyzer between them; time is the test's."""

    def __init__(self, store: Store, organization: Organization, model: ModelServer) -> None:
        self.store = store
        self.organization = organization
        self.model = model
        self.now = T0
        self.agents: dict[str, Agent] = {}
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        self.writer = CallWriter(store.calls, interval=3600)
        policy = AnalysisPolicy(self.agents.get, configured=True, max_wait_s=120)
        self.journal = CallJournal(self.writer, analysis_of=policy)
        self.finished: list[CallRecord] = []
        self.analyzers: list[CallAnalyzer] = []
        self.clients: list[ModelClient] = []

    def analyzer(self, *, configured: bool = True, timeout_s: float = 5.0) -> CallAnalyzer:
        """As after a start of the gateway."""
        client = ModelClient(self.model.base_url, "small", API_KEY, timeout_s) if configured else None
        metrics = self.metrics if not self.analyzers else GatewayMetrics(CollectorRegistry())
        made = CallAnalyzer(
            self.store.call_analyses,
            self.store.calls,
            client,
            metrics,
            self.journal.result_events,
            self.finished.append,
            timeout_s=timeout_s,
            now=lambda: self.now,
        )
        self.analyzers.append(made)
        return made

    async def agent(self, **fields: Any) -> Agent:
        wanted = {"success_criteria": "An appointment was made.", "extraction_schema": SCHEMA}
        made = agent(
            self.organization.id,
            **(wanted | {"crm_webhook_url": "https://crm.example/", "crm_webhook_secret": "s"} | fields),
        )
        self.agents[made.id] = made
        await self.store.agents.create(made)
        return made

    def call(self, of: Agent) -> Call:
        """A call that was answered, and in which both spoke."""
        record = CallRecord(
            id=uuid7(),
            organization_id=self.organization.id,
            status=CallStatus.QUEUED,
            direction=CallDirection.OUTBOUND,
            agent_id=of.id,
            created_at=self.now,
        )
        call = Call(record, self.journal.save, Clock(now=lambda: self.now), outcome=self.journal.outcome)
        call.answer()
        said = (("agent", "When do you want to come?", 1000), ("user", "On the seventh of May.", 3000))
        for ordinal, (role, text, media_ms) in enumerate(said):
            call.transcript.add(role, ordinal, text=text, delta=None, final=True, media_ms=media_ms)
        return call

    async def ended(self, of: Agent) -> Call:
        call = self.call(of)
        call.end(EndReason.CONTACT_HANGUP)
        await self.writer.flush()
        return call

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    async def work(self, analyzer: CallAnalyzer) -> None:
        """Turn until nothing is due."""
        async with asyncio.timeout(20):
            while await analyzer.turn() or analyzer.busy:
                await asyncio.sleep(0.001)

    async def stored(self, call: Call) -> CallRecord:
        await self.writer.flush()
        found = await self.store.calls.find(call.id)
        assert found is not None
        return found

    async def told(self, *, crm: bool = False) -> list[dict[str, Any]]:
        """What the organisation's endpoint, or the agent's CRM, is sent."""
        await self.writer.flush()
        of_agent = webhook_endpoints.c.agent_id
        query = (
            sa.select(webhook_events.c.payload)
            .join(webhook_deliveries, webhook_deliveries.c.event_id == webhook_events.c.id)
            .join(webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id)
            .where(of_agent.is_not(None) if crm else of_agent.is_(None))
            .order_by(webhook_deliveries.c.sequence)
        )
        async with self.store.database.reading() as connection:
            return [json.loads(text) for text in (await connection.execute(query)).scalars()]

    async def due(self) -> int:
        async with self.store.database.reading() as connection:
            query = sa.select(sa.func.count()).select_from(call_analyses)
            return (await connection.execute(query)).scalar_one()

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("trunkline_analyses_total", {"result": result}) or 0.0


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        opened = await Store.open("sqlite:///:memory:")
        yield opened
        await opened.close()
        return
    async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
        yield opened


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    organization = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(organization)
    await store.webhook_endpoints.create(endpoint(organization.id))
    with ModelServer(lambda request: GOOD) as model:
        made = Scene(store, organization, model)
        made.writer.start()
        yield made
        for analyzer in made.analyzers:
            await analyzer.close()
        await made.writer.close(1)


def names(told: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in told]


async def test_a_transcript_becomes_outcome_and_data(scene: Scene) -> None:
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    assert call.record.outcome is None  # until it was read
    assert names(await scene.told()) == ["call.started", "call.ended"]
    assert await scene.told(crm=True) == []
    await scene.work(analyzer)
    record = await scene.stored(call)
    assert record.outcome == "appointment-booked"
    assert record.analysis == {
        "success": True,
        "summary": "An appointment was made.",
        "extracted": {"date": "2026-05-07"},
    }
    told = await scene.told()
    assert names(told) == ["call.started", "call.ended", "call.analyzed"]
    assert told[-1]["data"] == render_call(record)
    (crm,) = await scene.told(crm=True)
    assert (crm["event"], crm["data"]) == ("crm.call", render_call(record))
    assert scene.finished == [record]
    assert await scene.due() == 0
    assert scene.counted("done") == 1


async def test_the_model_is_asked_with_criteria_schema_and_transcript(scene: Scene) -> None:
    analyzer = scene.analyzer()
    await scene.ended(await scene.agent())
    await scene.work(analyzer)
    (request,) = scene.model.requests
    system, user = (message["content"] for message in request["messages"])
    assert request["model"] == "small"
    assert "An appointment was made." in system
    assert "[1.0] agent: When do you want to come?\n[3.0] contact: On the seventh of May." in user
    schema = request["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["extracted"]["properties"] == SCHEMA["properties"]


@pytest.mark.parametrize(
    "bad", [{"summary": 1}, GOOD | {"extracted": {}}, "no JSON", GOOD | {"success": None}]
)
async def test_a_wrong_answer_is_asked_for_once_more(scene: Scene, bad: Any) -> None:
    answers = [bad, GOOD]
    scene.model.reply = lambda request: answers.pop(0)
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    await scene.work(analyzer)
    assert (await scene.stored(call)).outcome == "appointment-booked"
    assert len(scene.model.requests) == 2
    assert "not valid" in scene.model.requests[1]["messages"][-1]["content"]


async def test_two_wrong_answers_leave_the_facts_and_all_is_told_of(scene: Scene) -> None:
    scene.model.reply = lambda request: {"summary": 1}
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    await scene.work(analyzer)
    record = await scene.stored(call)
    assert (record.outcome, record.analysis) == ("completed", None)
    assert names(await scene.told())[-1] == "call.analyzed"
    assert names(await scene.told(crm=True)) == ["crm.call"]
    assert len(scene.model.requests) == 2
    assert scene.counted("failed") == 1


async def test_a_model_that_is_away_is_tried_again_for_two_minutes(scene: Scene) -> None:
    scene.model.reply = lambda request: 503
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    while not scene.finished:
        await scene.work(analyzer)
        assert scene.now - T0 <= timedelta(seconds=120)
        scene.later(1)
    assert len(scene.model.requests) >= 4
    assert (await scene.stored(call)).outcome == "completed"
    assert names(await scene.told())[-1] == "call.analyzed"
    assert names(await scene.told(crm=True)) == ["crm.call"]


async def test_a_model_that_comes_back_in_time_is_heard(scene: Scene) -> None:
    scene.model.reply = lambda request: 503
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    await scene.work(analyzer)
    scene.model.reply = lambda request: GOOD
    scene.later(5)
    await scene.work(analyzer)
    assert (await scene.stored(call)).outcome == "appointment-booked"


async def test_a_crash_while_reading_has_it_read_after_the_next_start(scene: Scene) -> None:
    call = await scene.ended(await scene.agent())
    analyses, lease = scene.store.call_analyses, scene.now + timedelta(seconds=60)
    (lost,) = await analyses.claim(5, scene.now, lease, uuid7(), late=False, fresh_since=T0)
    scene.later(600)  # far beyond the time for which anybody waits
    await scene.work(scene.analyzer())
    assert (await scene.stored(call)).outcome == "appointment-booked"
    # Whoever was only thought to be dead comes too late.
    events = scene.journal.result_events
    assert await analyses.finish(lost, "completed", None, scene.now, events) is None
    assert (await scene.stored(call)).outcome == "appointment-booked"
    assert names(await scene.told()).count("call.analyzed") == 1
    assert names(await scene.told(crm=True)) == ["crm.call"]


async def test_nobody_waits_for_what_ran_out_of_time(scene: Scene) -> None:
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    scene.later(120)
    await scene.work(analyzer)
    assert (await scene.stored(call)).outcome == "completed"
    assert names(await scene.told(crm=True)) == ["crm.call"]
    assert scene.model.requests == []
    assert scene.counted("late") == 1


async def test_a_stop_gives_back_what_is_being_read(scene: Scene) -> None:
    answered = threading.Event()
    scene.model.reply = lambda request: answered.wait(10) and GOOD
    stopped = scene.analyzer()
    call = await scene.ended(await scene.agent())
    await stopped.turn()
    await stopped.close()
    answered.set()
    await scene.work(scene.analyzer())
    assert (await scene.stored(call)).outcome == "appointment-booked"


async def test_without_a_model_what_was_due_ends_with_the_facts(scene: Scene) -> None:
    call = await scene.ended(await scene.agent())
    await scene.work(scene.analyzer(configured=False))
    record = await scene.stored(call)
    assert (record.outcome, record.analysis) == ("completed", None)
    assert names(await scene.told())[-1] == "call.analyzed"
    assert scene.model.requests == []


async def test_what_nobody_asked_to_be_read_is_told_of_at_once(scene: Scene) -> None:
    plain = await scene.agent(success_criteria=None, extraction_schema=None)
    call = await scene.ended(plain)
    assert names(await scene.told()) == ["call.started", "call.ended", "call.analyzed"]
    assert (call.record.outcome, call.record.analysis) == ("completed", None)
    assert await scene.due() == 0
    silent = scene.call(await scene.agent())
    silent.transcript = type(silent.transcript)()
    silent.end(EndReason.CONTACT_HANGUP)
    assert silent.record.outcome == "completed"
    failed = scene.call(plain)
    failed.fail(FailureReason.MEDIA_TIMEOUT)
    assert names(await scene.told())[-2:] == ["call.started", "call.failed"]
    assert len(await scene.told(crm=True)) == 3


async def test_a_certain_fact_is_not_talked_away(scene: Scene) -> None:
    analyzer = scene.analyzer()
    call = scene.call(await scene.agent())
    call.update(answered_by="machine")
    call.end(EndReason.AGENT_HANGUP)
    await scene.writer.flush()
    await scene.work(analyzer)
    record = await scene.stored(call)
    assert record.outcome == "voicemail"
    assert record.analysis is not None


async def test_whoever_saves_the_call_later_does_not_undo_the_analysis(scene: Scene) -> None:
    """The archive keeps a recording for minutes, with the call as it was before."""
    analyzer = scene.analyzer()
    call = await scene.ended(await scene.agent())
    await scene.work(analyzer)
    call.update(recording_path="/later.wav")
    call.save()
    record = await scene.stored(call)
    assert record.recording_path == "/later.wav"
    assert record.outcome == "appointment-booked"
    assert record.analysis is not None


async def test_the_running_loop_reads_by_itself(scene: Scene) -> None:
    analyzer = scene.analyzer()
    analyzer.start()
    call = await scene.ended(await scene.agent())
    analyzer.wake()
    async with asyncio.timeout(10):
        while not scene.finished:
            await asyncio.sleep(0.01)
    assert replace(await scene.stored(call)).outcome == "appointment-booked"
