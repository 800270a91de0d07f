"""Voices and corpora of the engine: what is asked, and what is read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from media.ultravox.errors import EngineProtocolError, EngineRefusedError
from media.ultravox.library import EngineLibrary
from media.ultravox.rest import UltravoxClient

KEY = "abcdefgh.0123"


class Engine:
    """Keeps requests, answers from a list; uploads go to `/put`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str | None, bytes]] = []
        self.answers: list[tuple[int, Any]] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.Response:
        key = request.headers.get("X-API-Key")
        self.seen.append((request.method, request.raw_path, key, await request.read()))
        status, body = self.answers.pop(0)
        if status == 302:
            return web.Response(status=status, headers=body)
        return web.Response(status=status) if body is None else web.json_response(body, status=status)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine()
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
async def library(engine: Engine) -> AsyncIterator[EngineLibrary]:
    client = UltravoxClient(str(engine.server.make_url("/")), KEY)
    yield EngineLibrary(client)
    await client.close()


async def test_voices_are_read_from_all_pages(engine: Engine, library: EngineLibrary) -> None:
    mark, nora = {"voiceId": "1", "name": "Mark"}, {"voiceId": "2", "name": "Nora", "primaryLanguage": "en"}
    engine.answers = [
        (200, {"results": [mark], "next": "http://elsewhere/api/voices?cursor=c"}),
        (200, {"results": [nora], "next": None}),
    ]
    assert [voice.name for voice in await library.list_voices()] == ["Mark", "Nora"]
    assert [path for _, path, _, _ in engine.seen] == ["/api/voices?pageSize=100", "/api/voices?cursor=c"]


async def test_an_unknown_voice_is_refused(engine: Engine, library: EngineLibrary) -> None:
    engine.answers = [(404, {"detail": "no"})]
    with pytest.raises(EngineRefusedError):
        await library.get_voice("a/b")
    assert engine.seen[0][1] == "/api/voices/a%2Fb"


async def test_a_text_is_uploaded_without_our_key_and_made_a_source(
    engine: Engine, library: EngineLibrary
) -> None:
    upload = {"documentId": "d", "presignedUrl": str(engine.server.make_url("/put")) + "?signed=a%2Fb"}
    engine.answers = [(201, upload), (200, None), (201, {"sourceId": "s"})]
    assert (await library.add_text("c", "Hours", "Wir öffnen um neun.")).source_id == "s"
    assert engine.seen[1] == ("PUT", "/put?signed=a%2Fb", None, "Wir öffnen um neun.".encode())
    assert engine.seen[2][1] == "/api/corpora/c/sources"
    assert b'"documentIds":["d"]' in engine.seen[2][3]


async def test_an_upload_that_is_refused_makes_no_source(engine: Engine, library: EngineLibrary) -> None:
    upload = {"documentId": "d", "presignedUrl": str(engine.server.make_url("/put"))}
    engine.answers = [(201, upload), (403, None)]
    with pytest.raises(EngineProtocolError):
        await library.add_text("c", "Hours", "text")
    assert len(engine.seen) == 2


async def test_a_corpus_is_made_read_and_deleted(engine: Engine, library: EngineLibrary) -> None:
    engine.answers = [
        (201, {"corpusId": "c", "stats": {"status": "CORPUS_STATUS_EMPTY"}}),
        (201, {"sourceId": "s"}),
        (200, {"corpusId": "c", "stats": {"status": "CORPUS_STATUS_READY"}}),
        (204, None),
    ]
    corpus = await library.create_corpus("FAQ", None)
    await library.add_pages(corpus.corpus_id, "Web", "https://example.com")
    assert (await library.get_corpus("c")).stats.status == "CORPUS_STATUS_READY"
    await library.delete_corpus("c")
    assert [(method, path) for method, path, _, _ in engine.seen] == [
        ("POST", "/api/corpora"),
        ("POST", "/api/corpora/c/sources"),
        ("GET", "/api/corpora/c"),
        ("DELETE", "/api/corpora/c"),
    ]


async def test_a_sample_is_read_where_it_lies_without_our_key(engine: Engine, library: EngineLibrary) -> None:
    elsewhere = str(engine.server.make_url("/samples/mark.wav"))
    engine.answers = [(302, {"Location": elsewhere}), (200, {"audio": "mark"})]
    assert await library.voice_sample("mark") == b'{"audio": "mark"}'
    assert [(path, key) for _, path, key, _ in engine.seen] == [
        ("/api/voices/mark/preview", KEY),
        ("/samples/mark.wav", None),
    ]


async def test_a_providers_voice_is_spoken_for_us(engine: Engine, library: EngineLibrary) -> None:
    engine.answers = [(200, {"audio": "clara"})]
    assert (
        await library.external_voice_sample("Clara", {"cartesia": {"voiceId": "c"}}) == b'{"audio": "clara"}'
    )
    assert engine.seen[0][:2] == ("POST", "/api/voice_preview")
    assert engine.seen[0][3] == b'{"name":"Clara","definition":{"cartesia":{"voiceId":"c"}}}'
