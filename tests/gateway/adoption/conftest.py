"""A gateway that takes up calls of the dead."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import OpenScene
from tests.gateway.scene import Scene


@pytest.fixture
async def scene(make_gateway: OpenScene) -> Scene:
    return await make_gateway(cluster={"adopt_calls": True})
