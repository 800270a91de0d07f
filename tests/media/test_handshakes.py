from media.handshakes import Handshakes


def test_one_step_is_done_at_a_time_and_the_oldest_first() -> None:
    handshakes = Handshakes.prepare()
    done: list[tuple[str, float]] = []
    handshakes.submit(lambda now: done.append(("first", now)))
    handshakes.submit(lambda now: done.append(("second", now)))
    handshakes.step(1.0)
    assert done == [("first", 1.0)]
    handshakes.step(2.0)
    handshakes.step(3.0)
    assert done == [("first", 1.0), ("second", 2.0)]


def test_each_plane_has_a_certificate_of_its_own() -> None:
    assert Handshakes.prepare().fingerprint != Handshakes.prepare().fingerprint
