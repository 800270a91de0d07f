"""What all tests share: their order. A fault in a part shows in its own fast tests first, then end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

END_TO_END = Path(__file__).parent / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the end-to-end tests behind all others; within both groups the order stays."""
    items.sort(key=lambda item: item.path.is_relative_to(END_TO_END))
