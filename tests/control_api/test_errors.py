from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from control_api.envelope import REQUEST_ID
from control_api.errors import STATUS_BY_ERROR, IdempotencyKeyReusedError, response_for, status_of
from gateway import errors
from gateway.errors import (
    ConfigurationError,
    ConflictError,
    GatewayError,
    InvalidRequestError,
    LimitExceededError,
    UnavailableError,
)
from store.errors import StoreUnavailableError, UnstorableValueError

SCOPE = {REQUEST_ID: "f98eb11f-9f34-4d13-9075-0e29f106f37d"}


def rendered(error: Exception) -> tuple[Response, dict[str, Any]]:
    response = response_for(SCOPE, error)
    assert response is not None
    return response, json.loads(response.body)["error"]


def test_every_error_of_the_gateway_has_its_place_in_the_table() -> None:
    classes = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, GatewayError) and each is not GatewayError
    }
    assert classes <= set(STATUS_BY_ERROR)


def test_a_subclass_has_the_status_of_its_nearest_ancestor() -> None:
    class Narrower(ConflictError):
        pass

    assert status_of(Narrower("x")) == 409
    assert status_of(IdempotencyKeyReusedError("x")) == 422
    assert status_of(GatewayError("x")) == 500


@pytest.mark.parametrize("kind", [LimitExceededError, UnavailableError])
@pytest.mark.parametrize(("given", "said"), [({}, 1), ({"retry_after": 0.2}, 1), ({"retry_after": 7.1}, 8)])
def test_retry_after_is_always_said_in_whole_seconds(
    kind: type[GatewayError], given: dict[str, Any], said: int
) -> None:
    response, error = rendered(kind("later", **given))
    assert response.headers["retry-after"] == str(said)
    assert error["details"]["retry_after"] == said


def test_a_refusal_names_its_field_in_both_forms() -> None:
    _, error = rendered(
        InvalidRequestError("is not yours", code="from_number_not_assigned", field="from_number")
    )
    assert error["details"]["field"] == "from_number"
    assert error["details"]["errors"] == [
        {"field": "from_number", "message": "is not yours", "type": "from_number_not_assigned"}
    ]


def test_our_own_mistakes_are_not_explained_to_strangers() -> None:
    response, error = rendered(ConfigurationError("engine.api_key is missing", key="engine.api_key"))
    assert (response.status_code, error["code"], error["details"]) == (500, "internal_error", {})


def test_details_are_made_plain() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    _, error = rendered(ConflictError("x", a=Odd(), b=(1, {"c": Odd()}), d=None))
    assert error["details"] == {"a": "odd", "b": [1, {"c": "odd"}], "d": None}


def test_errors_of_the_framework_keep_their_headers() -> None:
    response, error = rendered(HTTPException(405, headers={"Allow": "GET"}))
    assert (response.headers["allow"], error["code"]) == ("GET", "method_not_allowed")
    _, error = rendered(HTTPException(400, "There was an error parsing the body"))
    assert error["code"] == "bad_request"


def test_a_crash_is_nobodys_response() -> None:
    assert response_for(SCOPE, RuntimeError("a bug")) is None


def test_a_database_that_is_away_is_told_with_the_time_to_wait() -> None:
    response, error = rendered(StoreUnavailableError("connection refused, password secret"))
    assert (response.status_code, error["code"]) == (503, "store_unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert "secret" not in str(error)


def test_a_value_that_cannot_be_stored_is_the_request_s_fault() -> None:
    response, error = rendered(UnstorableValueError("0x00"))
    assert (response.status_code, error["code"]) == (422, "validation_error")
    assert error["details"]["field"] == "body"
