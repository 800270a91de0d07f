"""`/api/corpora`: what agents look things up in, its sources, and uploads of documents."""

from __future__ import annotations

from aiohttp import web

from local_engine.corpora import MAX_DOCUMENT_BYTES, Corpus, Source, corpus_view, source_view
from local_engine.errors import InvalidRequest, NotFound
from local_engine.pages import page
from local_engine.rest_support import ENGINE, json_object, reply

routes = web.RouteTableDef()


def _corpus(request: web.Request) -> Corpus:
    return request.app[ENGINE].corpora.get(request.match_info["corpus_id"])


def _source(request: web.Request) -> tuple[Corpus, Source]:
    corpus = _corpus(request)
    source = corpus.sources.get(request.match_info["source_id"])
    if source is None:
        raise NotFound("No CorpusSource matches the given query.")
    return corpus, source


@routes.post("/api/corpora")
async def create_corpus(request: web.Request) -> web.Response:
    body = await json_object(request)
    name, description = body.get("name") or "", body.get("description") or ""
    corpus = request.app[ENGINE].corpora.create(str(name), str(description))
    return reply(corpus_view(corpus), status=201)


@routes.get("/api/corpora")
async def list_corpora(request: web.Request) -> web.Response:
    return reply(page(request, list(request.app[ENGINE].corpora.corpora.values()), corpus_view))


@routes.get("/api/corpora/{corpus_id}")
async def get_corpus(request: web.Request) -> web.Response:
    return reply(corpus_view(_corpus(request)))


@routes.patch("/api/corpora/{corpus_id}")
async def patch_corpus(request: web.Request) -> web.Response:
    corpus = _corpus(request)
    body = await json_object(request)
    corpus.name = str(body.get("name") or corpus.name)
    corpus.description = str(body.get("description") or corpus.description)
    return reply(corpus_view(corpus))


@routes.delete("/api/corpora/{corpus_id}")
async def delete_corpus(request: web.Request) -> web.Response:
    del request.app[ENGINE].corpora.corpora[_corpus(request).corpus_id]
    return web.Response(status=204)


@routes.post("/api/corpora/{corpus_id}/query")
async def query_corpus(request: web.Request) -> web.Response:
    corpus = _corpus(request)
    body = await json_object(request)
    if not isinstance(body.get("query"), str) or not body["query"]:
        raise InvalidRequest("query: required")
    results = request.app[ENGINE].corpora.query(
        corpus.corpus_id, body["query"], int(body.get("maxResults") or 5)
    )
    return reply(results)


@routes.post("/api/corpora/{corpus_id}/uploads")
async def expect_upload(request: web.Request) -> web.Response:
    _corpus(request)
    if not (await json_object(request)).get("mimeType"):
        raise InvalidRequest("mimeType: required")
    document_id = request.app[ENGINE].corpora.expect_upload()
    url = request.url.origin().join(request.url.with_path(f"/uploads/{document_id}").relative())
    return reply({"documentId": document_id, "presignedUrl": str(url)}, status=201)


@routes.put("/uploads/{document_id}")
async def upload(request: web.Request) -> web.Response:
    """Without a key: whoever knows the address may upload."""
    content = await request.read()
    if len(content) > MAX_DOCUMENT_BYTES:
        raise InvalidRequest(f"at most {MAX_DOCUMENT_BYTES} bytes")
    request.app[ENGINE].corpora.uploaded(request.match_info["document_id"], content)
    return web.Response(status=200)


@routes.post("/api/corpora/{corpus_id}/sources")
async def add_source(request: web.Request) -> web.Response:
    corpus = _corpus(request)
    source = request.app[ENGINE].corpora.add_source(corpus, await json_object(request))
    return reply(source_view(corpus, source), status=201)


@routes.get("/api/corpora/{corpus_id}/sources")
async def list_sources(request: web.Request) -> web.Response:
    corpus = _corpus(request)
    return reply(page(request, list(corpus.sources.values()), lambda each: source_view(corpus, each)))


@routes.get("/api/corpora/{corpus_id}/sources/{source_id}")
async def get_source(request: web.Request) -> web.Response:
    return reply(source_view(*_source(request)))


@routes.delete("/api/corpora/{corpus_id}/sources/{source_id}")
async def delete_source(request: web.Request) -> web.Response:
    corpus, source = _source(request)
    del corpus.sources[source.source_id]
    return web.Response(status=204)
