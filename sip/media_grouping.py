"""What browsers want to find again in a description: which m= section is which (RFC 5888), that they share
one transport (RFC 9143), and which stream the audio belongs to (RFC 8830).
"""

from __future__ import annotations

from sip.sdp import Attribute, MediaDescription, SessionDescription

_STREAM = "trunkline trunkline-audio"


def identification(section: MediaDescription) -> tuple[Attribute, ...]:
    """`a=mid` as `section` has it, and `a=msid` of ours where it has one: without it the audio would belong
    to no stream in the browser."""
    mid = section.attribute("mid")
    if not mid:
        return ()
    named: tuple[Attribute, ...] = (("mid", mid),)
    return named if section.attribute("msid") is None else (*named, ("msid", _STREAM))


def bundle_group(offer: SessionDescription, taken: MediaDescription) -> tuple[Attribute, ...]:
    """The BUNDLE group of an answer that takes one section: that one alone, if it was offered in a group
    (RFC 9143 section 7.3: what is refused leaves the group)."""
    mid = taken.attribute("mid")
    for name, value in offer.attributes:
        kind, *members = (value or "").split()[:64] or [""]
        if name == "group" and kind.upper() == "BUNDLE" and mid in members:
            return (("group", f"BUNDLE {mid}"),)
    return ()
