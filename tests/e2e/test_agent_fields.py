"""Each field of an agent does its work in a call: what the engine is told, and what callers meet."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.baresip_phone import BaresipPhone
from tests.e2e.engine_view import EngineView, engine_call_ids
from tests.e2e.parties import Parties


class ToolOwner:
    """A web server that tools lead to: keeps what it is asked, answers `answer`."""

    def __init__(self) -> None:
        self.requests: list[Json] = []
        self.answer = "It was shipped on Monday."
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append({"path": self.path, "body": json.loads(body), "headers": headers})
                answer = owner.answer.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def owner() -> Iterator[ToolOwner]:
    with contextlib.closing(ToolOwner()) as made:
        yield made


def finished_call(parties: Parties, api: ApiClient, prompt: str, **agent: Any) -> Json:
    """An inbound call to a new agent, over because the agent or a rule ended it."""
    number = parties.inbound_number(prompt, **agent)
    caller = parties.caller("far_end_hangs_up", number=number)
    caller.start_talking()
    call = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] != "ringing")
    over = api.wait_for_status(call["id"], "ended", seconds=20)
    caller.sip.finish()
    return over


def told_engine(api: ApiClient, engine: EngineView, call: Json) -> Json:
    """The engine's call object, with the tools that the model had."""
    engine_call_id = engine_call_ids(api.timeline(call["id"]))[-1]
    told: Json = engine.http.get(f"/api/calls/{engine_call_id}").json()
    told["tools"] = engine.http.get(f"/api/calls/{engine_call_id}/tools").json()
    told["history"] = engine.inspect(engine_call_id)["history"]
    return told


def tool_results(told: Json) -> list[str]:
    return [each["text"] for each in told["history"] if each["role"] == "MESSAGE_ROLE_TOOL_RESULT"]


def use_tool(engine: EngineView, name: str, **arguments: Any) -> str:
    """The prompt of an agent that uses a tool and hangs up."""
    return engine.script({"tool": name, "arguments": arguments}, {"wait": "tool"}, {"hang_up": True})


@pytest.mark.parametrize("kind", ["client", "http"])
def test_a_tool_is_used_in_mid_call(
    parties: Parties, api: ApiClient, engine: EngineView, owner: ToolOwner, kind: str
) -> None:
    tool = api.post(
        "/tools",
        {
            "modelToolName": "look_up_order",
            "type": kind,
            "description": "Finds an order.",
            kind: {"url": f"{owner.url}/orders/{{shop}}", "method": "POST"},
            "dynamicParameters": [
                {"name": "shop", "location": "path", "schema": {"type": "string"}, "required": True},
                {"name": "order", "schema": {"type": "integer"}, "required": True},
            ],
            "staticParameters": [{"name": "X-Key", "location": "header", "value": "k"}],
        },
    )
    prompt = use_tool(engine, "look_up_order", shop="north", order=42)
    call = finished_call(parties, api, prompt, tools=[tool["id"]])
    (request,) = owner.requests
    assert (request["path"], request["body"]) == ("/orders/north", {"order": 42})
    assert request["headers"]["x-key"] == "k"
    assert tool_results(told_engine(api, engine, call)) == ["It was shipped on Monday."]
    if kind == "client":
        assert request["headers"]["x-call-id"] == call["id"]
        kinds = [step["kind"] for step in api.timeline(call["id"])]
        assert kinds.index("tool-invoked") < kinds.index("tool-answered")


def test_an_agent_looks_things_up_in_its_knowledge_base(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    base = api.post(
        "/knowledge-bases", {"name": "FAQ", "sources": [{"name": "Hours", "text": "We open at nine."}]}
    )
    assert api.get(f"/knowledge-bases/{base['id']}")["status"] == "ready"
    prompt = use_tool(engine, "queryCorpus", query="When do you open?")
    call = finished_call(parties, api, prompt, knowledge_bases=[base["id"]])
    (result,) = tool_results(told_engine(api, engine, call))
    assert "We open at nine." in result


def test_an_agent_transfers_the_caller_to_somebody_its_instructions_name(
    parties: Parties, api: ApiClient, engine: EngineView, tmp_path: Path, speech: Path
) -> None:
    desk = parties.callee("callee_answers", hold_ms=300)
    steps = (
        {"say": "One moment, I will connect you.", "uninterruptible": True},
        {"tool": "transferCall", "arguments": {"kind": "cold", "to": f"sip:desk@{desk.sip.address}"}},
        {"wait": "tool"},
    )
    number = parties.inbound_number(
        engine.script(*steps), built_in_config={"transfer": {"cold": True, "warm": False}}
    )
    with BaresipPhone(tmp_path / "phone", speech) as phone:
        phone.dial(f"sip:{number}@{parties.gateway.sip}")
        phone.wait_for("CALL_ESTABLISHED")
        assert desk.sip.wait_for("invited")["to"] == "desk"
        desk.sip.wait_for("acknowledged")
        call = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "ended")
        assert call["end_reason"] == "transferred"
        phone.hang_up()
        desk.sip.wait_for("bye")


def test_the_transfer_tool_is_there_only_when_configured_and_is_honest(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    prompt = use_tool(engine, "transferCall", kind="cold", reason="asked for a person")
    without = told_engine(api, engine, finished_call(parties, api, prompt))
    assert "transferCall" not in [tool["name"] for tool in without["tools"]]
    offered = finished_call(parties, api, prompt, built_in_config={"transfer": {"cold": True}})
    told = told_engine(api, engine, offered)
    (tool,) = [tool for tool in told["tools"] if tool["name"] == "transferCall"]
    kinds = next(each for each in tool["definition"]["dynamicParameters"] if each["name"] == "kind")
    assert kinds["schema"]["enum"] == ["cold"]
    (result,) = tool_results(told)
    assert "Nobody to transfer to was named" in result
    assert offered["status"] == "ended"


def test_settings_reach_the_engine_in_its_own_words(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    call = finished_call(
        parties,
        api,
        engine.script({"hang_up": True}),
        language_hint="en-GB",
        temperature=0.7,
        model="ultravox-v0.6",
        vad_settings={
            "turn_endpoint_delay": "0.512s",
            "minimum_turn_duration": "0.1s",
            "minimum_interruption_duration": "0.2s",
            "frame_activation_threshold": 0.5,
        },
        built_in_config={"hang_up": False},
    )
    told = told_engine(api, engine, call)
    assert (told["languageHint"], told["temperature"], told["model"]) == ("en-GB", 0.7, "ultravox-v0.6")
    assert told["vadSettings"] == {
        "turnEndpointDelay": "0.512s",
        "minimumTurnDuration": "0.1s",
        "minimumInterruptionDuration": "0.2s",
        "frameActivationThreshold": 0.5,
    }
    assert told["tools"] == []
    plain = told_engine(api, engine, finished_call(parties, api, engine.script({"hang_up": True})))
    assert plain["temperature"] == 0.3
    assert [tool["name"] for tool in plain["tools"]] == ["hangUp"]


def test_an_imported_voice_speaks(parties: Parties, api: ApiClient, engine: EngineView) -> None:
    voice = api.post("/voices", {"name": "Test voice", "provider_voice_id": "abc123"})
    call = finished_call(parties, api, engine.script({"hang_up": True}), voice_id=voice["id"])
    told = told_engine(api, engine, call)
    assert (told["externalVoice"], told["voice"]) == ({"elevenLabs": {"voiceId": "abc123"}}, None)


def test_variables_are_filled_into_the_prompt_and_the_greeting(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    prompt = "[scenario:receptionist] You speak to {{first_name}} {{ last_name }}.{{unknown}}"
    greeting = {"text": "Hello {{first_name}}."}
    route = parties.outbound_route(
        "callee_hangs_up", prompt=prompt, hold_ms=1500, agent={"greeting_settings": greeting}
    )
    variables = {"first_name": "Ada", "last_name": "Lovelace"}
    call = api.place_call(route.agent_id, "+14155550111", variables=variables)
    route.callee.start_talking("invited")
    route.callee.sip.finish()
    over = api.wait_for_status(call["id"], "ended")
    assert over["variables"] == variables
    assert over["transcript"][0]["text"].startswith("Hello Ada")
    assert told_engine(api, engine, over)["systemPrompt"].endswith("You speak to Ada Lovelace.")


def test_an_agent_that_lets_the_caller_begin_speaks_when_nobody_does(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    greeting = {"first_speaker": "FIRST_SPEAKER_USER", "text": "Is anybody there?", "delay": 1}
    number = parties.inbound_number(greeting_settings=greeting)
    caller = parties.connected_caller(number=number, hold_ms=3000)
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["from_number"] == number and call["status"] == "ended")
    first = call["transcript"][0]
    assert (first["speaker"], first["text"].strip()) == ("agent", "Is anybody there?")
    assert first["timestamp"] >= 0.9


def test_a_silent_caller_is_asked_and_then_the_call_has_ended_and_not_failed(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    messages = [
        {"duration": "1s", "message": "Still there?"},
        {"duration": "1s", "message": "Goodbye.", "endBehavior": "END_BEHAVIOR_HANG_UP"},
    ]
    greeting = {"first_speaker": "FIRST_SPEAKER_AGENT", "text": "Hi."}
    call = finished_call(
        parties,
        api,
        "[scenario:receptionist] You wait.",
        greeting_settings=greeting,
        inactivity_messages=messages,
    )
    said = [entry["text"].strip() for entry in call["transcript"]]
    assert said == ["Hi.", "Still there?", "Goodbye."]
    assert (call["status"], call["failure_reason"]) == ("ended", None)


def test_the_longest_time_ends_a_call_with_the_agents_words(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    call = finished_call(
        parties,
        api,
        "[scenario:receptionist] You wait.",
        greeting_settings={"text": "Hi."},
        max_duration="2s",
        time_exceeded_message="Time is up.",
    )
    assert [entry["text"].strip() for entry in call["transcript"]] == ["Hi.", "Time is up."]
    assert (call["end_reason"], call["failure_reason"]) == ("max-duration", None)
    assert 2 <= call["duration_seconds"] <= 4
