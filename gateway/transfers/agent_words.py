"""What the agent is told in the course of a transfer, in words: it speaks to people, and knows of the
telephone system what it is told.
"""

from __future__ import annotations

from gateway.engine_tools import CANCEL_TOOL, COMPLETE_TOOL

LONGEST_BRIEFING = 2_000


def came_to_nothing(status: int | None, reason: str) -> str:
    """The caller is back."""
    why = " ".join(filter(None, (None if status is None else str(status), reason)))
    return (
        f"(From the telephone system: the transfer did not succeed: {why or 'nobody said why'}. The caller is"
        " back with you. Tell them so, and ask how they would like to go on.)"
    )


def reached(target: str, briefing: str | None, *, tools: bool) -> str:
    """Whom the agent speaks to now. `tools`: it can put the caller through by itself."""
    note = f" What to tell them: {briefing.strip()[:LONGEST_BRIEFING]}" if briefing else ""
    end = (
        f" When they are ready to take the caller, use the tool {COMPLETE_TOOL}; if they do not want to, or"
        f" this is an answering machine, use {CANCEL_TOOL}."
        if tools
        else " The caller is put through, or comes back to you, without your help."
    )
    return (
        f"(From the telephone system: the caller waits and cannot hear you. You now speak with the person at"
        f" {target} to whom the caller is to be transferred. Tell them shortly who is calling and"
        f" why.{note}{end})"
    )
