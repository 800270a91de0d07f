"""How the media of one call is encrypted, as offer and answer settle it.

Three policies: never; when the far party does too (opportunistic SRTP, RFC 8643: the keys stand beside a
plain profile, and a party that does not know them answers in the clear); or always. Keys of ours are made
once for a call, so that a description repeated is the same description.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from sip.errors import NotAcceptableError
from sip.sdp import Attribute, MediaDescription, SessionDescription
from sip.sdp_security import (
    DTLS_PROFILES,
    PLAIN_PROFILES,
    SUITES,
    CryptoAttribute,
    IceCredentials,
    MediaEncryption,
    SrtpKeying,
    crypto_attributes,
    dtls_identity,
    ice_credentials,
    is_ice_lite,
)

_UFRAG_BYTES, _PASSWORD_BYTES = 6, 18  # 8 and 24 characters


@dataclass(frozen=True)
class SdesKeys:
    """Master keys with their salts: `local` encrypts what we send."""

    suite: str
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


@dataclass(frozen=True)
class DtlsPeer:
    """Whose certificate to expect, and whether we begin the handshake."""

    fingerprints: tuple[tuple[str, str], ...]
    active: bool


@dataclass(frozen=True)
class IcePair:
    """The credentials of both sides."""

    local: IceCredentials
    remote: IceCredentials


@dataclass(frozen=True)
class SecurityAgreement:
    """What one negotiation has settled, and what our description says of it. Neither keys nor a peer: the
    media is not encrypted.
    """

    sdes: SdesKeys | None = None
    dtls: DtlsPeer | None = None
    ice: IcePair | None = None
    attributes: tuple[Attribute, ...] = ()

    @property
    def encrypted(self) -> bool:
        return self.sdes is not None or self.dtls is not None

    @property
    def ice_of_ours(self) -> IceCredentials | None:
        return None if self.ice is None else self.ice.local


NOT_ENCRYPTED = SecurityAgreement()


class MediaSecurity:
    """Our side of one call. `fingerprint`: SHA-256 of our certificate, empty when we have none; `ice`:
    whether the far party may have ICE; `offer_ice`: whether our first offer asks for it, as browsers demand.
    """

    def __init__(
        self,
        policy: MediaEncryption,
        keying: SrtpKeying,
        fingerprint: str = "",
        *,
        ice: bool = False,
        offer_ice: bool = False,
    ) -> None:
        self._first_ice = _new_credentials() if offer_ice else None
        self._policy = policy
        self._allows_ice = ice
        self._fingerprint = fingerprint
        self._keying = keying if fingerprint else SrtpKeying.SDES
        self._keys: dict[str, bytes] = {}
        self._current = NOT_ENCRYPTED
        self._profile: str | None = None

    @property
    def uses_ice(self) -> bool:
        """Whether the far party asked for ICE, or is asked: we are its lite half (RFC 8445, section 2.5)."""
        return self.ice is not None

    @property
    def ice(self) -> IceCredentials | None:
        """The credentials of ours in use, or on offer."""
        return self._first_ice if self._current.ice is None else self._current.ice.local

    def settle(self, agreement: SecurityAgreement, profile: str) -> None:
        """A negotiation came about; later offers of ours go on from it.

        A key that goes out of use is not used again: the packets of another beginning would be encrypted like
        those of the first (RFC 3711, section 9.1).
        """
        before = self._current.sdes
        if before is not None and (agreement.sdes is None or agreement.sdes.suite != before.suite):
            self._keys.pop(before.suite, None)
        self._current = agreement
        self._profile = profile
        self._first_ice = None

    # --- their offer ---

    def answer(self, remote: SessionDescription, section: MediaDescription) -> SecurityAgreement | None:
        """How to answer `section`; None when our policy, or what it lacks, forbids to accept it."""
        profile = section.protocol.upper()
        plain = profile in PLAIN_PROFILES
        if self._policy is MediaEncryption.DISABLE:
            return SecurityAgreement(ice=self._answer_ice(remote, section)) if plain else None
        agreement = None
        by_dtls = self._answer_dtls(remote, section)
        if profile not in DTLS_PROFILES and (self._keying is SrtpKeying.SDES or by_dtls is None):
            agreement = self._answer_sdes(section)
        agreement = agreement or by_dtls
        if agreement is None:
            if not plain or self._policy is MediaEncryption.REQUIRE:
                return None
            agreement = NOT_ENCRYPTED
        return SecurityAgreement(
            agreement.sdes, agreement.dtls, self._answer_ice(remote, section), agreement.attributes
        )

    def _answer_sdes(self, section: MediaDescription) -> SecurityAgreement | None:
        lines = crypto_attributes(section)
        if not lines:
            return None
        current = self._current.sdes
        kept = [line for line in lines if current is not None and line.suite == current.suite]
        chosen = (kept or lines)[0]
        ours = CryptoAttribute(chosen.tag, chosen.suite, self._key(chosen.suite))
        keys = SdesKeys(chosen.suite, ours.key, chosen.key)
        return SecurityAgreement(sdes=keys, attributes=(("crypto", str(ours)),))

    def _answer_dtls(self, remote: SessionDescription, section: MediaDescription) -> SecurityAgreement | None:
        identity = dtls_identity(remote, section) if self._fingerprint else None
        if identity is None:
            return None
        # Who is behind NAT can be reached only after it has sent: where we may choose we wait for its hello.
        active = identity.setup == "passive"
        if identity.setup == "actpass" and self._current.dtls is not None:
            active = self._current.dtls.active  # roles stay for the life of an association (RFC 8842)
        return SecurityAgreement(
            dtls=DtlsPeer(identity.fingerprints, active),
            attributes=self._our_identity("active" if active else "passive"),
        )

    def _answer_ice(self, remote: SessionDescription, section: MediaDescription) -> IcePair | None:
        theirs = ice_credentials(remote, section) if self._allows_ice else None
        if theirs is None or is_ice_lite(remote):
            return None  # of two lite agents neither would check anything: then addresses are as in SDP
        current = self._current.ice
        if current is not None and current.remote == theirs:
            return current
        # Theirs are new: ICE begins, or begins anew with new ones of ours (RFC 8839, section 4.4.1).
        return IcePair(_new_credentials(), theirs)

    # --- our offer ---

    def offer(self) -> tuple[str, tuple[Attribute, ...]]:
        """The profile of the m= line, and the attributes that go with it."""
        if self._policy is MediaEncryption.DISABLE:
            return self._profile or "RTP/AVP", ()
        if self._current.encrypted and self._profile is not None:
            return self._profile, self._offered(by_dtls=self._current.dtls is not None)
        by_dtls = self._keying is SrtpKeying.DTLS
        if self._policy is MediaEncryption.ALLOW:
            return self._profile or "RTP/AVP", self._offered(by_dtls=by_dtls)
        return "UDP/TLS/RTP/SAVP" if by_dtls else "RTP/SAVP", self._offered(by_dtls=by_dtls)

    def _offered(self, *, by_dtls: bool) -> tuple[Attribute, ...]:
        if by_dtls:
            return self._our_identity("actpass")
        current = self._current.sdes
        suites = list(SUITES) if current is None else [current.suite]
        lines = [CryptoAttribute(tag, suite, self._key(suite)) for tag, suite in enumerate(suites, 1)]
        return tuple(("crypto", str(line)) for line in lines)

    def accept(
        self, remote: SessionDescription, section: MediaDescription, offered: MediaDescription
    ) -> SecurityAgreement:
        """Read the answer to `offered`. Raises `NotAcceptableError` when it does not encrypt though it has
        to.
        """
        ours = {(line.tag, line.suite): line for line in crypto_attributes(offered)}
        for line in crypto_attributes(section):
            mine = ours.get((line.tag, line.suite))
            if mine is not None:
                keys = SdesKeys(line.suite, mine.key, line.key)
                return SecurityAgreement(sdes=keys, ice=self._answered_ice(remote, section))
        if offered.attribute("fingerprint") is not None:
            identity = dtls_identity(remote, section)
            if identity is not None:
                peer = DtlsPeer(identity.fingerprints, identity.setup == "passive")
                return SecurityAgreement(dtls=peer, ice=self._answered_ice(remote, section))
        if self._policy is MediaEncryption.REQUIRE or offered.protocol.upper() not in PLAIN_PROFILES:
            raise NotAcceptableError("the answer does not encrypt the media")
        return SecurityAgreement(ice=self._answered_ice(remote, section))

    def _answered_ice(self, remote: SessionDescription, section: MediaDescription) -> IcePair | None:
        """ICE goes on when our offer had it; not between two lite agents (see `_answer_ice`)."""
        ours = self.ice
        theirs = None if is_ice_lite(remote) else ice_credentials(remote, section)
        return IcePair(ours, theirs) if ours is not None and theirs is not None else None

    # --- what is ours ---

    def _key(self, suite: str) -> bytes:
        if suite not in self._keys:
            self._keys[suite] = secrets.token_bytes(SUITES[suite])
        return self._keys[suite]

    def _our_identity(self, setup: str) -> tuple[Attribute, ...]:
        return (("fingerprint", f"sha-256 {self._fingerprint}"), ("setup", setup))


def _new_credentials() -> IceCredentials:
    return IceCredentials(
        secrets.token_urlsafe(_UFRAG_BYTES).replace("-", "+").replace("_", "/"),
        secrets.token_urlsafe(_PASSWORD_BYTES).replace("-", "+").replace("_", "/"),
    )


def names_encryption(remote: SessionDescription, section: MediaDescription) -> bool:
    """Whether a section could be encrypted at all, by a profile or by keys beside a plain one."""
    return (
        section.protocol.upper() not in PLAIN_PROFILES
        or bool(crypto_attributes(section))
        or dtls_identity(remote, section) is not None
    )
