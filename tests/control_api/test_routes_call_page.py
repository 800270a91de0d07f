from __future__ import annotations

import re

import pytest
from starlette.requests import Request

from control_api.routes_call_page import call_page_files, join_link
from tests.control_api.api import World


def request_at(host: str, scheme: str = "http") -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": scheme,
        "path": "/api/public/v1/agents/x/test-call",
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }
    return Request(scope)


@pytest.mark.parametrize("address", ["/join", "/join/some.token"])
async def test_the_page_is_served_under_a_strict_policy(world: World, address: str) -> None:
    answer = await world.anonymous.get(f"http://gateway{address}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self' https:" in policy
    assert "unsafe" not in policy
    assert "some.token" not in answer.text


async def test_the_page_holds_no_script_or_style_of_its_own(world: World) -> None:
    page = (await world.anonymous.get("http://gateway/join")).text
    assert not re.findall(r"<script(?![^>]*\bsrc=)", page)
    assert not re.findall(r"<style|\bstyle=|\bon\w+=", page)


async def test_all_that_the_page_loads_is_there(world: World) -> None:
    page = (await world.anonymous.get("http://gateway/join")).text
    script = (await world.anonymous.get("http://gateway/call-page/page.js")).text
    wanted = re.findall(r'(?:src|href)="(/[^"]+)"', page) + re.findall(r'import "(/[^"]+)"', script)
    assert len(wanted) == 3
    for address in wanted:
        assert (await world.anonymous.get(f"http://gateway{address}")).status_code == 200, address


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2froutes_call_page.py"])
async def test_nothing_else_is_served(world: World, name: str) -> None:
    assert (await world.anonymous.get(f"http://gateway/call-page/{name}")).status_code == 404


def test_every_notice_of_the_page_is_text_for_a_code_of_the_api() -> None:
    script = call_page_files()["page.js"].body.decode()
    assert re.findall(r"^  (token_\w+): ", script, re.M) == ["token_unknown", "token_used", "token_expired"]


def test_the_token_of_a_link_is_behind_the_hash() -> None:
    assert join_link(request_at("10.0.0.5:8080"), None, "id.secret") == "http://10.0.0.5:8080/join#id.secret"
    own = join_link(request_at("10.0.0.5:8080"), "https://calls.example.com", "id.secret")
    assert own == "https://calls.example.com/join#id.secret"
