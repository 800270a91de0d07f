"""What a client asks for when it makes a tool: everything but identity and dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.agent_part_records import ToolKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTool:
    """Meanings and units as in `store.agent_part_records.Tool`."""

    name: str
    model_tool_name: str
    kind: ToolKind
    description: str
    url: str
    method: str
    dynamic_parameters: tuple[dict[str, Any], ...] = ()
    static_parameters: tuple[dict[str, Any], ...] = ()
    timeout_ms: int | None = None
