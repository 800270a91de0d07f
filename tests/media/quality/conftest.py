"""A leg in a call, for tests of what is noticed of it."""

from collections.abc import Iterator

import pytest

from tests.media.quality.test_leg_monitor import Talk


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    made.files.close(5.0)
    for sock in (made.peer, made.rtcp, *made.sockets):
        sock.close()
