"""375 calls offered to a gateway that takes 250: exactly 125 are refused, and who is inside hears nothing of
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import UNLIMITED, watched
from tests.e2e.gateway_process import Gateway
from tests.e2e.leaks import assert_calls_gone
from tests.e2e.parties import RECEPTIONIST
from tests.e2e.sipp_runner import SippRun

CAP = 250
OFFERED = 375
RATE = 40  # calls a second
HOLD_MS = 18_000  # longer than it takes to offer them all


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = UNLIMITED | {
        "TRUNKLINE_CALLS_MAX_INBOUND": str(CAP),
        "TRUNKLINE_LOGGING_LEVEL": "error",
        "TRUNKLINE_MEDIA_PORT_REST": "1s",
        "TRUNKLINE_MEDIA_FIRST_PACKET_TIMEOUT": "2m",  # the callers send no audio
        "TRUNKLINE_WATCHDOGS_AGENT_END_AFTER": "0",
    }
    with watched(Gateway(tmp_path_factory.mktemp("small"), environment=settings)) as running:
        yield running


@pytest.mark.timeout(200)
def test_above_its_capacity_exactly_the_rest_is_refused(small_gateway: Gateway, tmp_path: Path) -> None:
    with (
        closing(ApiClient(small_gateway.http, small_gateway.demo_key)) as api,
        SippRun(
            "caller_or_refused",
            tmp_path,
            remote=small_gateway.sip,
            number=RECEPTIONIST,
            calls=OFFERED,
            hold_ms=HOLD_MS,
            seconds=120,
            options=("-r", str(RATE), "-l", str(OFFERED)),
            trace=False,
        ) as run,
    ):
        run.finish()
        words = [line.split(" ", 1)[0] for line in run.events]
        assert (words.count("answered"), words.count("refused")) == (CAP, OFFERED - CAP)
        assert_calls_gone(small_gateway)
        answered = api.http.get("/calls", params={"limit": 1}).json()["pagination"]["total"]
        ended = api.http.get("/calls", params={"limit": 1, "status": "ended"}).json()["pagination"]["total"]
        assert (answered, ended) == (CAP, CAP), "a refused INVITE is no call, and no admitted one failed"
        failed = small_gateway.metrics().get('trunkline_rejections_total{kind="capacity"}')
        assert failed == OFFERED - CAP
