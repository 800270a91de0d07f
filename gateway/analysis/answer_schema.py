"""The JSON schema that an analysis has to follow, in the form that strict structured output asks for.

Strict output wants every property required and no others, so an optional one is made nullable, and its null
is taken out of the answer again before the answer is held to the agent's own schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jsonschema

LONGEST_LABEL = 64
LONGEST_SUMMARY = 4_000
_NO_LABEL = re.compile(r"[^a-z0-9]+")
# Schemas that may stand in a list, and those that stand under names.
_LISTS, _NAMED, _SINGLE = (
    ("anyOf", "allOf", "oneOf", "prefixItems"),
    ("$defs", "definitions"),
    ("items", "not"),
)


class InvalidAnswerError(Exception):
    """The answer is not what was asked for; the text says how."""


def answer_schema(extraction_schema: Mapping[str, Any] | None, *, judged: bool) -> dict[str, Any]:
    """What is asked for: always a summary, success and outcome where the agent says what success is
    (`judged`), and what its `extraction_schema` describes.
    """
    properties: dict[str, Any] = {"summary": {"type": "string"}}
    if judged:
        properties |= {"success": {"type": "boolean"}, "outcome": {"type": "string"}}
    if extraction_schema is not None:
        properties["extracted"] = strict(extraction_schema)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def strict(schema: Any) -> Any:
    """A schema whose objects have all their properties and no others."""
    if not isinstance(schema, Mapping):
        return schema
    made = dict(schema)
    for name in _LISTS:
        if isinstance(made.get(name), list):
            made[name] = [strict(one) for one in made[name]]
    for name in _NAMED:
        if isinstance(made.get(name), Mapping):
            made[name] = {key: strict(one) for key, one in made[name].items()}
    for name in _SINGLE:
        if name in made:
            made[name] = strict(made[name])
    properties = made.get("properties")
    if isinstance(properties, Mapping):
        required = made.get("required", ())
        made["properties"] = {
            name: strict(one) if name in required else {"anyOf": [strict(one), {"type": "null"}]}
            for name, one in properties.items()
        }
        made["required"] = list(properties)
        made["additionalProperties"] = False
    return made


def checked_answer(
    answer: Any, extraction_schema: Mapping[str, Any] | None, *, judged: bool
) -> dict[str, Any]:
    """`{success, summary, extracted, outcome}` of an answer, each null when it was not asked for. Raises
    `InvalidAnswerError`.
    """
    if not isinstance(answer, Mapping):
        raise InvalidAnswerError("the answer is not a JSON object")
    summary = answer.get("summary")
    if not isinstance(summary, str):
        raise InvalidAnswerError("summary is not text")
    checked: dict[str, Any] = {"success": None, "summary": summary[:LONGEST_SUMMARY], "extracted": None}
    checked["outcome"] = None
    if judged:
        if not isinstance(answer.get("success"), bool):
            raise InvalidAnswerError("success is not true or false")
        checked["success"] = answer["success"]
        checked["outcome"] = label(answer.get("outcome"))
    if extraction_schema is not None:
        extracted = without_nulls(answer.get("extracted"), extraction_schema)
        try:
            jsonschema.validate(extracted, extraction_schema)
        except jsonschema.ValidationError as error:
            raise InvalidAnswerError(f"extracted: {error.json_path}: {error.validator}") from error
        except jsonschema.exceptions.SchemaError as error:
            raise InvalidAnswerError(f"extraction_schema is no JSON schema: {error.json_path}") from error
        except Exception as error:  # a reference that leads nowhere, a schema that never ends
            raise InvalidAnswerError(f"extraction_schema cannot be used: {type(error).__name__}") from error
        checked["extracted"] = extracted
    return checked


def without_nulls(value: Any, schema: Any) -> Any:
    """Without the nulls that stand for optional properties which are not there."""
    if isinstance(value, list) and isinstance(schema, Mapping):
        return [without_nulls(one, schema.get("items")) for one in value]
    if not isinstance(value, Mapping):
        return value
    properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    required = schema.get("required", ()) if isinstance(schema, Mapping) else ()
    return {
        name: without_nulls(one, properties.get(name))
        for name, one in value.items()
        if one is not None or name in required or name not in properties
    }


def label(text: Any) -> str:
    """A hyphenated word of whatever was given for one. Raises `InvalidAnswerError`."""
    made = (
        _NO_LABEL.sub("-", text.lower()).strip("-")[:LONGEST_LABEL].strip("-")
        if isinstance(text, str)
        else ""
    )
    if not made:
        raise InvalidAnswerError("outcome is not a word")
    return made
