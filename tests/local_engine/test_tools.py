import msgspec
import pytest

from local_engine.errors import InvalidRequest
from local_engine.requests import SelectedTool, ToolDefinition
from local_engine.tools import StoredTool, ToolCatalogue, ToolKind, resolve_tools


def selected(*tools: dict[str, object]) -> list[SelectedTool]:
    return msgspec.convert(list(tools), list[SelectedTool])


def client_tool(name: str = "transferCall", **fields: object) -> dict[str, object]:
    return {"temporaryTool": {"modelToolName": name, "client": {}, **fields}}


def test_a_client_tool_has_its_name_time_out_and_kind() -> None:
    tool = resolve_tools(selected(client_tool(timeout="10s")), ToolCatalogue()).get("transferCall")
    assert tool is not None
    assert (tool.kind, tool.timeout_s) == (ToolKind.CLIENT, 10.0)


def test_the_default_time_out_is_two_and_a_half_seconds() -> None:
    assert resolve_tools(selected(client_tool()), ToolCatalogue()).tools[0].timeout_s == 2.5


def test_built_ins_are_selected_by_name_and_by_id_and_may_be_renamed() -> None:
    tools = resolve_tools(
        selected(
            {"toolName": "hangUp", "nameOverride": "end_call"},
            {"toolId": "3e9489b1-25de-4032-bb3d-f7b84765ec93"},
        ),
        ToolCatalogue(),
    )
    assert [(tool.name, tool.base_name) for tool in tools.tools] == [
        ("end_call", "hangUp"),
        ("playDtmfSounds", "playDtmfSounds"),
    ]
    assert tools.get("hangUp") is None


def test_a_tool_of_the_account_shadows_a_built_in_of_the_same_name() -> None:
    catalogue = ToolCatalogue()
    own = ToolDefinition(model_tool_name="hangUp", client={})
    catalogue.stored["own"] = StoredTool("own", "hangUp", "now", own)
    assert resolve_tools(selected({"toolName": "hangUp"}), catalogue).tools[0].kind is ToolKind.CLIENT


@pytest.mark.parametrize(
    "tools",
    [
        [{}],
        [{"toolName": "hangUp", "toolId": "x"}],
        [{"toolName": "nonsense"}],
        [client_tool("has blank")],
        [client_tool("x" * 65)],
        [client_tool("same"), client_tool("same")],
        [client_tool(timeout="41s")],
        [client_tool(timeout="0s")],
        [client_tool(timeout="10m")],
        [client_tool(http={"baseUrlPattern": "https://example.org", "httpMethod": "GET"})],
        [{"temporaryTool": {"modelToolName": "nothing"}}],
        [client_tool(dynamicParameters=[{"name": "q", "location": "PARAMETER_LOCATION_QUERY"}])],
        [client_tool(staticParameters=[{"name": "q", "location": "PARAMETER_LOCATION_HEADER", "value": 1}])],
    ],
)
def test_broken_selections_are_refused(tools: list[dict[str, object]]) -> None:
    with pytest.raises(InvalidRequest, match="selectedTools"):
        resolve_tools(selected(*tools), ToolCatalogue())


def test_http_tools_may_use_every_location() -> None:
    tool = {
        "temporaryTool": {
            "modelToolName": "lookUp",
            "http": {"baseUrlPattern": "https://example.org", "httpMethod": "GET"},
            "dynamicParameters": [{"name": "q", "location": "PARAMETER_LOCATION_QUERY"}],
        }
    }
    assert resolve_tools(selected(tool), ToolCatalogue()).tools[0].kind is ToolKind.HTTP
