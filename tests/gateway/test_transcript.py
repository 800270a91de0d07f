"""The transcript in the product's shape."""

from gateway.transcript import UTTERANCE_LIMIT, Transcript
from store.records import TranscriptEntry


def test_deltas_append_and_text_replaces() -> None:
    transcript = Transcript()
    transcript.add("agent", 0, text="Good", delta=None, final=False, media_ms=1180)
    transcript.add("agent", 0, text=None, delta=" dya", final=False, media_ms=1400)
    done = transcript.add("agent", 0, text="Good day. ", delta=None, final=True, media_ms=2000)
    assert done == TranscriptEntry("agent", "Good day.", 1.2)
    assert transcript.entries() == (TranscriptEntry("agent", "Good day.", 1.2),)


def test_an_empty_text_beside_a_delta_does_not_erase() -> None:
    transcript = Transcript()
    transcript.add("agent", 0, text="Good", delta=None, final=False, media_ms=0)
    transcript.add("agent", 0, text="", delta=" day", final=True, media_ms=0)
    assert transcript.entries()[0].text == "Good day"


def test_the_user_is_the_contact_and_order_is_by_ordinal() -> None:
    transcript = Transcript()
    transcript.add("agent", 4, text="Five.", delta=None, final=True, media_ms=9000)
    transcript.add("user", 1, text="My room?", delta=None, final=True, media_ms=7400)
    assert [(entry.speaker, entry.text) for entry in transcript.entries()] == [
        ("contact", "My room?"),
        ("agent", "Five."),
    ]


def test_an_empty_final_before_a_tool_leaves_no_entry() -> None:
    transcript = Transcript()
    assert transcript.add("agent", 2, text="", delta=None, final=True, media_ms=0) is None
    assert transcript.entries() == ()


def test_unknown_roles_are_left_out() -> None:
    transcript = Transcript()
    transcript.add("tool", 0, text="{}", delta=None, final=True, media_ms=0)
    assert transcript.entries() == ()


def test_an_utterance_cut_off_by_the_end_is_kept() -> None:
    transcript = Transcript()
    transcript.add("agent", 0, text="I was about to", delta=None, final=False, media_ms=500)
    assert transcript.entries() == (TranscriptEntry("agent", "I was about to", 0.5),)


def test_a_new_engine_call_goes_on_behind_the_old_one() -> None:
    transcript = Transcript()
    transcript.add("agent", 0, text="Before.", delta=None, final=True, media_ms=0)
    transcript.continue_after_new_engine_call()
    transcript.add("agent", 0, text="After.", delta=None, final=True, media_ms=5000)
    assert [entry.text for entry in transcript.entries()] == ["Before.", "After."]


def test_the_transcript_is_bounded() -> None:
    transcript = Transcript()
    for ordinal in range(UTTERANCE_LIMIT + 3):
        transcript.add("user", ordinal, text="x", delta=None, final=True, media_ms=0)
    assert len(transcript.entries()) == UTTERANCE_LIMIT
    assert transcript.dropped == 3
