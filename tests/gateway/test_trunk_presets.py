"""The presets of trunks."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.trunk_presets import PRESETS

DOCUMENT = (Path(__file__).parents[2] / "docs/sip-interop.md").read_text(encoding="utf-8")


def test_each_preset_has_its_section_and_each_section_its_preset() -> None:
    sections = [title.lower() for title in re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE)]
    assert sections == [preset.id for preset in PRESETS]


def test_the_document_names_every_field_that_is_left_to_fill_in() -> None:
    for preset in PRESETS:
        section = DOCUMENT.lower().partition(f"## {preset.id}")[2].partition("\n## ")[0]
        for field in preset.fields:
            assert field.field.rpartition(".")[2] in section, f"{preset.id}: {field.field}"
        for codec in preset.values["codecs"]:
            assert f"`{codec.lower()}`" in section


def test_what_is_set_at_the_other_side_names_this_gateways_address() -> None:
    for preset in PRESETS:
        assert any("SIP_ADDRESS" in step for step in preset.there), preset.id
