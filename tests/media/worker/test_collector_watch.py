"""Collections of the garbage collector are timed."""

import gc

from media.worker.collector_watch import CollectorWatch


def test_the_longest_collection_is_told_once() -> None:
    watch = CollectorWatch()
    watch.start()
    try:
        rubbish = [[number] for number in range(100_000)]
        for one in rubbish:
            one.append(one)  # type: ignore[arg-type]
        del rubbish
        gc.collect()
        assert 0.0 < watch.take_longest_s() < 5.0
        assert watch.collections >= 1
        gc.disable()
        watch.take_longest_s()
        assert watch.take_longest_s() == 0.0
    finally:
        gc.enable()
        watch.stop()
    before = watch.collections
    gc.collect()
    assert watch.collections == before
