"""The process that encodes recordings: jobs come as lines of JSON on standard input, results go out the same
way, one for each job, in order.

A process of its own, since the encoder must neither hold the interpreter of the gateway nor take it along
when a library crashes; and at the lowest priority, since a recording can wait and a call cannot.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import IO

import msgspec

from media.encoding import EncodingError, EncodingJob, EncodingResult
from media.recording_encoder import encode

NICENESS = 15


def work(jobs: IO[bytes], results: IO[bytes]) -> None:
    """Do every job until the input ends."""
    decoder = msgspec.json.Decoder(EncodingJob)
    encoder = msgspec.json.Encoder()
    for line in jobs:
        try:
            result = EncodingResult(encoded=encode(decoder.decode(line)))
        except (EncodingError, msgspec.MsgspecError) as error:
            result = EncodingResult(error=str(error))
        results.write(encoder.encode(result) + b"\n")
        results.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the gateway, which then closes our input
    os.nice(NICENESS)
    try:
        work(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(1)  # the gateway is gone; there is nobody to tell


if __name__ == "__main__":
    main()
