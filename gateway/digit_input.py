"""Keys that the far party presses, from whichever way the trunk allows, merged, batched and handed to the
agent as text.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from gateway.call import Call
from gateway.digit_batch import DigitBatch
from media.digit_merge import DigitMerge
from store.records import DtmfMode

INFO = "info"
# Batches on their way to the engine and back, of which it has not told yet that it got them.
UNTOLD_BATCHES = 16
VEIL = "\u2022"
_ONE_WAY = {DtmfMode.RFC4733: "rfc4733", DtmfMode.INFO: INFO}


class DigitInput:
    """The keys of one call. `deliver` gets each batch."""

    def __init__(
        self,
        call: Call,
        mode: DtmfMode,
        deliver: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        show_digits: bool = False,
    ) -> None:
        self._call = call
        self._mode = mode
        self._clock = clock
        self._show_digits = show_digits
        self._merge = DigitMerge()
        self._deliver = deliver
        self._batch = DigitBatch(self._hand_over)
        self._untold: deque[str] = deque(maxlen=UNTOLD_BATCHES)

    def listens_for_tones(self, telephone_event: int | None) -> bool:
        """Whether keys are to be looked for in the audio, when this payload type was negotiated for them."""
        if self._mode is DtmfMode.AUTO:
            return telephone_event is None
        return self._mode is DtmfMode.INBAND

    def pressed(self, digit: str, by: str, duration_ms: int) -> None:
        """A key was let go, as told by one way (`rfc4733`, `info`, `inband`)."""
        if by != _ONE_WAY.get(self._mode, by):
            return
        if not self._merge.is_new(digit, by, self._clock(), duration_ms):
            return
        self._call.step("digit-received", by=by, duration_ms=duration_ms)
        self._call.announce("digit", by=by, **({"digit": digit} if self._show_digits else {}))
        self._batch.add(digit)

    def _hand_over(self, digits: str) -> None:
        if not self._show_digits:
            self._untold.append(digits)
        self._deliver(digits)

    def veiled(self, words: str) -> str:
        """What the engine says that the far party said or wrote, without the keys that we told it of: it puts
        them into its transcript like any other text.
        """
        keys = words.strip()
        if keys not in self._untold:
            return words
        self._untold.remove(keys)
        return VEIL * len(keys)

    def close(self) -> None:
        self._batch.close()
