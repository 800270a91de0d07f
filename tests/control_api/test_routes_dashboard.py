from __future__ import annotations

import gzip
import re
from pathlib import PurePosixPath

import pytest

from control_api.dashboard_files import DIRECTORY, dashboard_files, static_file
from tests.control_api.api import World

HERE = "http://gateway/dashboard/"


async def test_the_page_needs_no_key_and_runs_nothing_but_our_own_files(world: World) -> None:
    response = await world.anonymous.get(HERE)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_a_browser_that_has_a_file_is_not_sent_it_again(world: World) -> None:
    first = await world.anonymous.get(HERE + "app.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await world.anonymous.get(HERE + "app.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    assert again.headers["content-security-policy"]
    other = await world.anonymous.get(HERE + "app.js", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "gzip"), ("GZIP;q=0.5", "gzip"), ("gzip;q=0", None), ("identity", None)],
)
async def test_a_file_is_compressed_for_who_takes_it_so(
    world: World, accepted: str, coding: str | None
) -> None:
    response = await world.anonymous.get(HERE + "vendor/uplot.js", headers={"Accept-Encoding": accepted})
    assert response.headers.get("content-encoding") == coding
    assert response.content == dashboard_files()["vendor/uplot.js"].body
    assert response.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    ["nothing.js", "vendor/refresh.sh", "vendor/README.md", "../services.py", "..%2fservices.py", "pages/"],
)
async def test_nothing_else_is_served(world: World, path: str) -> None:
    response = await world.anonymous.get(HERE + path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_the_head_of_a_file_has_no_body(world: World) -> None:
    response = await world.anonymous("HEAD", HERE + "app.js", headers={"Accept-Encoding": "identity"})
    assert int(response.headers["content-length"]) == len(dashboard_files()["app.js"].body)
    assert not response.content


async def test_the_address_without_its_slash_leads_to_the_page(world: World) -> None:
    response = await world.anonymous.get("http://gateway/dashboard")
    assert (response.status_code, response.headers["location"]) == (308, "/dashboard/")


async def test_a_browser_at_the_root_is_led_to_the_page(world: World) -> None:
    response = await world.anonymous.get("http://gateway/", headers={"Accept": "text/html,*/*"})
    assert (response.status_code, response.headers["location"]) == (303, "/dashboard/")


def test_what_gzip_makes_no_smaller_is_sent_as_it_is() -> None:
    file = static_file(b"a", "image/svg+xml")
    assert file.compressed is None
    long = static_file(b"a" * 999, "image/svg+xml")
    assert long.compressed is not None
    assert gzip.decompress(long.compressed) == long.body


_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")


def test_every_module_imports_only_what_is_served() -> None:
    """Without a build step nobody else tells of a misspelt import before a reader does."""
    files = dashboard_files()
    for name, file in files.items():
        if not name.endswith(".js"):
            continue
        for wanted in _IMPORT.findall(file.body.decode()):
            found = (DIRECTORY / PurePosixPath(name).parent / wanted).resolve()
            assert found.relative_to(DIRECTORY).as_posix() in files, f"{name} imports {wanted}"


def test_the_page_names_only_files_that_are_there_and_holds_no_script_or_style() -> None:
    page = dashboard_files()["index.html"].body.decode()
    for wanted in re.findall(r"""(?:href|src)="([^"]+)\"""", page):
        assert wanted in dashboard_files(), wanted
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)
