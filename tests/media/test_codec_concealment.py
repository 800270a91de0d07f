from media.codec_concealment import CodecConcealer


class Decoder:
    """A codec that notes what it is asked to make up."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bytes | None]] = []

    def conceal(self, samples: int, following: bytes | None = None) -> bytes:
        self.asked.append((samples, following))
        return bytes(2 * samples)


def test_the_decoder_makes_up_what_is_missing_with_the_packet_behind_it() -> None:
    decoder = Decoder()
    concealer = CodecConcealer(decoder, 16000)
    assert len(concealer.conceal(640, b"next")) == 640
    assert decoder.asked == [(320, b"next")]
    assert concealer.frames_concealed == 1
    assert concealer.resume(b"\x01\x02") == b"\x01\x02"
    assert concealer.faded == 0


def test_a_long_pause_goes_on_as_the_decoder_likes_but_counts_as_a_loss_for_60_ms_only() -> None:
    decoder = Decoder()
    concealer = CodecConcealer(decoder, 16000)
    for _ in range(50):
        concealer.conceal(640)
    assert len(decoder.asked) == 50
    assert concealer.frames_concealed == 3


def test_a_known_gap_counts_whole_however_long() -> None:
    concealer = CodecConcealer(Decoder(), 16000)
    concealer.conceal(5 * 640, b"next")
    assert concealer.frames_concealed == 5


def test_real_frames_cost_nothing() -> None:
    decoder = Decoder()
    concealer = CodecConcealer(decoder, 16000)
    concealer.remember(bytes(640))
    concealer.announce(20.0)
    assert decoder.asked == []
