"""Corpora over HTTP, and looking things up in them."""

from typing import Any

from tests.local_engine.engine_client import EngineClient


async def corpus_with(client: EngineClient, *texts: str) -> dict[str, Any]:
    status, corpus = await client.request("POST", "/api/corpora", {"name": "FAQ"})
    assert status == 201
    assert corpus["stats"]["status"] == "CORPUS_STATUS_EMPTY"
    path = f"/api/corpora/{corpus['corpusId']}"
    ids = []
    for text in texts:
        wanted = {"mimeType": "text/plain", "fileName": "a.txt"}
        status, upload = await client.request("POST", f"{path}/uploads", wanted)
        assert status == 201
        async with client.session.put(upload["presignedUrl"], data=text.encode()) as response:
            assert response.status == 200
        ids.append(upload["documentId"])
    body = {"name": "documents", "upload": {"documentIds": ids}}
    assert (await client.request("POST", f"{path}/sources", body))[0] == 201
    _, corpus = await client.request("GET", path)
    assert isinstance(corpus, dict)
    return corpus


async def test_uploaded_documents_can_be_looked_up(client: EngineClient) -> None:
    corpus = await corpus_with(client, "We open at nine.", "Parking is free.")
    assert (corpus["stats"]["status"], corpus["stats"]["numDocs"]) == ("CORPUS_STATUS_READY", 2)
    path = f"/api/corpora/{corpus['corpusId']}"
    _, found = await client.request("POST", f"{path}/query", {"query": "when do you open"})
    assert [each["content"] for each in found] == ["We open at nine."]
    _, sources = await client.request("GET", f"{path}/sources")
    source = f"{path}/sources/{sources['results'][0]['sourceId']}"
    assert (await client.request("GET", source))[0] == 200
    assert (await client.request("DELETE", source))[0] == 204
    assert (await client.request("POST", f"{path}/query", {"query": "open"}))[1] == []
    assert (await client.request("DELETE", path))[0] == 204
    assert (await client.request("GET", path))[0] == 404


async def test_a_page_of_the_web_is_a_source_without_documents(client: EngineClient) -> None:
    _, corpus = await client.request("POST", "/api/corpora", {"name": "Web"})
    path = f"/api/corpora/{corpus['corpusId']}"
    status, source = await client.request(
        "POST", f"{path}/sources", {"crawl": {"startUrls": ["https://example.com"]}}
    )
    assert (status, source["stats"]["numDocs"]) == (201, 0)
    assert (await client.request("GET", path))[1]["stats"]["status"] == "CORPUS_STATUS_INITIALIZING"


async def test_what_cannot_be_a_source_is_refused(client: EngineClient) -> None:
    _, corpus = await client.request("POST", "/api/corpora", {"name": "Web"})
    path = f"/api/corpora/{corpus['corpusId']}/sources"
    for body in ({}, {"crawl": {}}, {"upload": {"documentIds": ["none"]}}, {"upload": {}, "crawl": {}}):
        assert (await client.request("POST", path, body))[0] == 400
    assert (await client.request("POST", "/api/corpora", {}))[0] == 400
    async with client.session.put(f"{client.url}/uploads/none", data=b"x") as response:
        assert response.status == 404


async def test_an_agent_looks_something_up_in_mid_call(client: EngineClient) -> None:
    corpus = await corpus_with(client, "We open at nine.")
    call = await client.create(
        "script",
        systemPrompt='[scenario:script] [{"tool": "queryCorpus", "arguments": {"query": "open"}},'
        ' {"wait": "tool"}, {"hang_up": true}]',
        selectedTools=[{"toolName": "queryCorpus", "parameterOverrides": {"corpus_id": corpus["corpusId"]}}],
    )
    async with client.join(call) as socket:
        assert await socket.closed() == 1000
    _, messages = await client.request("GET", f"/api/calls/{call['callId']}/messages")
    results = [each for each in messages["results"] if each["role"] == "MESSAGE_ROLE_TOOL_RESULT"]
    assert "We open at nine." in results[0]["text"]
