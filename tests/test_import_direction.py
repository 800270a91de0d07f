"""Imports point one way: control_api -> gateway -> {sip, media, routing, store}; the local engine is a
stranger.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"control_api", "gateway", "sip", "media", "routing", "store", "local_engine", "bench", "tests"}
MAY_IMPORT: dict[str, set[str]] = {
    "sip": set(),
    "media": set(),
    "routing": set(),
    "store": set(),
    "local_engine": set(),
    "gateway": {"sip", "media", "routing", "store"},
    "control_api": {"gateway", "sip", "media", "routing", "store"},
}
COMPOSITION_ROOT = "gateway/__main__.py"  # puts the HTTP API on the gateway, and may know both
FORBIDDEN_BELOW_THE_API = {"sip", "media"}  # wire formats are no business of the HTTP API
HOLLOW_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


def imported_packages(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    for file in sorted((ROOT / package).rglob("*.py")):
        if file.relative_to(ROOT).as_posix() == COMPOSITION_ROOT:
            continue
        strangers = (set(imported_packages(file)) & PACKAGES) - MAY_IMPORT[package] - {package}
        assert not strangers, f"{file.relative_to(ROOT)} imports {sorted(strangers)}"


def test_the_api_does_not_know_wire_formats() -> None:
    for file in sorted((ROOT / "control_api").rglob("*.py")):
        wire = set(imported_packages(file)) & FORBIDDEN_BELOW_THE_API
        assert not wire, f"{file.relative_to(ROOT)} imports {sorted(wire)}"


def test_no_file_has_a_name_that_says_nothing() -> None:
    for package in MAY_IMPORT:
        hollow = [file for file in (ROOT / package).rglob("*.py") if file.stem in HOLLOW_NAMES]
        assert not hollow
