"""The keys of one leg: heard as events or as tones, and sent as either. Where the leg is bridged to another
one, those that were heard are passed on to it, each press once whichever ways it was told.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from media import messages
from media.digit_merge import DigitMerge
from media.dtmf import Digit
from media.dtmf_detector import DtmfDetector
from media.dtmf_sender import DigitsError
from media.leg_speaker import LegSpeaker
from media.messages import Event
from media.quality.leg_monitor import LegMonitor
from media.rtp_session import RtpSession

log = structlog.get_logger(__name__)

RFC4733, INBAND = "rfc4733", "inband"
# Between keys that are passed on: what any receiver tells apart, and no longer than people pause.
PASSED_GAP_MS = 50


class LegKeys:
    """`emit` takes the events. `other` gets the keys that are passed on; None while the leg is not bridged.
    `muted`: the far party is not to be heard, so its keys are not passed on.
    """

    __slots__ = (
        "_call_id",
        "_emit",
        "_leg_id",
        "_merge",
        "_monitor",
        "_rtp",
        "_speaker",
        "detector",
        "muted",
        "other",
    )

    def __init__(
        self,
        leg_id: str,
        call_id: str,
        rtp: RtpSession,
        speaker: LegSpeaker,
        monitor: LegMonitor,
        emit: Callable[[Event], None],
    ) -> None:
        self._leg_id = leg_id
        self._call_id = call_id
        self._rtp = rtp
        self._speaker = speaker
        self._monitor = monitor
        self._emit = emit
        self._merge = DigitMerge()
        self.detector: DtmfDetector | None = None  # only while tones are looked for
        self.other: Callable[[Digit], None] | None = None
        self.muted = False

    # --- heard ---

    def heard(self, digit: Digit, by: str = RFC4733) -> None:
        """A key of the far party was let go."""
        self._monitor.key_pressed()
        self._emit(
            messages.DigitReceived(
                leg_id=self._leg_id, digit=digit.digit, duration_ms=digit.duration_ms, by=by
            )
        )
        other = self.other
        if other is None or self.muted or self._speaker.held:
            return
        if self._merge.is_new(digit.digit, by, self._monitor.now, digit.duration_ms):
            other(digit)

    def detect(self, enabled: bool, sample_rate: int) -> None:
        """Look for tones in the far party's audio, or stop to."""
        self.detector = DtmfDetector(sample_rate) if enabled else None

    def without_tones(self, caller: bytes | None, sample_rate: int) -> bytes | None:
        """The caller's frame, None where it holds the tones of a key: they are no speech."""
        detector = self.detector
        if detector is None:
            return caller
        if caller is not None and len(caller) != detector.frame_bytes:
            detector = self.detector = DtmfDetector(sample_rate)
        for digit in detector.take(caller):
            self.heard(digit, INBAND)
        return None if detector.tone else caller

    # --- sent ---

    def send(self, command: messages.SendDigits, sample_rate: int) -> None:
        """Keys of the gateway's, as events or as sound; those to be sounded while others sound are refused.
        `DigitsSent` tells of either.
        """
        try:
            if self._rtp.sender.takes_digits:
                self._rtp.sender.send_digits(command.digits, command.tone_ms, command.gap_ms)
            elif self._rtp.negotiated is None:
                raise DigitsError("nothing was negotiated yet")
            else:
                self._speaker.send_tones(command, sample_rate)
        except DigitsError as error:
            log.warning("digits_not_sent", leg_id=self._leg_id, call_id=self._call_id, reason=str(error))
            self._emit(messages.DigitsSent(leg_id=self._leg_id, digits=""))

    def pass_on(self, digit: Digit, sample_rate: int) -> None:
        """A key that was pressed on the other leg. Nothing is told of it; what is too much is dropped."""
        key = messages.SendDigits(
            leg_id=self._leg_id, digits=digit.digit, tone_ms=digit.duration_ms, gap_ms=PASSED_GAP_MS
        )
        try:
            if self._rtp.sender.takes_digits:
                self._rtp.sender.send_digits(key.digits, key.tone_ms, key.gap_ms, told=False)
            elif self._rtp.negotiated is not None:
                self._speaker.send_tones(key, sample_rate, told=False)
        except DigitsError as error:
            log.warning("key_not_passed_on", leg_id=self._leg_id, call_id=self._call_id, reason=str(error))

    def tell_sent(self) -> None:
        """Tell which orders were carried out since this was last called."""
        sent = self._rtp.sender.digits_sent
        for digits in sent:
            self._emit(messages.DigitsSent(leg_id=self._leg_id, digits=digits))
        sent.clear()
