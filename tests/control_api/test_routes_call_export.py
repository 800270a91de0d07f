from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from control_api.routes_call_export import COLUMNS
from store.records import CallRecord, CallStatus
from tests.control_api.api import World


async def three_calls(world: World) -> list[CallRecord]:
    agent = await world.agent()
    for number in range(3):
        body = {
            "agent_id": agent.id,
            "phone_number": f"+1415555010{number}",
            "variables": {"first_name": '=HYPERLINK("x"),'},
        }
        await world.api.post("calls", body)
    made = [
        world.gateway.calls.put(replace(record, outcome="=SUM(A1)", status=CallStatus.ENDED))
        for record in world.gateway.calls.records.values()
    ]
    return sorted(made, key=lambda record: (record.created_at, record.id), reverse=True)


async def test_csv_has_a_line_for_each_call(world: World) -> None:
    calls = await three_calls(world)
    answer = await world.api.get("calls/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == [call.id for call in calls]
    assert rows[0]["phone_number"] == calls[0].phone_number
    assert json.loads(rows[0]["variables"]) == {"first_name": '=HYPERLINK("x"),'}
    assert rows[0]["outcome"] == "'=SUM(A1)"  # no formula of a stranger runs in somebody's spreadsheet


async def test_no_words_that_begin_with_a_plus_run_as_a_formula_and_numbers_stay(world: World) -> None:
    call, *_ = await three_calls(world)
    world.gateway.calls.put(replace(call, outcome="+1+cmd|' /C calc'!A0"))
    rows = list(csv.DictReader(io.StringIO((await world.api.get("calls/export")).text)))
    assert rows[0]["outcome"] == "'+1+cmd|' /C calc'!A0"
    assert rows[0]["phone_number"] == call.phone_number


async def test_json_lines_are_call_objects(world: World) -> None:
    calls = await three_calls(world)
    answer = await world.api.get("calls/export?format=jsonl")
    objects = [json.loads(line) for line in answer.text.splitlines()]
    assert objects == [(await world.api.get(f"calls/{call.id}")).json()["data"] for call in calls]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
async def test_no_calls_are_an_empty_file(world: World, format: str) -> None:
    answer = await world.api.get(f"calls/export?format={format}&status=completed")
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == (1 if format == "csv" else 0)
    assert world.gateway.calls.filters[-1].status is CallStatus.ENDED


async def test_another_organisation_gets_none_of_them(world: World) -> None:
    await three_calls(world)
    assert len((await world.other.get("calls/export")).text.splitlines()) == 1


async def test_a_wrong_format_or_filter_is_named(world: World) -> None:
    for query in ("format=xml", "status=nonsense"):
        answer = await world.api.get(f"calls/export?{query}")
        assert answer.status_code == 422
        assert answer.json()["error"]["details"]["field"] == query.partition("=")[0]
