"""A client that a stranger's generator makes of the OpenAPI document places a call."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties

PACKAGE = "trunkline_client"


@pytest.fixture
def generated(gateway: Gateway, tmp_path: Path) -> Iterator[Any]:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(httpx.get(f"{gateway.http}/openapi.json").json()))
    generator = Path(sys.executable).with_name("openapi-python-client")
    command = [generator, "generate", "--path", document, "--meta", "none"]
    made = subprocess.run(
        [*command, "--output-path", tmp_path / PACKAGE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    told = made.stdout + made.stderr
    assert made.returncode == 0, told
    for warning in told.split("WARNING parsing ")[1:]:  # of session descriptions it makes nothing
        assert "Endpoint will not be generated" not in warning or "sdp" in warning, warning
    sys.path.insert(0, str(tmp_path))
    try:
        package = importlib.import_module(PACKAGE)
        yield package.AuthenticatedClient(f"{gateway.http}", token=gateway.demo_key)
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def test_a_generated_client_places_and_reads_a_call(generated: Any, parties: Parties) -> None:
    route = parties.outbound_route()
    create_call = importlib.import_module(f"{PACKAGE}.api.calls.create_call")
    get_call = importlib.import_module(f"{PACKAGE}.api.calls.get_call")
    list_calls = importlib.import_module(f"{PACKAGE}.api.calls.list_calls")
    models = importlib.import_module(f"{PACKAGE}.models")

    body = models.CallCreate(agent_id=route.agent_id, phone_number="+15557650000")
    placed = create_call.sync(client=generated, body=body)
    assert placed.data.status == models.CallStatus.QUEUED
    route.callee.start_talking("invited")
    call = parties.api.wait_for_status(str(placed.data.id), "in-progress")
    read = get_call.sync(call["id"], client=generated)
    assert read.data.status == read.status == models.CallStatus.IN_PROGRESS
    assert read.phone_number == "+15557650000"
    listed = list_calls.sync(client=generated, status=models.CallStatus.IN_PROGRESS)
    assert call["id"] in [str(entry.id) for entry in listed.data]
    parties.api.post(f"/calls/{call['id']}/hangup")
