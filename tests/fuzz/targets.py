"""The targets by name, each with the inputs it starts from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import header, parser, sdp, seeds, stream, transactions

MAXIMUM_LENGTH = 16 * 1024
#: CPU seconds for one input. Under the fuzzer's bookkeeping a message of the maximum length takes some
#: hundredths; work that grows with the square of the length takes longer than this.
MAXIMUM_TIME = 3.0


@dataclass(frozen=True)
class Target:
    fuzz: Callable[[bytes], None]
    seeds: list[bytes]

    def run(self, data: bytes) -> None:
        """One input. Raises whatever a fault in the product raises."""
        begun = time.process_time()
        self.fuzz(data)
        assert time.process_time() - begun < MAXIMUM_TIME, "an input takes too long"


TARGETS = {
    "parser": Target(parser.fuzz, seeds.MESSAGES),
    "stream": Target(
        stream.fuzz, [b"\1\2\3\4\5\6\7\0" + b"\r\n\r\n".join((one, one)) for one in seeds.MESSAGES]
    ),
    "header": Target(header.fuzz, [text.encode() for text in seeds.HEADERS]),
    "sdp": Target(sdp.fuzz, seeds.DESCRIPTIONS),
    "transactions": Target(transactions.fuzz, seeds.SCENARIOS),
}
