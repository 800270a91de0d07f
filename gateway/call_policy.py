"""A trunk's signalling as the user agent takes it."""

from __future__ import annotations

from sip.call_policy import CallPolicy, ReliableProvisionals, SessionTimers
from sip.user_agent import Credentials
from store.records import Trunk


def call_policy(trunk: Trunk | None) -> CallPolicy:
    """The policy of calls over `trunk`; the default one for calls over none."""
    if trunk is None:
        return CallPolicy()
    signalling = trunk.signalling
    return CallPolicy(
        session_timers=SessionTimers(signalling.session_timer),
        session_expires=signalling.session_expires,
        min_session_expires=signalling.min_session_expires,
        reliable_provisionals=ReliableProvisionals(signalling.reliable_provisionals),
        accepts_refer=trunk.dialog.allow_refer,
        accepts_messages=trunk.dialog.allow_messages,
    )


def trunk_credentials(trunk: Trunk | None) -> Credentials | None:
    """What a challenge of the trunk's is answered with."""
    outbound = None if trunk is None else trunk.outbound
    if outbound is None or outbound.auth_username is None or outbound.auth_password is None:
        return None
    return Credentials(outbound.auth_username, outbound.auth_password)
