"""Numbers at work: tried before they are taken, and their owner asked before a call is answered."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.e2e.api_client import ApiClient, Json
from tests.e2e.engine_view import EngineView
from tests.e2e.gateway_process import Gateway
from tests.e2e.parties import Parties, new_number


class Owner:
    """A web server that answers the question about a call with `answer`."""

    def __init__(self, answer: Json) -> None:
        self.answer = answer
        self.asked: list[Json] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                owner.asked.append(json.loads(self.rfile.read(length)))
                body = json.dumps(owner.answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing: the test tells what went wrong."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/precall"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def owner(api: ApiClient, number: str, answer: Json) -> Iterator[Owner]:
    with contextlib.closing(Owner(answer)) as opened:
        (found,) = api.get("/telephony/numbers", phone_number=number)
        webhook = {"url": opened.url, "secret": "a-secret-of-16-ch"}
        changed = api.http.patch(f"/telephony/numbers/{found['id']}", json={"precall_webhook": webhook})
        assert changed.status_code == 200, changed.text
        yield opened


def test_the_owner_gives_variables_and_another_agent(
    parties: Parties, api: ApiClient, engine: EngineView
) -> None:
    number = parties.inbound_number()
    other = parties.agent("You speak to {{first_name}}.")
    answer = {"agent_id": other["id"], "variables": {"first_name": "Ana"}, "metadata": {"crm": "17"}}
    with owner(api, number, answer) as opened:
        caller = parties.connected_caller(number=number, hold_ms=800)
        sip_call_id = caller.sip.wait_for("answered")["call_id"]
        caller.sip.finish()
        call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
        call = api.wait_for_status(call["id"], "ended")
    assert call["agent_id"] == other["id"]
    assert call["variables"] == {"first_name": "Ana"}
    assert call["metadata"] == {"crm": "17"}
    (question,) = opened.asked
    assert question["data"]["call_id"] == call["id"]
    assert question["data"]["from_number"] == number
    kinds = [step["kind"] for step in api.timeline(call["id"])]
    assert kinds.index("precall-answered") < kinds.index("engine-created")


def test_the_owner_has_a_call_rejected(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number()
    with owner(api, number, {"reject": {"sip_code": 486}}):
        caller = parties.caller("refused", number=number)
        caller.sip.finish()
        assert caller.sip.wait_for("refused")["status"] == "486"
    call = api.wait_for_call(lambda call: call["from_number"] == number, direction="inbound")
    call = api.wait_for_status(call["id"], "failed")
    assert call["failure_reason"] == "rejected"


def test_an_owner_who_is_away_keeps_nobody_out(parties: Parties, api: ApiClient) -> None:
    number = parties.inbound_number()
    with owner(api, number, {}):
        pass
    caller = parties.connected_caller(number=number, hold_ms=500)
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
    call = api.wait_for_status(call["id"], "ended")
    assert "precall-failed" in [step["kind"] for step in api.timeline(call["id"])]


def test_a_trunk_is_tried_before_its_number_is_taken(gateway: Gateway, api: ApiClient) -> None:
    number = new_number()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        body = {"phone_number": number, "sip_server": f"127.0.0.1:{deaf.getsockname()[1]}"}
        refused = api.http.post("/telephony/numbers/import", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "trunk_unreachable"
    imported = api.post("/telephony/numbers/import", {"phone_number": number, "sip_server": gateway.sip})
    assert imported["trunk_id"] is not None


def test_a_call_has_its_price(parties: Parties, api: ApiClient) -> None:
    caller = parties.connected_caller(hold_ms=1200)
    sip_call_id = caller.sip.wait_for("answered")["call_id"]
    caller.sip.finish()
    call = api.wait_for_call(lambda call: call["sip"]["call_id"] == sip_call_id, direction="inbound")
    assert api.wait_for_status(call["id"], "ended")["cost_cents"] == 1  # 6 s at 5 cents a minute
