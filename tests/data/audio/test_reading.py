"""Reading audio: every fault is one line that names the file; what is handled is told; long recordings stay small."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recordings import RATE, noise, packed, tone

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.audio.reading import open_audio, read_audio, take_audio
from sounds import resample

SAMPLES = noise(20_000)
WAV, FLAC = packed(SAMPLES), packed(SAMPLES, form="FLAC")


def patched(content: bytes, at: int, form: str, *values: int) -> bytes:
    """`content` with numbers written over it: 4 RIFF size, 22 channels, 24 rate, 32 block, 34 bits, 40 data size."""
    return content[:at] + struct.pack(form, *values) + content[at + struct.calcsize(form) :]


def holed(at: int) -> bytes:
    broken = noise(100)
    broken[at] = np.nan
    return packed(broken, width="FLOAT")


FAULTS: dict[str, tuple[bytes, str]] = {
    "text": (
        b"zero, one\n" * 99,
        r"a text file \(it begins with 'zero, one'\); WAV, FLAC, MP3, Ogg, AIFF, AU, CAF or Wave64 is read; give",
    ),
    "riff-text": (b"RIFF of guitars\n" * 99, "a text file"),
    "empty": (b"", r"empty \(0 bytes\)"),
    "zeros": (bytes(999), "bytes of zero; WAV, FLAC"),
    "random": (b"\xfe\x01\x02\x03" * 99, r"no recording \(it begins with the bytes fe 01 02 03\)"),
    "aac": (b"\xff\xf1\x50\x80" * 99, "AAC, whatever it is called; WAV, FLAC, MP3"),
    "mp3": (b"ID3\x04" + bytes(99), "no MP3: no two of its frames are found; put a whole copy"),
    "m4a": (b"\0\0\0\x20ftypM4A ", "MPEG-4, whatever it is called"),
    "no-samples": (packed(SAMPLES[:0]), "no samples in it; at least one is needed"),
    "flac-no-samples": (FLAC[:42], "not a sound recording|damaged or cut short"),
    "wav-cut": (
        WAV[:20_000],
        "cut short: its header promises 40,000 bytes of samples and 19,956 are there; put a whole",
    ),
    "wav-last-sample-lost": (WAV[:-2], "promises 40,000 bytes of samples and 39,998 are there"),
    "wav-header-alone": (WAV[:44], "promises 40,000 bytes of samples and 0 are there"),
    "wav-header-cut": (WAV[:20], "header without samples behind it"),
    "wav-no-format": (patched(WAV, 12, "4s", b"junk"), "no sound chunk 'fmt '"),  # pyright: ignore[reportArgumentType]
    "rf64-cut": (packed(SAMPLES, form="RF64")[:-2], "cut short: its header promises 40,000 bytes"),
    "big-endian-cut": (b"", ""),  # filled in below
    "flac-cut": (FLAC[:20_000], "damaged or cut short near 0 s"),
    "flac-damaged": (FLAC[:15_000] + bytes(9) + FLAC[15_009:], "damaged or cut short"),
    "flac-lies": (patched(FLAC, 22, ">I", 30_000), "damaged or cut short"),
    "flac-no-length": (patched(FLAC, 22, ">I", 0), "does not tell the length; write it to a file anew"),
    "rate-0": (patched(WAV, 24, "<I", 0), "a sampling rate of 0 Hz"),
    "rate-5": (patched(WAV, 24, "<I", 5), "a sampling rate of 5 Hz; whole numbers from 1,000 to 384,000 are allowed"),
    "rate-900k": (patched(WAV, 24, "<I", 900_000), "a sampling rate of 900000 Hz"),
    "rate-4G": (patched(WAV, 24, "<I", 4_000_000_000), "not a sound recording"),
    "channels-0": (patched(WAV, 22, "<H", 0), "a header with 0 channels"),
    "channels-lie": (patched(WAV, 22, "<H", 2), r"contradicts itself \(2 channels of 16 bits in 2 bytes\)"),
    "bits-lie": (patched(WAV, 34, "<H", 24), r"contradicts itself \(1 channels of 24 bits in 2 bytes\)"),
    "nan": (holed(32), "a sample that is NaN, infinite or beyond float32 at 0.002 s; finite numbers are needed"),
    "beyond-float32": (packed(np.array([0.0, 1e300]), width="DOUBLE"), "NaN, infinite or beyond float32"),
}
FAULTS["big-endian-cut"] = (
    b"RIFX"
    + struct.pack(">I4s4sIHHIIHH4sI", 40, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", 8)
    + b"ab",
    "promises 8 bytes of samples and 2 are there",
)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_one_line_that_names_the_file(fault: str, tmp_path: Path) -> None:
    content, told = FAULTS[fault]
    path = tmp_path / "word.wav"
    path.write_bytes(content)
    for source, name in ((path, str(path)), (content, "set.zip:word.wav")):
        with pytest.raises(DataError, match=told) as caught:
            read_audio(source, RATE, name=None if source is path else name)
        assert str(caught.value).startswith(f"{name}: ")
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value)


def test_all_faults_were_tried() -> None:
    assert len(FAULTS) == 30


def test_a_damaged_byte_of_a_flac_file_is_found_wherever_it_is() -> None:
    rng = np.random.default_rng(1)
    for at in rng.integers(42, len(FLAC), 25):
        broken = bytearray(FLAC)
        broken[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(DataError, match=r"damaged or cut short|not a sound recording"):
            read_audio(bytes(broken))


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.wav", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_audio(path)


def test_soundfile_missing_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(RequestError, match=r"a\.wav: audio files need soundfile.*pip install 'lstmkit\[audio\]'"):
        read_audio("a.wav")
    assert len(take_audio(SAMPLES, RATE, 8000).samples) == 10_000  # arrays need no library


def test_importing_brings_neither_soundfile_nor_torch() -> None:
    code = "import sys, lstmkit.data.audio.reading; sys.exit(any(n in sys.modules for n in ('soundfile', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("form", "width", "near"), [
    ("WAV", "PCM_U8", 1 / 128), ("WAV", "PCM_16", 2**-15), ("WAV", "PCM_24", 2**-23), ("WAV", "PCM_32", 2**-24),
    ("WAV", "FLOAT", 0.0), ("WAV", "DOUBLE", 0.0), ("WAVEX", "PCM_16", 2**-15), ("RF64", "PCM_16", 2**-15),
    ("WAV", "ULAW", 0.02), ("FLAC", "PCM_16", 2**-15), ("FLAC", "PCM_24", 2**-23),
])  # fmt: skip
def test_every_width_gives_the_samples(form: str, width: str, near: float) -> None:
    recording = read_audio(packed(SAMPLES, form=form, width=width))
    assert recording.samples.dtype == np.float32
    assert recording.rate == recording.facts.source_rate == RATE
    np.testing.assert_allclose(recording.samples, SAMPLES, rtol=0, atol=near)
    assert recording.facts.notes == ()


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_length_that_a_pipe_left_open_is_read_to_the_end(size: int) -> None:
    content = patched(patched(WAV, 40, "<I", size), 4, "<I", min(size + 36, 0xFFFFFFFF))
    assert np.array_equal(read_audio(content).samples, read_audio(WAV).samples)


def test_chunks_before_the_samples_are_passed_over(tmp_path: Path) -> None:
    content = WAV[:36] + struct.pack("<4sI", b"LIST", 5) + b"hello\0" + WAV[36:]
    path = tmp_path / "misnamed.raw"  # a name must have no say
    path.write_bytes(content)
    assert np.array_equal(read_audio(path).samples, read_audio(WAV).samples)


def test_a_stretch_is_read_as_a_recording_of_its_own() -> None:
    whole = read_audio(WAV).samples
    part = read_audio(WAV, 8000, start=0.25, end=1.0)
    assert np.array_equal(part.samples, resample(whole[4000:16_000], RATE, 8000))
    assert part.facts.seconds == 0.75
    flac = read_audio(FLAC, start=0.25, end=1.0)
    assert np.array_equal(flac.samples, read_audio(FLAC).samples[4000:16_000])
    assert np.array_equal(take_audio(whole, RATE, start=0.25, end=1.0).samples, whole[4000:16_000])


@pytest.mark.parametrize(("start", "end", "told"), [
    (1.25, None, "from 1.25 s to its end begins beyond the recording, which is 1.25 s long"),
    (99.0, 100.0, "begins beyond the recording"), (0.5, 0.5, "0 <= start < end is allowed"),
    (-0.1, None, "0 <= start < end"), (np.nan, None, "0 <= start < end"), (0.0, np.nan, "0 <= start < end"),
    (0.5, 0.50001, "holds no sample at 16,000 Hz"),
])  # fmt: skip
def test_a_stretch_that_is_none_is_refused(start: float, end: float | None, told: str) -> None:
    for read in (lambda: read_audio(WAV, start=start, end=end, name="a.wav"),
                 lambda: take_audio(SAMPLES, RATE, start=start, end=end, name="a.wav")):  # fmt: skip
        with pytest.raises(DataError, match=rf"^a\.wav: the stretch .*{told}"):
            read()


def test_an_end_beyond_the_recording_is_its_end_and_told() -> None:
    recording = read_audio(WAV, start=1.0, end=1.3)
    assert len(recording.samples) == 4000
    assert recording.facts.notes == ("ends at 1.25 s, before the 1.3 s asked for",)
    assert read_audio(WAV, start=1.0, end=1.25).facts.notes == ()


def test_channels_are_averaged_and_rates_changed_and_both_told() -> None:
    pair = np.stack([SAMPLES, -0.5 * SAMPLES], 1)
    recording = read_audio(packed(pair, width="FLOAT"), 8000)
    np.testing.assert_allclose(recording.samples, resample(0.25 * SAMPLES, RATE, 8000), atol=1e-7)
    assert recording.facts.notes == ("2 channels averaged", "resampled from 16,000 to 8,000 Hz")


def test_clipping_is_runs_at_full_scale() -> None:
    samples = noise(200_000)  # more than a block
    samples[[5, 7]] = 1.0  # single peaks are what a normalised recording has
    samples[[20, 21]] = [1.0, -1.0]  # and these are two of them
    clean = read_audio(packed(samples)).facts
    assert (clean.clipped, clean.notes) == (0.0, ())
    samples[131_070:131_074] = -1.0  # a run over a block's border, at 131,072
    samples[50:52] = 1.0
    clipped = read_audio(packed(samples)).facts
    assert clipped.clipped == 6 / 200_000
    assert clipped.notes == ("clipped: 0.00% of the samples at full scale",)
    samples[1000:3000] = 1.0
    for content in (packed(samples), packed(samples, width="PCM_24"), packed(samples, width="PCM_U8")):
        assert read_audio(content).facts.clipped == 2006 / 200_000
    whole = (samples * 32767).astype(np.int16)
    assert take_audio(whole, RATE).facts.clipped == 2006 / 200_000
    for border in (131_071, 131_072, 131_073):  # a pair before, over and behind the border counts two
        pair = noise(200_000)
        pair[border - 1 : border + 1] = 1.0
        assert read_audio(packed(pair)).facts.clipped == 2 / 200_000


def test_silence_is_told_in_its_three_forms() -> None:
    zero, faint = np.zeros(100, np.float32), tone(100, RATE, height=0.0005)
    assert take_audio(zero, RATE).facts.notes == ("silent: every sample is zero",)
    assert take_audio(faint, RATE).facts.notes == ("silent: it peaks at -66.0 dBFS, below -60",)
    against = take_audio(np.stack([SAMPLES, -SAMPLES], 1), RATE).facts
    assert against.notes == ("2 channels averaged", "silent once averaged: the channels cancel each other")
    assert not take_audio(faint * 4, RATE).facts.silent


def test_one_sample_is_a_recording() -> None:
    for rate in (8000, RATE, 44_100):
        recording = read_audio(packed(SAMPLES[:1]), rate)
        assert len(recording.samples) == -(-rate // RATE)
        assert np.isfinite(recording.samples).all()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int32])
def test_integers_in_memory_are_scaled_as_in_a_file(kind: type) -> None:
    limits = np.iinfo(kind)
    array = np.array([limits.min, limits.max, (limits.max + limits.min + 1) // 2], kind)
    expected = [-1.0, limits.max / -limits.min if limits.min else 127 / 128, 0.0]
    np.testing.assert_allclose(take_audio(array, RATE).samples, expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize(("samples", "told"), [
    ([1, 2, 3], "samples of type int64"), (["a"], "samples of type <U1"), ([True], "samples of type bool"),
    ([[1.0], [1.0, 2.0]], "samples that are no array"), (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
    (0.5, r"shape \(\)"),
    (np.zeros((1, 16_000)), "16,000 channels; up to 64 are allowed.*transpose it"), (np.zeros(0), "no samples"),
    (np.array([0.0, np.inf]), "at 6.25e-05 s"),
])  # fmt: skip
def test_arrays_that_are_no_samples_are_refused(samples: object, told: str) -> None:
    with pytest.raises(DataError, match=f"^array: .*{told}"):
        take_audio(samples, RATE)


@pytest.mark.parametrize("rate", [0, -8000, 999, 384_001, 16_000.5, np.nan, True])
def test_absurd_rates_are_refused(rate: float) -> None:
    calls: list[Callable[[], object]] = [lambda: take_audio(SAMPLES, rate), lambda: read_audio(WAV, rate)]  # pyright: ignore[reportArgumentType]
    for call in calls:
        with pytest.raises(RequestError, match="whole numbers from 1,000 to 384,000 are allowed"):
            call()


def test_an_hour_is_read_in_blocks(tmp_path: Path) -> None:
    """Seen as memory: the hour at 8 kHz is 115 MB as float32, and the process must not hold it."""
    import soundfile

    path, second = tmp_path / "hour.wav", (tone(440, 8000) * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", 8000, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(np.tile(second[:, None], (60, 2)))
    code = f"""
import resource, numpy as np
from lstmkit.data.audio.reading import open_audio, read_audio
read_audio({str(path)!r}, 4000, end=20.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_audio({str(path)!r}, 4000) as blocks:
    print(sum(len(block) for block in blocks), blocks.facts.seconds, blocks.facts.notes)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 < 16)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ("14400000 3600.0 ('2 channels averaged', 'resampled from 8,000 to 4,000 Hz')\nTrue\n")


def test_facts_are_there_when_all_was_read() -> None:
    with open_audio(WAV) as blocks:
        assert blocks.facts is None
        assert sum(len(block) for block in blocks) == 20_000
        assert blocks.facts is not None
