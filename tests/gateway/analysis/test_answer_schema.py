from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from gateway.analysis.answer_schema import InvalidAnswerError, answer_schema, checked_answer, label
from tests.support.model_server import strict_problem

VISIT = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "date": {"type": "string"},
        "people": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"age": {"type": "integer"}, "note": {"type": "string"}},
                "required": ["age"],
            },
        },
    },
    "required": ["name"],
}


def answer(**fields: Any) -> dict[str, Any]:
    return {"summary": "They talked.", "success": True, "outcome": "interested", "extracted": {}} | fields


def test_what_is_asked_for_is_strict_all_the_way_down() -> None:
    schema = answer_schema(VISIT, judged=True)
    assert strict_problem(schema) is None
    assert strict_problem(VISIT) is not None
    assert schema["required"] == ["summary", "success", "outcome", "extracted"]
    assert VISIT["required"] == ["name"]  # left as it is
    with_nulls = answer(extracted={"name": "Ada", "date": None, "people": [{"age": 36, "note": None}]})
    jsonschema.validate(with_nulls, schema)


def test_only_what_the_agent_wants_is_asked_for() -> None:
    assert answer_schema(None, judged=False)["required"] == ["summary"]
    assert answer_schema(VISIT, judged=False)["required"] == ["summary", "extracted"]
    assert checked_answer({"summary": "s"}, None, judged=False) == {
        "success": None,
        "summary": "s",
        "extracted": None,
        "outcome": None,
    }


def test_nulls_of_what_is_optional_are_taken_out_again() -> None:
    given = answer(extracted={"name": "Ada", "date": None, "people": [{"age": 36, "note": None}]})
    checked = checked_answer(given, VISIT, judged=True)
    assert checked["extracted"] == {"name": "Ada", "people": [{"age": 36}]}
    assert (checked["success"], checked["outcome"]) == (True, "interested")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "text",
        answer(summary=None),
        answer(success="yes"),
        answer(outcome=""),
        answer(outcome=7),
        answer(extracted=None),
        answer(extracted={}),
        answer(extracted={"name": None}),
        answer(extracted={"name": "Ada", "people": [{"note": "x"}]}),
    ],
)
def test_what_was_not_asked_for_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidAnswerError):
        checked_answer(wrong, VISIT, judged=True)


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "#/nowhere"}, {"type": "object", "properties": {"a": 3}}]
)
def test_a_schema_that_cannot_be_used_is_told_of(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswerError):
        checked_answer(answer(extracted={"a": 1}), schema, judged=True)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("interested", "interested"),
        ("Not Interested", "not-interested"),
        ("call_back_later!", "call-back-later"),
        ("x" * 100, "x" * 64),
    ],
)
def test_labels_are_hyphenated_words(given: str, made: str) -> None:
    assert label(given) == made
