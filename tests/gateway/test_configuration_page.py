"""`docs/configuration.md` names every setting with its default, and every option of the command line."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.command_line import _parser
from gateway.config import Config

# Their defaults are taken from another key or from the machine, and told in words.
WITHOUT_VALUE = ("node_id", "public_host", "url", "workers")
PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def rows() -> dict[str, dict[str, str]]:
    """Section -> key -> the default as the page tells it."""
    found: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in PAGE.splitlines():
        if heading := re.match(r"\| \*\*\[(\w+)\]\*\*", line):
            section = heading[1]
            found[section] = {}
        elif row := re.match(r"\| `(\w+)` \| (.*?) \|", line):
            found[section][row[1]] = row[2].strip("`")
    return found


def sections() -> dict[str, type[BaseModel]]:
    models = {name: info.annotation for name, info in Config.model_fields.items()}
    return {
        name: model
        for name, model in models.items()
        if isinstance(model, type) and issubclass(model, BaseModel)
    }


def test_every_key_is_on_the_page_and_nothing_else() -> None:
    page = rows()
    expected = {name: set(model.model_fields) for name, model in sections().items()}
    expected[""] = set(Config.model_fields) - set(expected)
    assert {section: set(keys) for section, keys in page.items()} == expected


@pytest.mark.parametrize("section", sorted(sections()))
def test_the_defaults_are_those_of_the_page(section: str) -> None:
    model = sections()[section]
    told = {key: text for key, text in rows()[section].items() if key not in WITHOUT_VALUE}
    told = {key: text for key, text in told.items() if text != "none"}
    read = model.model_validate({key: _value(text) for key, text in told.items()})
    default = model()
    assert {key: getattr(read, key) for key in told} == {key: getattr(default, key) for key in told}


def _value(text: str) -> object:
    return tuple(re.findall(r'"([^"]+)"', text)) if text.startswith("[") else text


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The options of a command and of its actions."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _options(below)


def test_every_command_and_option_is_on_the_page() -> None:
    (commands,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, parser in commands.choices.items():
        (row,) = re.findall(rf"^\| `python -m gateway {name} ?(.*?)` \|", PAGE, re.MULTILINE)
        options = set(_options(parser))
        assert options - {"-h", "--help"} == set(re.findall(r"--[a-z-]+", row)), name
