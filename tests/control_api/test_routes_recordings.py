"""Recordings over HTTP: the link on the call, the file behind it, and its end."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from control_api.application import create_app
from store import Store
from store.records import CallRecord, RecordingStatus
from tests.control_api.api import NOWHERE, Api, Gateway, World, error_of
from tests.control_api.recordings import LINK_TTL_S, Times, directory_of, kept, recordings_of
from tests.control_api.test_routes_calls import record

CONTENT = os.urandom(10_000)


@pytest.fixture
def times(world: World) -> Times:
    """The clock of the world's links."""
    made = Times()
    world.gateway.recordings._now = made
    return made


async def recorded(world: World, content: bytes = CONTENT, **fields: Any) -> CallRecord:
    """A call with a recording, known to the API and to the store."""
    call = record(world, **kept(world.gateway.store, content, fields.pop("format", "mp3")) | fields)
    await world.gateway.store.calls.insert(call)
    return call


async def link_of(world: World, call: CallRecord) -> str:
    url: str = (await world.api.get(f"calls/{call.id}")).json()["recording_url"]
    return url


# --- the call object


async def test_a_call_shows_a_link_that_needs_no_key(world: World) -> None:
    call = await recorded(world)
    body = (await world.api.get(f"calls/{call.id}")).json()
    assert body["recording_status"] == "ready"
    assert re.fullmatch(
        rf"http://gateway/recordings/{call.id}\.mp3\?token=[\w-]{{43}}&expires=\d+", body["recording_url"]
    )
    response = await world.anonymous.get(body["recording_url"])
    assert (response.status_code, response.content) == (200, CONTENT)


async def test_the_link_is_on_every_view_of_the_call(world: World) -> None:
    call = await recorded(world)
    listed = (await world.api.get("calls")).json()["data"][0]
    data = (await world.api.get(f"calls/{call.id}")).json()["data"]
    for view in (listed, data):
        assert (await world.anonymous.get(view["recording_url"])).status_code == 200


@pytest.mark.parametrize(
    "status", [status for status in RecordingStatus if status is not RecordingStatus.READY]
)
async def test_there_is_no_link_until_the_recording_is_ready(world: World, status: RecordingStatus) -> None:
    call = record(world, recording_status=status, recording_path="/data/live/x.wav")
    response = await world.api.get(f"calls/{call.id}")
    assert (response.json()["recording_url"], response.json()["recording_status"]) == (None, status.value)
    assert "/data" not in response.text
    shown = (await world.api.get(f"calls/{call.id}/recording")).json()["data"]
    assert shown == {
        "status": status.value,
        **dict.fromkeys(("url", "format", "channels", "sample_rate", "duration_seconds", "size_bytes")),
    }


async def test_each_read_gives_a_fresh_expiry(world: World, times: Times) -> None:
    call = await recorded(world)
    expiries = []
    for _ in range(2):
        url = await link_of(world, call)
        expiries.append(int(parse_qs(urlsplit(url).query)["expires"][0]))
        times.now += 600
    assert expiries == [1_700_000_000 + LINK_TTL_S, 1_700_000_600 + LINK_TTL_S]


async def test_a_public_address_stands_before_links_when_there_is_one(store: Store, world: World) -> None:
    gateway = Gateway(store, world.gateway.directory, calls=world.gateway.calls)
    gateway.recordings = recordings_of(store, public_url="https://recordings.example.com")
    call = await recorded(world)
    response = await Api(create_app(gateway), world.secret).get(f"calls/{call.id}")
    assert response.json()["recording_url"].startswith(
        f"https://recordings.example.com/recordings/{call.id}.mp3?"
    )


async def test_the_recording_is_described(world: World) -> None:
    call = await recorded(world)
    shown = (await world.api.get(f"calls/{call.id}/recording")).json()["data"]
    assert (await world.anonymous.get(shown.pop("url"))).content == CONTENT
    assert shown == {
        "status": "ready",
        "format": "mp3",
        "channels": 2,
        "sample_rate": 8000,
        "duration_seconds": 61.48,
        "size_bytes": 10_000,
    }
    for path in (f"calls/{NOWHERE}/recording", "calls/nonsense/recording"):
        assert (await world.api.get(path)).status_code == 404
    assert (await world.other.get(f"calls/{call.id}/recording")).status_code == 404
    assert (await world.anonymous.get(f"calls/{call.id}/recording")).status_code == 401


# --- the file


@pytest.mark.parametrize(
    ("format", "content_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg; codecs=opus"), ("wav", "audio/wav")],
)
async def test_the_file_says_what_it_is(world: World, format: str, content_type: str) -> None:
    call = await recorded(world, format=format)
    response = await world.anonymous.get(await link_of(world, call))
    assert response.headers["content-type"] == content_type
    assert response.headers["content-length"] == "10000"
    assert response.headers["content-disposition"] == f'inline; filename="{call.id}.{format}"'
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=9000-", 9000, 10_000), ("bytes=-1", 9999, 10_000)],
)
async def test_a_range_is_served(world: World, asked: str, start: int, stop: int) -> None:
    url = await link_of(world, await recorded(world))
    response = await world.anonymous.get(url, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == CONTENT[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/10000"
    assert response.headers["content-length"] == str(stop - start)


async def test_a_range_behind_the_end_is_refused(world: World) -> None:
    url = await link_of(world, await recorded(world))
    response = await world.anonymous.get(url, headers={"Range": "bytes=10000-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */10000"
    assert error_of(response)["code"] == "range_not_satisfiable"


async def test_a_player_can_go_on_where_it_stopped(world: World) -> None:
    url = await link_of(world, await recorded(world))
    etag = (await world.anonymous.get(url)).headers["etag"]
    rest = await world.anonymous.get(url, headers={"Range": "bytes=4000-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, CONTENT[4000:])
    whole = await world.anonymous.get(url, headers={"Range": "bytes=4000-", "If-Range": '"another"'})
    assert (whole.status_code, whole.content) == (200, CONTENT)
    again = await world.anonymous.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


async def test_head_tells_without_sending(world: World) -> None:
    url = await link_of(world, await recorded(world))
    response = await world.anonymous("HEAD", url)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "10000"
    ranged = await world.anonymous("HEAD", url, headers={"Range": "bytes=0-9"})
    assert (ranged.status_code, ranged.headers["content-range"]) == (206, "bytes 0-9/10000")


async def test_a_large_recording_comes_whole(world: World) -> None:
    content = os.urandom(3_000_000)
    url = await link_of(world, await recorded(world, content))
    assert (await world.anonymous.get(url)).content == content


# --- who may


async def test_an_expired_link_is_refused(world: World, times: Times) -> None:
    url = await link_of(world, await recorded(world))
    times.now += LINK_TTL_S - 1
    assert (await world.anonymous.get(url)).status_code == 200
    times.now += 1
    for method in ("GET", "HEAD"):
        assert (await world.anonymous(method, url)).status_code == 403
    assert error_of(await world.anonymous.get(url))["code"] == "link_invalid"


async def test_a_changed_link_is_refused(world: World) -> None:
    first, second = await recorded(world), await recorded(world)
    url = httpx.URL(await link_of(world, first))
    good = dict(url.params)
    later = str(int(good["expires"]) + 1)
    for changed in (
        good | {"token": good["token"][:-1]},
        good | {"token": good["token"].swapcase()},
        good | {"token": "ü"},
        good | {"expires": later},
        good | {"expires": "soon"},
        {"token": good["token"]},
        {"expires": good["expires"]},
        {},
    ):
        assert (await world.anonymous.get(str(url.copy_with(params=changed)))).status_code == 403
    for path in (f"/recordings/{second.id}.mp3", f"/recordings/{first.id}.wav", f"/recordings/{first.id}"):
        assert (await world.anonymous.get(str(url.copy_with(path=path)))).status_code == 403
    assert (await world.anonymous.get(str(url))).status_code == 200


async def test_a_key_is_no_permission(world: World) -> None:
    call = await recorded(world)
    assert (await world.api.get(f"http://gateway/recordings/{call.id}.mp3")).status_code == 403


async def test_a_file_that_is_gone_is_not_found(world: World) -> None:
    call = await recorded(world)
    url = await link_of(world, call)
    (directory_of(world.gateway.store) / "sound").unlink()
    for method in ("GET", "HEAD"):
        assert (await world.anonymous(method, url)).status_code == 404
    assert error_of(await world.anonymous.get(url))["code"] == "recording_not_found"


# --- the end


async def test_a_recording_is_deleted(world: World) -> None:
    call = await recorded(world)
    url = await link_of(world, call)
    response = await world.api("DELETE", f"calls/{call.id}/recording")
    assert (response.status_code, response.content) == (204, b"")
    assert not (directory_of(world.gateway.store) / "sound").exists()
    stored = await world.gateway.store.calls.find(call.id)
    assert stored is not None
    assert (stored.recording_status, stored.recording_file) == (RecordingStatus.NONE, None)
    assert (await world.anonymous.get(url)).status_code == 404
    again = await world.api("DELETE", f"calls/{call.id}/recording")
    assert (again.status_code, error_of(again)["code"]) == (404, "recording_not_found")


async def test_only_the_own_organisation_deletes(world: World) -> None:
    call = await recorded(world)
    assert (await world.other("DELETE", f"calls/{call.id}/recording")).status_code == 404
    assert (await world.anonymous("DELETE", f"calls/{call.id}/recording")).status_code == 401
    assert (directory_of(world.gateway.store) / "sound").exists()


async def test_a_recording_that_is_being_made_is_not_deleted(world: World) -> None:
    call = record(world, recording_status=RecordingStatus.RECORDING, recording_path="x.wav")
    await world.gateway.store.calls.insert(call)
    response = await world.api("DELETE", f"calls/{call.id}/recording")
    assert (response.status_code, error_of(response)["code"]) == (409, "recording_running")
