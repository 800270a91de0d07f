"""Text that strangers sent, as databases and JSON can keep it.

The SIP stack carries bytes that are no UTF-8 (a name in Latin-1, say) as surrogate escapes, so that it can
write them back. Neither JSON nor a database takes those, and PostgreSQL takes no NUL: one such character
would have a call's whole record refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def keepable(text: str) -> str:
    """The text with a mark in place of what cannot be kept."""
    return _UNKEEPABLE.sub(_INSTEAD, text)


def keepable_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same for each value that is a text; a word of ours (an enum's) stays what it is."""
    return {name: keepable(value) if type(value) is str else value for name, value in fields.items()}
