"""Whom an INVITE of ours shows as the caller: From, P-Asserted-Identity, P-Preferred-Identity, Privacy and
Diversion, as the trunk and the call want it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.routed_records import number_style
from gateway.trunk_address import in_user
from store.records import Trunk, TrunkOutbound
from store.trunk_identity_records import DisplayName

ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"
ANONYMOUS_NAME = "Anonymous"
ANONYMOUS_FROM = f'"{ANONYMOUS_NAME}" <{ANONYMOUS_URI}>'
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class ShownCaller:
    """`tells_number`: whether who verifies a signature finds the number in From or P-Asserted-Identity, so
    that it may be signed.
    """

    from_uri: str
    from_display: str | None
    headers: tuple[tuple[str, str], ...]
    tells_number: bool


def shown_caller(
    trunk: Trunk, outbound: TrunkOutbound, host: str, number: str, agent: str | None, private: bool | None
) -> ShownCaller:
    """`number` as the trunk writes it, at `host`; `private` is the call's own wish, None: as the trunk has
    it.
    """
    identity = outbound.caller_identity
    withheld = identity.private if private is None else private
    names = {DisplayName.AGENT: agent, DisplayName.TRUNK: trunk.name}
    name = " ".join((names.get(identity.display_name) or "").split())[:LONGEST_NAME]
    own = f"sip:{in_user(number)}@{host}"
    headers: list[tuple[str, str]] = []
    if identity.p_asserted_identity:
        headers.append(("P-Asserted-Identity", f"<{own}>"))
    if identity.p_preferred_identity:
        headers.append(("P-Preferred-Identity", f"<{own}>"))
    if withheld:
        # `id` asks our carrier to keep the number to itself; From is ours to hide (RFC 3323 section 4.1).
        headers.append(("Privacy", "id"))
        return ShownCaller(ANONYMOUS_URI, ANONYMOUS_NAME, tuple(headers), tells_number=False)
    if identity.diversion is not None:
        diverting = in_user(number_style(trunk).written(identity.diversion))
        headers.append(("Diversion", f"<sip:{diverting}@{host}>;reason=unconditional;counter=1"))
    return ShownCaller(
        own if identity.from_user is None else f"sip:{identity.from_user}@{host}",
        name or None,
        tuple(headers),
        tells_number=identity.from_user is None or identity.p_asserted_identity,
    )


def own_headers(trunk: Trunk, of_call: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """The X- headers of an INVITE: the trunk's, and the call's in place of those of the same name."""
    of_call = of_call or {}
    taken = {name.lower() for name in of_call}
    of_trunk = trunk.headers.outbound or {}
    kept = [(name, value) for name, value in of_trunk.items() if name.lower() not in taken]
    return (*kept, *of_call.items())
