"""A server that speaks OpenAI's chat completions, strict about what it is asked; it answers what it is told.

It runs in a thread, so that tests with and without a loop of their own can use it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jsonschema

Json = dict[str, Any]
Reply = Callable[[Json], Any]
API_KEY = "sk-test"


class ModelServer:
    """`reply` gets a request and gives the answer's content (anything JSON, or text as it is), or an HTTP
    status.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[Json] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = outer._answer(self.path, self.headers.get("Authorization"), body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="model-server")
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, path: str, authorization: str | None, body: Json) -> tuple[int, Json]:
        if path != "/v1/chat/completions":
            return 404, {"error": {"message": "no such path"}}
        if authorization != f"Bearer {API_KEY}":
            return 401, {"error": {"message": "invalid key"}}
        wanted = body["response_format"]
        problem = strict_problem(wanted["json_schema"]["schema"])
        if wanted["type"] != "json_schema" or not wanted["json_schema"]["strict"] or problem:
            return 400, {"error": {"message": problem or "not strict"}}
        self.requests.append(body)
        reply = self.reply(body)
        if isinstance(reply, int):
            return reply, {"error": {"message": "as the test wants"}}
        content = reply if isinstance(reply, str) else json.dumps(reply)
        return 200, {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content},
                }
            ],
        }


def strict_problem(schema: Any) -> str | None:
    """Why strict structured output would refuse a schema: an object has all its properties required and no
    others.
    """
    jsonschema.Draft202012Validator.check_schema(schema)
    if isinstance(schema, list):
        return next((problem for one in schema if (problem := strict_problem_of(one))), None)
    return strict_problem_of(schema)


def strict_problem_of(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None
    if "properties" in schema and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(schema["properties"])
    ):
        return f"not strict: {sorted(schema['properties'])}"
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("items")]
    return next((problem for one in inner if (problem := strict_problem_of(one))), None)
