from __future__ import annotations

import gzip
import re

import pytest

from control_api.routes_widget_files import DIRECTORY, widget_files
from tests.control_api.api import World

SCRIPTS = ("widget.js", "sdk.js")
MOST_BYTES = 25_000


@pytest.mark.parametrize("name", SCRIPTS)
async def test_pages_of_any_origin_may_load_the_scripts(world: World, name: str) -> None:
    headers = {"Origin": "https://any.example"}
    answer = await world.anonymous.get(f"http://gateway/{name}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == (DIRECTORY / name).read_text()


async def test_the_types_are_served_beside_the_sdk(world: World) -> None:
    answer = await world.anonymous.get("http://gateway/sdk.d.ts")
    assert answer.headers["content-type"] == "application/typescript; charset=utf-8"
    assert "createCall" in answer.text


async def test_a_browser_that_has_a_script_gets_it_once(world: World) -> None:
    first = await world.anonymous.get("http://gateway/widget.js")
    assert first.headers["cache-control"] == "public, no-cache"
    again = await world.anonymous.get(
        "http://gateway/widget.js", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["access-control-allow-origin"] == "*"
    head = await world.anonymous("HEAD", "http://gateway/widget.js")
    assert (head.status_code, head.content) == (200, b"")


async def test_each_module_that_a_script_needs_is_served(world: World) -> None:
    wanted, seen = list(SCRIPTS), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = await world.anonymous.get(f"http://gateway/{name}")
        assert answer.status_code == 200, name
        folder = name.rpartition("/")[0]
        needed = re.findall(r'from "\./([^"]+)"', answer.text)
        wanted += [f"{folder}/{relative}".removeprefix("/") for relative in needed]
    assert seen == {name for name in widget_files() if name.endswith(".js")}


async def test_nothing_else_of_the_folder_is_served(world: World) -> None:
    for name in ("widget/nothing.js", "widget/..%2Fsdk.js", "widget/", "widget"):
        assert (await world.anonymous.get(f"http://gateway/{name}")).status_code == 404


def test_widget_and_sdk_together_are_light() -> None:
    scripts = [file for name, file in widget_files().items() if name.endswith(".js")]
    sent = sum(len(file.compressed or file.body) for file in scripts)
    assert sent < MOST_BYTES
    assert all(gzip.decompress(file.compressed) == file.body for file in scripts if file.compressed)


def test_a_strict_policy_of_the_page_is_respected() -> None:
    """Nothing that `script-src 'self'`, `style-src 'none'` or trusted types would refuse."""
    for path in DIRECTORY.rglob("*.js"):
        source = path.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source
        )
        assert not re.search(r"""setAttribute\(["']style|<style|style=""", source)
