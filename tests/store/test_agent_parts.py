from __future__ import annotations

from dataclasses import replace

import pytest

from store import Store
from store.agent_part_records import KnowledgeBase, KnowledgeSource, SourceKind, Tool, ToolKind, Voice
from store.agent_parts import corpus_removal
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import Organization
from tests.store.samples import T0, later


def a_voice(organization_id: str, provider_voice_id: str = "x", name: str = "Aria") -> Voice:
    return Voice(uuid7(), organization_id, name, "elevenlabs", provider_voice_id, T0, "d")


def a_tool(organization_id: str) -> Tool:
    return Tool(
        id=uuid7(),
        organization_id=organization_id,
        name="Look up",
        model_tool_name="look_up",
        kind=ToolKind.CLIENT,
        description="d",
        url="https://example.com/{a}",
        method="POST",
        created_at=T0,
        updated_at=T0,
        dynamic_parameters=({"name": "a", "location": "path", "schema": {"type": "string"}},),
        static_parameters=({"name": "b", "location": "body", "value": [1, "☎"]},),
        timeout_ms=5_000,
    )


def a_base(organization_id: str) -> KnowledgeBase:
    sources = (
        KnowledgeSource(uuid7(), SourceKind.URL, "Hours", "https://example.com", "s1"),
        KnowledgeSource(uuid7(), SourceKind.TEXT, "Text", None, "s2"),
    )
    return KnowledgeBase(uuid7(), organization_id, "FAQ", "corpus", T0, "d", sources)


async def test_parts_come_back_as_they_were_put_in(store: Store, organization: Organization) -> None:
    parts = store.agent_parts
    voice, tool, base = a_voice(organization.id), a_tool(organization.id), a_base(organization.id)
    await parts.voices.create(voice)
    await parts.tools.create(tool)
    await parts.knowledge_bases.create(base)
    assert await parts.voices.all() == [voice]
    assert await parts.tools.all() == [tool]
    assert await parts.knowledge_bases.all() == [base]


async def test_an_update_writes_every_field(store: Store, organization: Organization) -> None:
    tool = a_tool(organization.id)
    await store.agent_parts.tools.create(tool)
    changed = replace(tool, kind=ToolKind.HTTP, static_parameters=(), timeout_ms=None, updated_at=later(1))
    await store.agent_parts.tools.update(changed)
    assert await store.agent_parts.tools.all() == [changed]


async def test_parts_are_listed_newest_first_by_part_of_name(
    store: Store, organization: Organization
) -> None:
    voices = store.agent_parts.voices
    made = [
        replace(a_voice(organization.id, str(i), name), created_at=later(i))
        for i, name in enumerate(("Aria", "aria two", "Mark"))
    ]
    for voice in made:
        await voices.create(voice)
    assert (await voices.list(organization.id)).items == tuple(reversed(made))
    page = await voices.list(organization.id, limit=1, name="ARIA")
    assert (page.items, page.total) == ((made[1],), 2)
    assert (await voices.list(uuid7())).items == ()


async def test_a_voice_is_there_once_for_an_organisation(store: Store, organization: Organization) -> None:
    await store.agent_parts.voices.create(a_voice(organization.id))
    with pytest.raises(ConstraintError):
        await store.agent_parts.voices.create(a_voice(organization.id))


async def test_a_deleted_base_leaves_its_corpus_to_be_deleted(
    store: Store, organization: Organization
) -> None:
    bases, base = store.agent_parts.knowledge_bases, a_base(organization.id)
    await bases.create(base)
    assert not await bases.delete(uuid7(), base.id, corpus_removal(base))
    assert await store.engine_removals.list() == []
    assert await bases.delete(organization.id, base.id, corpus_removal(base))
    assert await bases.all() == []
    assert await store.engine_removals.list() == [corpus_removal(base)]
