"""The OpenAPI document holds: whatever a client makes of it, the gateway answers as documented and never with
a fault of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from tests.e2e.gateway_process import Gateway

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "6"))  # for each operation and kind; by hand: hundreds

RUN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# What a schema cannot say: an agent that must exist, a number that must be assigned.
ACCEPTED = ["2xx", "401", "403", "404", "409", "413", "422", "429"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
# Session descriptions: whatever text it is, the gateway refuses it in words.
schemathesis.serializer.alias(["application/sdp", "application/trickle-ice-sdpfrag"], "text/plain")
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "502"]},
            "negative_data_rejection": {"expected-statuses": [*REFUSED, "5xx"]},
            # A carrier's own API cannot be asked from here.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "502"]},
        }
    }
)


def test_every_operation_answers_as_documented(start_gateway: Callable[..., Gateway]) -> None:
    """Streams have tests of their own: they do not end. The gateway is its own: every setting is changed."""
    gateway = start_gateway()
    schema = schemathesis.openapi.from_url(f"{gateway.http}/openapi.json", config=CONFIG)
    schema = schema.exclude(path_regex="/(events|live)$")
    headers = {"Authorization": f"Bearer {gateway.demo_key}"}
    faults: list[str] = []
    operations = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        operations += 1
        for mode in GenerationMode:

            @RUN
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                case.call_and_validate(headers=headers, timeout=20)

            try:
                check()
            except Unsatisfiable:  # an operation without input has no wrong one
                assert mode is GenerationMode.NEGATIVE
            except (Exception, BaseExceptionGroup) as fault:  # noqa: BLE001 - told below, with all others
                faults.append(f"{operation.label} ({mode.value}):\n{_text(fault)}")
    assert operations > 40
    assert not faults, "\n\n".join(faults)


def _text(fault: BaseException) -> str:
    parts = [str(fault)[:1_500]]
    if isinstance(fault, BaseExceptionGroup):
        parts += [_text(part) for part in fault.exceptions]
    return "\n".join(parts)
