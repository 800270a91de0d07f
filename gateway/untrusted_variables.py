"""Variables whose values a stranger chose: what the wire said of a call, or the visitor of a page.

They may be told to the agent, and fill the slots of its prompt. They never widen what it may do: the numbers
that it may transfer to are those of the prompt without them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from media.ultravox.call_request import render_template

WIRE_PREFIX = "sip_"
"""How the names of such variables begin. Nobody else can set one on a call to us."""
_INSTEAD = " \N{REPLACEMENT CHARACTER} "  # no digits on both sides of it are one number


def trusted_prompt(prompt: str, variables: Mapping[str, Any], untrusted: Collection[str] = ()) -> str:
    """The prompt with the variables that neither the wire has set nor somebody `untrusted`, such as the
    visitor of a page; what is left out joins nothing together.
    """
    return render_template(
        prompt,
        {
            name: _INSTEAD if name.startswith(WIRE_PREFIX) or name in untrusted else value
            for name, value in variables.items()
        },
    )


def without_wire_names(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that have such a name."""
    return {name: value for name, value in variables.items() if not name.startswith(WIRE_PREFIX)}
