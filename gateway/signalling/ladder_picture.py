"""A ladder as an SVG picture that stands by itself, light or dark as its viewer likes it.

Every text in it is a stranger's: it is escaped, cut and rid of what XML cannot hold.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from gateway.signalling.ladder import Ladder, Step

COLUMN = 280
MARGIN = 90
ROW = 36
HEAD = 64
LONGEST_LABEL = 44
MOST_ROWS = 400
MEDIA_TYPE = "image/svg+xml"

_STYLE = (
    "svg{font:13px system-ui,sans-serif;background:#fff;color:#1b1f24}"
    ".t{fill:currentColor}.n{font-weight:600}.m{fill:#667}.l{stroke:#c5cad1}.a{stroke:#2563a8;fill:#2563a8}"
    ".g{stroke:#1a7f4b;fill:#1a7f4b}.e{stroke:#b3261e;fill:#b3261e}.r{stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){svg{background:#14171b;color:#e4e7eb}.m{fill:#9aa3ad}.l{stroke:#3a4149}"
    ".a{stroke:#7db4ec;fill:#7db4ec}.g{stroke:#6fcf97;fill:#6fcf97}.e{stroke:#f28b82;fill:#f28b82}}"
)


def ladder_picture(ladder: Ladder) -> str:
    """The whole picture."""
    participants = [address for address, _ in ladder.participants]
    names = dict(ladder.participants)
    steps = ladder.steps[:MOST_ROWS]
    width = 2 * MARGIN + COLUMN * max(1, len(participants) - 1) + 40
    height = HEAD + ROW * (len(steps) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_text(_title(ladder))}</title><style>{_STYLE}</style>",
    ]
    if not steps:
        parts.append(f'<text class="t" x="20" y="{HEAD // 2}">No signalling is kept.</text>')
    across = {address: MARGIN + 20 + COLUMN * index for index, address in enumerate(participants)}
    for address, x in across.items():
        parts.append(f'<text class="t n" x="{x}" y="20" text-anchor="middle">{_text(names[address])}</text>')
        parts.append(f'<text class="m" x="{x}" y="38" text-anchor="middle">{_text(address)}</text>')
        parts.append(f'<line class="l" x1="{x}" y1="46" x2="{x}" y2="{height - 10}"/>')
    for index, step in enumerate(steps):
        parts.append(_arrow(step, HEAD + ROW * index + 16, across, steps[0].message.at))
    parts.append("</svg>")
    return "".join(parts)


def _arrow(step: Step, y: int, across: dict[str, int], begin: float) -> str:
    left, right = across[step.source], across[step.destination]
    kind = "a"
    if step.status is not None and step.status >= 200:
        kind = "g" if step.status < 300 else "e"
    again = " r" if step.repeated else ""
    point = -7 if right > left else 7
    middle = (left + right) // 2
    label = step.label + (" + SDP" if step.sdp else "")
    if len(label) > LONGEST_LABEL:
        label = label[: LONGEST_LABEL - 1] + "…"
    return (
        f'<g class="{kind}"><title>{_text(step.label)}</title>'
        f'<line class="{kind}{again}" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>'
        f'<path stroke="none" d="M{right},{y} l{point},-4 v8 z"/></g>'
        f'<text class="t" x="{middle}" y="{y - 5}" text-anchor="middle">{_text(label)}</text>'
        f'<text class="m" x="4" y="{y + 4}">{step.message.at - begin:.3f} s</text>'
    )


def _title(ladder: Ladder) -> str:
    return "SIP of a call" if ladder.call_id is None else f"SIP of call {ladder.call_id}"


def _text(text: str) -> str:
    return escape("".join(c if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF else "?" for c in text))
