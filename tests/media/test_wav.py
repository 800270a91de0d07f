import wave
from pathlib import Path

from media import wav


def test_the_header_describes_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav.header(2, 8000, 3200) + bytes(3200))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 800)
