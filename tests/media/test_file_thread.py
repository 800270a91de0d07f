import threading

from media.file_thread import FileThread


def test_jobs_run_in_order_in_one_other_thread() -> None:
    files = FileThread()
    ran: list[tuple[int, int]] = []
    for number in range(20):
        files.submit(lambda number=number: ran.append((number, threading.get_ident())))  # type: ignore[misc]
    assert files.close(5.0)
    assert [number for number, _ in ran] == list(range(20))
    assert len({thread for _, thread in ran}) == 1
    assert ran[0][1] != threading.get_ident()


def test_a_job_that_fails_does_not_stop_the_next() -> None:
    files = FileThread()
    ran: list[str] = []

    def fail() -> None:
        raise RuntimeError("disk on fire")

    files.submit(fail)
    files.submit(lambda: ran.append("next"))
    assert files.close(5.0)
    assert ran == ["next"]


def test_closing_what_was_never_used_is_no_error() -> None:
    assert FileThread().close(0.0)


def test_a_job_that_hangs_does_not_hold_up_the_close() -> None:
    files = FileThread()
    release = threading.Event()
    files.submit(lambda: release.wait(30) and None)
    assert not files.close(0.05)
    release.set()
