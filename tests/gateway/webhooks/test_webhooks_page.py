"""`docs/webhooks.md` says what is really sent, and its verifiers take it and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.webhooks.event_names import EventName
from gateway.webhooks.retry_schedule import SCHEDULE_S
from gateway.webhooks.signature import signature, signed_headers

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
NOW = 1_775_398_921

Verifier = Callable[[str, dict[str, str], bytes, int], bool]


def vector(name: str) -> str:
    found = re.search(rf"^\| {name} \| `(.*)` \|$", PAGE, re.MULTILINE)
    assert found is not None, name
    return found[1]


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(params=["python", "javascript"])
def is_genuine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Verifier:
    """The verifier of the page, at the time that is given last."""
    source = code(request.param)
    if request.param == "python":
        names: dict[str, Any] = {}
        exec(source, names)

        def python(secret: str, headers: dict[str, str], body: bytes, now: int) -> bool:
            monkeypatch.setattr(time, "time", lambda: now)
            genuine: bool = names["is_genuine"](secret, headers, body)
            return genuine

        return python
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("node is needed; run tests/install_system_packages.sh")

    def javascript(secret: str, headers: dict[str, str], body: bytes, now: int) -> bool:
        lowered = json.dumps({name.lower(): value for name, value in headers.items()})
        script = (
            f"{source}\nDate.now = () => {now * 1000};\n"
            f"const body = Buffer.from({json.dumps(body.hex())}, 'hex');\n"
            f"console.log(isGenuine({json.dumps(secret)}, {lowered}, body));"
        )
        done = subprocess.run([node, "-e", script], capture_output=True, text=True, timeout=30, check=True)
        return {"true": True, "false": False}[done.stdout.strip()]

    return javascript


def test_the_vectors_belong_together() -> None:
    body, at = vector("body").encode(), int(vector("timestamp"))
    assert at == NOW
    assert signature(vector("secret"), at, body) == vector("signature")
    keys = (vector("secret"), vector("the secret before it"))
    headers = signed_headers(keys, json.loads(body)["id"], at, body)
    assert headers["X-Truedy-Signature"] == vector("signature during the rotation")
    example = PAGE.partition("```http")[2].partition("```")[0]
    plain = signed_headers(keys[:1], json.loads(body)["id"], at, body)
    assert all(f"{name}: {value}" in example for name, value in plain.items())


def test_the_verifiers_take_what_is_genuine_and_nothing_else(is_genuine: Verifier) -> None:
    body = vector("body").encode()
    new, old = vector("secret"), vector("the secret before it")
    single = {"X-Truedy-Timestamp": str(NOW), "X-Truedy-Signature": vector("signature")}
    double = single | {"X-Truedy-Signature": vector("signature during the rotation")}
    assert is_genuine(new, single, body, NOW)
    assert is_genuine(new, double, body, NOW + 299)
    assert is_genuine(old, double, body, NOW)
    assert not is_genuine(old, single, body, NOW)
    assert not is_genuine(new, single, body + b" ", NOW)
    assert not is_genuine(new, single, body, NOW + 301)
    assert not is_genuine(new, single, body, NOW - 301)
    assert not is_genuine(new, single | {"X-Truedy-Timestamp": str(NOW + 1)}, body, NOW)
    assert not is_genuine(new, single | {"X-Truedy-Timestamp": "soon"}, body, NOW)
    assert not is_genuine(new, single | {"X-Truedy-Signature": "00"}, body, NOW)


def test_the_python_verifier_has_ten_lines() -> None:
    assert sum(bool(line.strip()) for line in code("python").splitlines()) <= 10


def test_every_event_is_on_the_page_and_no_other() -> None:
    table = PAGE.partition("| event | when |")[2].partition("\n\n")[0]
    first_cells = "".join(line.split(" | ")[0] for line in table.splitlines())
    assert set(re.findall(r"`([a-z.]+)`", first_cells)) == {str(name) for name in EventName}


def test_the_schedule_is_the_one_of_the_page() -> None:
    told = re.search(r"tried again (.*?) later", PAGE)
    assert told is not None
    units = {"s": 1, "min": 60, "h": 3600}
    pauses = [int(count) * units[unit] for count, unit in re.findall(r"(\d+) (s|min|h)", told[1])]
    assert (0.0, *pauses) == SCHEDULE_S
