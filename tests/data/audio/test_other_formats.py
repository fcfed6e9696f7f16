"""MP3, Ogg, AIFF, AU, CAF and Wave64: read as WAV and FLAC are; what is cut short or damaged is told."""

import struct
from pathlib import Path

import numpy as np
import pytest
from recordings import packed

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.audio.containers import frame_of
from lstmkit.data.audio.reading import Recording, open_audio, read_audio
from lstmkit.data.sources import load_corpus
from lstmkit.data.sources.clips import AUDIO_SUFFIXES
from lstmkit.data.sources.sound_inputs import recordings_at, recordings_in
from sounds import WORDS, whistle

FORMS = {  # suffix: format, encoding, and how far from the samples a decoder may be
    ".mp3": ("MP3", "MPEG_LAYER_III", 0.1),
    ".ogg": ("OGG", "VORBIS", 0.1),
    ".oga": ("OGG", "VORBIS", 0.1),
    ".opus": ("OGG", "OPUS", 0.2),
    ".aiff": ("AIFF", "PCM_16", 2**-15),
    ".aif": ("AIFF", "PCM_24", 2**-15),
    ".aifc": ("AIFF", "FLOAT", 2**-15),
    ".au": ("AU", "PCM_16", 2**-15),
    ".snd": ("AU", "PCM_16", 2**-15),
    ".caf": ("CAF", "ALAC_16", 2**-15),
    ".w64": ("W64", "PCM_16", 2**-15),
    ".wav": ("WAV", "PCM_16", 2**-15),
    ".flac": ("FLAC", "PCM_16", 2**-15),
}
RATE = 16_000
SAMPLES = np.concatenate([whistle("rises", k, RATE) for k in range(8)])
CHECKED = [suffix for suffix in FORMS if suffix not in (".wav", ".flac")]


def content_of(suffix: str, samples: np.ndarray = SAMPLES, rate: int = RATE) -> bytes:
    form, width, _ = FORMS[suffix]
    return packed(samples, rate, form=form, width=width)


def read_or_none(content: bytes) -> Recording | None:
    """The recording, where its damage does not show."""
    try:
        return read_audio(content)
    except DataError:
        return None


def test_every_suffix_has_its_form() -> None:
    assert set(FORMS) == set(AUDIO_SUFFIXES)


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_samples_come_as_they_were_written(suffix: str, n_channels: int, tmp_path: Path) -> None:
    samples = SAMPLES if n_channels == 1 else np.stack([SAMPLES, SAMPLES], axis=1)
    path = tmp_path / f"word{suffix}"
    path.write_bytes(content_of(suffix, samples))
    found = read_audio(path)
    assert (found.facts.source_rate, found.facts.channels, len(found.samples)) == (RATE, n_channels, len(SAMPLES))
    assert np.abs(found.samples - SAMPLES).max() < FORMS[suffix][2]
    np.testing.assert_array_equal(read_audio(path.read_bytes()).samples, found.samples)
    late = read_audio(path, start=0.5, end=1.0).samples
    np.testing.assert_allclose(late, found.samples[RATE // 2 : RATE], atol=2e-7)
    with open_audio(path, 8_000) as blocks:
        assert abs(sum(map(len, blocks)) - len(SAMPLES) / 2) <= 1


@pytest.mark.parametrize("suffix", CHECKED)
def test_what_is_cut_short_is_never_a_shorter_recording(suffix: str) -> None:
    content = content_of(suffix)
    for end in np.random.default_rng(0).integers(4, len(content), 40):
        with pytest.raises(DataError, match=r"^word: .*; (put a whole copy in its place|give the recording in one)"):
            read_audio(content[: int(end)], name="word")


@pytest.mark.parametrize("suffix", CHECKED)
def test_damage_is_told_or_leaves_the_length(suffix: str) -> None:
    content = content_of(suffix)
    generator = np.random.default_rng(1)
    for at in generator.integers(64, len(content), 40):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(generator.integers(8))
        if suffix in (".ogg", ".oga", ".opus"):  # whose pages have checksums
            with pytest.raises(DataError):
                read_audio(bytes(damaged))
        elif found := read_or_none(bytes(damaged)):
            assert len(found.samples) == len(SAMPLES)


def test_pages_lost_from_an_ogg_file_are_missed() -> None:
    content = packed(np.tile(SAMPLES, 12), RATE, form="OGG", width="VORBIS")
    pages = content.split(b"OggS")
    assert len(pages) > 5
    with pytest.raises(DataError, match=r"damaged: pages before byte [\d,]+ are missing"):
        read_audio(b"OggS".join([*pages[:3], *pages[4:]]))
    with pytest.raises(DataError, match="cut short: no page ends its stream"):
        read_audio(b"OggS".join(pages[:-1]))
    with pytest.raises(DataError, match="damaged near byte"):
        read_audio(content + b"more")


def test_tags_and_padding_of_an_mp3_file_are_passed_over() -> None:
    content = content_of(".mp3")
    expected = read_audio(content).samples
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 72]) + bytes(200)
    for framed in (tag + content, content + b"TAG" + bytes(125), content + bytes(500), tag + content + b"APETAGEX" * 9):
        np.testing.assert_array_equal(read_audio(framed).samples, expected)
    with pytest.raises(DataError, match=r"damaged near byte [\d,]+; put a whole copy"):
        read_audio(content + b"what is this")


def test_the_promise_of_a_xing_header_is_held_to() -> None:
    content = bytearray(content_of(".mp3"))
    at = max(content.find(b"Xing"), content.find(b"Info"))
    (n_frames,) = struct.unpack(">I", content[at + 8 : at + 12])
    content[at + 8 : at + 12] = struct.pack(">I", n_frames + 7)
    with pytest.raises(DataError, match=f"its header promises {n_frames + 7} frames and {n_frames} are there"):
        read_audio(bytes(content))


def test_mpeg_frames_have_the_sizes_of_the_standard() -> None:
    assert frame_of(bytes([0xFF, 0xFB, 0x90, 0x00])) == (417, 36)  # version 1, layer III, 128 kbit/s at 44,100 Hz
    assert frame_of(bytes([0xFF, 0xFB, 0x92, 0xC0])) == (418, 21)  # padded, mono
    assert frame_of(bytes([0xFF, 0xF3, 0x88, 0xC4])) == (288, 13)  # version 2, 64 kbit/s at 16,000 Hz
    assert frame_of(bytes([0xFF, 0xFF, 0x14, 0x00])) == (32, 36)  # version 1, layer I, 32 kbit/s at 48,000 Hz
    for no_frame in (b"\xff\xfb\xf0\0", b"\xff\xfb\x0c\0", b"\xff\xe9\x90\0", b"\xff\xf9\x90\0", b"RIFF", b"\xff"):
        assert frame_of(no_frame) is None


def test_formats_mixed_in_one_folder(tmp_path: Path) -> None:
    for place, word in enumerate(WORDS):
        (tmp_path / word).mkdir()
        for k, suffix in enumerate(FORMS):
            ending = suffix.upper() if k % 2 else suffix
            (tmp_path / word / f"{k}{ending}").write_bytes(content_of(suffix, whistle(word, 2 * k + place, RATE)))
    (tmp_path / "rises" / "cut.mp3").write_bytes(content_of(".mp3")[:-100])
    corpus = load_corpus(DataConfig(source=str(tmp_path), on_bad_row="skip"))
    assert (corpus.kind, len(corpus.parts["all"])) == ("audio", 2 * len(FORMS))
    assert [row["file"] for row in corpus.rejected] == ["rises/cut.mp3"]
    assert len({clip.digest for clip in corpus.parts["all"].inputs}) == 2 * len(FORMS)
    inputs = recordings_in(tmp_path)
    assert sum(not row.fault for row in inputs.rows) == 2 * len(FORMS)
    (found,) = recordings_at([str(tmp_path / "rises" / "cut.mp3")]).rows
    assert "cut short" in found.fault


def test_soundfile_missing_is_told_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "word.mp3"
    path.write_bytes(content_of(".mp3"))
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(RequestError, match=r"word\.mp3: audio files need soundfile.*pip install 'lstmkit\[audio\]'"):
        read_audio(path)
