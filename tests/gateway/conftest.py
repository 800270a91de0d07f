"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.scene import Scene, close_scene, open_scene

OpenScene = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def make_gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[OpenScene]:
    """Opens a scene with settings of the test's own: `calls={...}` and so on; `agent={...}` for the agent."""
    scenes: list[Scene] = []

    async def make(agent: dict[str, Any] | None = None, **sections: Any) -> Scene:
        scene = await open_scene(monkeypatch, tmp_path, sections, agent or {})
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        await close_scene(scene)


@pytest.fixture
async def scene(make_gateway: OpenScene) -> Scene:
    return await make_gateway()
