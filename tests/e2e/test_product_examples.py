"""The requests of the product's documents, word for word but for the address, the key and the identifiers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties

EXAMPLES = Path(__file__).parent / "product_examples"
AGENT = "1f4baf16-1540-4d91-9696-7f34b2f2cb77"
VOICE = "a7f2ec82-f533-4f41-a8de-0e4351bd2ec5"
TOOL = "4ee4db9b-d099-4dba-b4a8-8272a55fe25a"
KNOWLEDGE_BASE = "6f4af8be-0a96-49b0-ac2a-a359f46cc966"
CALL = "call_01hx3k9p2qw7v8n4m6j5r0y1tz"


class Product:
    """Runs an example against a gateway; `ids` are ours for those of the documents."""

    def __init__(self, gateway: Gateway, api: ApiClient) -> None:
        self._gateway = gateway
        voice = next(voice for voice in api.get("/voices") if not voice["imported"])
        self.ids = {VOICE: voice["id"]}

    def text(self, name: str) -> str:
        text = (EXAMPLES / name).read_text()
        replaced = {
            "https://api.truedy.ai": self._gateway.http,
            "YOUR_API_KEY": self._gateway.demo_key,
        } | self.ids
        for theirs, ours in replaced.items():
            text = text.replace(theirs, ours)
        assert "truedy.ai" not in text
        return text

    def curl(self, name: str) -> Any:
        """What the command prints, as JSON; None when it prints nothing."""
        printed = _run(["bash", "-c", self.text(name)])
        return json.loads(printed) if printed else None


def _run(command: list[str], given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def product(gateway: Gateway, api: ApiClient) -> Product:
    return Product(gateway, api)


def created(product: Product, api: ApiClient) -> Json:
    """The agent of the first example, known to the engine."""
    agent: Json = product.curl("create_agent.sh")["data"]
    product.ids[AGENT] = agent["id"]
    return api.wait_until_active(agent["id"])


def test_an_agent_lives_as_documented(product: Product, api: ApiClient) -> None:
    first = product.curl("create_agent.sh")
    assert first["data"]["name"] == "Customer Support Agent"
    assert first["data"]["status"] in ("draft", "creating", "active")
    assert set(first) == {"data", "meta"}
    again = product.curl("create_agent.sh")
    assert again["data"]["id"] == first["data"]["id"], "the same idempotency key made a second agent"
    agent = created(product, api)

    listed = product.curl("list_agents.sh")
    assert set(listed["pagination"]) == {"total", "limit", "offset", "has_more"}
    shown = next(entry for entry in listed["data"] if entry["id"] == agent["id"])
    assert {
        "id",
        "name",
        "description",
        "voice_id",
        "system_prompt",
        "model",
        "status",
        "inbound_phone_numbers",
        "outbound_phone_numbers",
        "created_at",
        "updated_at",
    } <= set(shown)
    assert product.curl("get_agent.sh")["data"]["id"] == agent["id"]

    patched = product.curl("patch_agent.sh")["data"]
    assert (patched["recording_enabled"], patched["temperature"]) == (True, 0.2)
    assert patched["max_duration"] == "600s"
    assert patched["name"] == "Customer Support Agent"

    replaced = product.curl("replace_agent.sh")["data"]
    assert replaced["name"] == "Customer Support Agent V2"
    assert (replaced["recording_enabled"], replaced["temperature"]) == (False, 0.3), "not a true replacement"

    product.curl("delete_agent.sh")
    assert product.curl("get_agent.sh")["error"]["code"] == "not_found"


def test_every_field_of_the_create_example_is_taken(product: Product, api: ApiClient) -> None:
    tool = api.post(
        "/tools",
        {
            "modelToolName": "look_up_order",
            "description": "Looks an order up.",
            "http": {"url": "https://example.com/orders", "method": "GET"},
        },
    )
    base = api.post("/knowledge-bases", {"name": "Handbook"})
    product.ids |= {TOOL: tool["id"], KNOWLEDGE_BASE: base["id"]}
    body = json.loads(product.text("create_agent.json"))
    agent = api.post("/agents", body)
    assert {name: agent[name] for name in body if name != "greeting_settings"} == {
        name: value for name, value in body.items() if name != "greeting_settings"
    }
    greeting = agent["greeting_settings"]
    assert greeting["first_speaker"] == "FIRST_SPEAKER_AGENT"
    assert greeting["text"] == body["greeting_settings"]["text"]


def test_a_test_call_is_answered_with_a_link(product: Product, parties: Parties, api: ApiClient) -> None:
    agent = parties.agent()
    product.ids[AGENT] = agent["id"]
    data = product.curl("test_call.sh")["data"]
    assert set(data) == {"call_id", "join_url", "agent_id", "created_at"}
    assert data["agent_id"] == agent["id"]
    assert data["join_url"].startswith(("http", "ws"))
    call = api.call(data["call_id"])
    assert (call["direction"], call["phone_number"], call["from_number"]) == ("webrtc", None, None)
    api.post(f"/calls/{call['id']}/cancel")  # nobody joins it


def test_one_call_is_read_in_three_languages(product: Product, parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=1200)
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    caller.sip.finish()
    found = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
    call = api.wait_for_status(found["id"], "ended")
    product.ids[CALL] = f"call_{call['id']}"
    printed = f"ended\n{call['duration_seconds']}\n"
    assert product.curl("get_call.sh")["status"] == "ended"
    assert _run([sys.executable, "-"], product.text("get_call.py.txt")) == printed
    assert _run(["node", "--input-type=module"], product.text("get_call.mjs")) == printed
    fields = json.loads((EXAMPLES / "call_fields.json").read_text())
    assert set(fields) <= set(product.curl("get_call.sh"))
