"""What the engine is told about tools."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.engine_tools import built_in_tools, knowledge_tools, selected_tool
from store.agent_part_records import KnowledgeBase, ToolKind
from tests.gateway.test_client_tools import NOW, TOOL

WARM = ["transferCall", "completeTransfer", "cancelTransfer"]


def test_an_http_tool_is_described_whole() -> None:
    definition = selected_tool(replace(TOOL, kind=ToolKind.HTTP, timeout_ms=5_000))["temporaryTool"]
    assert definition["modelToolName"] == "book"
    assert definition["http"] == {"baseUrlPattern": TOOL.url, "httpMethod": "POST"}
    places = {each["name"]: each["location"] for each in definition["dynamicParameters"]}
    assert places == {
        "table": "PARAMETER_LOCATION_PATH",
        "when": "PARAMETER_LOCATION_QUERY",
        "guests": "PARAMETER_LOCATION_BODY",
    }
    assert [each["value"] for each in definition["staticParameters"]] == ["secret", {"a": 1}]
    assert definition["timeout"] == "5s"


def test_of_a_client_tool_the_engine_knows_neither_address_nor_secrets() -> None:
    definition = selected_tool(TOOL)["temporaryTool"]
    assert "secret" not in str(definition)
    assert "example.com" not in str(definition)
    assert definition["client"] == {}
    assert {each["location"] for each in definition["dynamicParameters"]} == {"PARAMETER_LOCATION_BODY"}
    assert definition["timeout"] == "10s"


def test_a_knowledge_base_is_looked_up_in_by_the_engines_own_tool() -> None:
    base = KnowledgeBase("k", "o", "FAQ", "corpus", NOW)
    assert knowledge_tools(base) == (
        {"toolName": "queryCorpus", "parameterOverrides": {"corpus_id": "corpus"}},
    )
    assert knowledge_tools(None) == ()


@pytest.mark.parametrize(
    ("config", "outbound", "names"),
    [
        (None, True, []),
        ({"transfer": {"cold": False, "warm": False}}, True, []),
        ({"transfer": {"cold": True}}, False, ["transferCall"]),
        ({"leave_voicemail": True}, False, []),
        ({"leave_voicemail": True, "transfer": {"warm": True}}, True, [*WARM, "leaveVoicemail"]),
    ],
)
def test_built_in_tools_are_offered_when_configured(
    config: dict[str, Any] | None, outbound: bool, names: list[str]
) -> None:
    tools = built_in_tools(config, outbound=outbound)
    assert [each["temporaryTool"]["modelToolName"] for each in tools] == names
