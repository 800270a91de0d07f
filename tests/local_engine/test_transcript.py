from local_engine.speech import Word
from local_engine.transcript import SpokenTranscript, heard_text, transcript_message

WORDS = (Word("Good", 0.0), Word(" day,", 200.0), Word(" Ada.", 500.0))


def test_the_first_word_is_text_and_the_rest_are_deltas() -> None:
    transcript = SpokenTranscript(4, WORDS)
    assert transcript.advance(0.0) == []
    assert transcript.advance(10.0) == [
        {
            "type": "transcript",
            "role": "agent",
            "medium": "voice",
            "text": "Good",
            "final": False,
            "ordinal": 4,
        }
    ]
    told = transcript.advance(600.0)
    assert [message["delta"] for message in told] == [" day,", " Ada."]
    assert all("text" not in message for message in told)


def test_the_final_text_of_a_cut_utterance_is_what_was_told() -> None:
    transcript = SpokenTranscript(0, WORDS)
    transcript.advance(300.0)
    assert transcript.cut()["text"] == "Good day,"
    assert transcript.cut()["final"] is True


def test_the_final_text_of_a_whole_utterance_is_all_of_it() -> None:
    transcript = SpokenTranscript(0, WORDS)
    transcript.advance(300.0)
    assert transcript.complete()["text"] == "Good day, Ada."


def test_what_the_caller_said_is_described_and_not_invented() -> None:
    assert heard_text(1840.0) == "[speech, 1.8 s]"


def test_a_message_has_text_or_delta_and_never_both() -> None:
    assert "delta" not in transcript_message("user", "text", 1, text="", final=True)
    assert "text" not in transcript_message("agent", "voice", 1, delta=" x", final=False)
