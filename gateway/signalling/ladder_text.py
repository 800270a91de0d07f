"""A ladder as plain text: an overview, then every message whole."""

from __future__ import annotations

from gateway.signalling.ladder import Ladder, Step


def ladder_text(ladder: Ladder) -> str:
    """Ends with a line end; says so where nothing is kept."""
    if not ladder.steps:
        return "No signalling is kept.\n"
    begin = ladder.steps[0].message.at
    lines = [f"{name:8} {address}" for address, name in ladder.participants]
    if ladder.dropped:
        lines.append(f"{ladder.dropped} messages in the middle are not kept.")
    lines.append("")
    for number, step in enumerate(ladder.steps, 1):
        lines.append(f"{number:4} {step.message.at - begin:+10.3f} {_arrow(step)}")
    for number, step in enumerate(ladder.steps, 1):
        lines += ["", f"--- {number}: {step.time} {step.source} -> {step.destination}"]
        lines += [_printable(line) for line in step.text.splitlines()]
    return "\n".join(lines) + "\n"


def _arrow(step: Step) -> str:
    peer = step.destination if step.message.sent else step.source
    arrow = "-->" if step.message.sent else "<--"
    notes = "".join((" [SDP]" if step.sdp else "", " [again]" if step.repeated else ""))
    return f"gateway {arrow} {peer} {step.message.transport:3} {_printable(step.label)}{notes}"


def _printable(line: str) -> str:
    """Without what would steer a terminal."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in line)
