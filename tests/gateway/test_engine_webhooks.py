"""Only the engine's own words count, and they count once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.directory import Directory
from gateway.engine_webhooks import EngineWebhooks, duration_ms, signature
from gateway.errors import ForbiddenError, InvalidRequestError
from store.database import Store
from store.records import CallDirection, CallRecord, CallStatus
from tests.gateway.doubles import ScriptedEngine
from tests.gateway.web_call_scene import web_calls_of

SECRET = "a-secret-that-both-know"
NOW = datetime(2026, 1, 5, 10, 0, 0, tzinfo=UTC)
STAMP = "2026-01-05T09:59:00.123456Z"


class Scene:
    def __init__(self, store: Store, directory: Directory, organization_id: str) -> None:
        self.store = store
        self.organization_id = organization_id
        self.caught_up = 0
        web_calls = web_calls_of(store, directory, ScriptedEngine())
        self.webhooks = EngineWebhooks(SECRET, store.calls, web_calls, self._catch_up, now=lambda: NOW)
        self.open = EngineWebhooks(None, store.calls, web_calls, self._catch_up, now=lambda: NOW)

    async def _catch_up(self) -> None:
        self.caught_up += 1

    async def call(self) -> CallRecord:
        record = CallRecord(
            id="c1",
            organization_id=self.organization_id,
            status=CallStatus.ENDED,
            direction=CallDirection.INBOUND,
            agent_id="a",
            created_at=NOW,
            engine_call_id="e1",
        )
        await self.store.calls.insert(record)
        return record

    async def take(self, body: bytes, stamp: str = STAMP, signatures: str | None = None) -> None:
        signed = signature(SECRET, body, stamp) if signatures is None else signatures
        await self.webhooks.take(body, stamp, signed)

    async def billed_ms(self) -> int | None:
        record = await self.store.calls.find("c1")
        assert record is not None
        return record.engine_billed_ms


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    store = await Store.open("sqlite:///:memory:")
    directory = Directory(store)
    await directory.load()
    yield Scene(store, directory, (await directory.ensure_organization("Test")).id)
    await store.close()


def message(**call: Any) -> bytes:
    told = {"callId": "e1", "metadata": {"call_id": "c1"}, "billedDuration": "66s"} | call
    return json.dumps({"event": "call.billed", "call": told}).encode()


def test_the_signature_is_the_documented_one() -> None:
    expected = "59e6c0831b65de9700f35e9f65b079368b4fc8de6ab1f46f057dadff97289577"
    assert signature("secret", b"body", "time") == expected


async def test_a_bill_is_kept_with_its_call_and_comes_as_often_as_it_likes(scene: Scene) -> None:
    await scene.call()
    for _ in range(2):
        await scene.take(message())
    assert await scene.billed_ms() == 66_000
    assert scene.caught_up == 2, "the call may not have been stored yet"


@pytest.mark.parametrize(
    "call", [{"callId": "other"}, {"metadata": {}}, {"metadata": {"call_id": "c2"}}, {"billedDuration": None}]
)
async def test_what_concerns_no_call_of_ours_changes_nothing(scene: Scene, call: dict[str, Any]) -> None:
    await scene.call()
    await scene.take(message(**call))
    assert await scene.billed_ms() is None


async def test_one_good_signature_among_several_is_enough(scene: Scene) -> None:
    await scene.call()
    good = signature(SECRET, message(), STAMP)
    await scene.take(message(), signatures=f"{'0' * 64}, {good}")
    assert await scene.billed_ms() == 66_000


@pytest.mark.parametrize(
    ("stamp", "signatures"),
    [
        (STAMP, "0" * 64),
        (STAMP, ""),
        (STAMP, "\u00e9"),
        ("2026-01-05T09:54:59Z", None),
        ("2026-01-05T10:05:01Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
async def test_what_is_not_signed_so_or_not_of_now_is_refused(
    scene: Scene, stamp: str, signatures: str | None
) -> None:
    await scene.call()
    with pytest.raises(ForbiddenError):
        await scene.take(message(), stamp, signatures)
    assert await scene.billed_ms() is None


async def test_another_body_than_the_signed_one_is_refused(scene: Scene) -> None:
    with pytest.raises(ForbiddenError):
        await scene.take(message(), signatures=signature(SECRET, message(billedDuration="1s"), STAMP))


async def test_without_a_secret_nothing_is_believed(scene: Scene) -> None:
    with pytest.raises(ForbiddenError):
        await scene.open.take(message(), STAMP, signature("", message(), STAMP))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event": "call.ended", "call": {}}'])
async def test_what_cannot_be_read_is_told(scene: Scene, body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        await scene.take(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("66s", 66_000),
        ("6.5s", 6_500),
        ("0s", 0),
        ("0:01:06", 66_000),
        ("1:00:00.5", 3_600_500),
        (None, None),
        ("soon", None),
        ("-1s", None),
        ("infs", None),
    ],
)
def test_billed_durations_are_read_in_both_forms(text: str | None, expected: int | None) -> None:
    assert duration_ms(text) == expected
