"""The sign-in as the configuration wants it."""

from __future__ import annotations

from gateway.configuration.http import DashboardSection
from gateway.sign_in.sign_in import KeyVerifier, SignIn
from store.database import Store


def open_sign_in(store: Store, keys: KeyVerifier, settings: DashboardSection) -> SignIn:
    """The ways in of this installation."""
    return SignIn(
        store,
        keys,
        session_idle_s=settings.session_idle,
        session_lifetime_s=settings.session_lifetime,
    )
