"""Sources of recordings: folders, manifests with stretches, the spoken digits; what cannot be used is told by name."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from making_sources import modality_of

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.duplicates import digest_of_input
from lstmkit.data.sources import cut, load_corpus
from lstmkit.data.sources.corpus import Clip, Corpus
from sounds import RATE, whistle, write_sound, write_whistles

BAD = {  # a file that cannot be used: its content, and what is said of it
    "text.wav": (b"hello", "a text file"),
    "empty.wav": (b"", "empty"),
    "mp3.flac": (b"ID3" + bytes(64), "no MP3: no two of its frames are found"),
}


def corpus_of(source: Path, **keys: str) -> Corpus:
    return load_corpus(DataConfig.model_validate({"source": str(source), **keys}))


def message_of(source: Path, **keys: str) -> str:
    with pytest.raises(DataError) as found:
        corpus_of(source, **keys)
    message = str(found.value)
    assert "\n" not in message
    return message


def write_manifest(folder: Path, rows: str, name: str = "heard.csv") -> Path:
    path = folder / name
    path.write_text(rows)
    return path


def test_a_folder_for_each_label(tmp_path: Path) -> None:
    write_whistles(tmp_path / "words", 6)
    (tmp_path / "words" / "rises" / "notes.md").write_text("not a recording")
    assert modality_of(DataConfig(source=str(tmp_path / "words"))) == "audio"
    corpus = corpus_of(tmp_path / "words")
    part = corpus.parts["all"]
    assert (corpus.kind, len(part), sorted(set(part.labels))) == ("audio", 12, ["falls", "rises"])
    assert part.ids[0] == "falls/0.wav"
    clip = part.inputs[0]
    assert isinstance(clip, Clip)
    assert (clip.rate, clip.channels, clip.clipped) == (RATE, 1, 0.0)
    assert clip.seconds == len(whistle("falls", 0)) / RATE
    assert (
        "left out: 1 files in rises/ (not one of .wav .flac .mp3 .ogg .oga .opus .aiff .aif .aifc .au .snd .caf .w64)"
        in corpus.decisions
    )
    told = [line for line in corpus.decisions if line.startswith("recordings: ")]
    assert told == ["recordings: 12, 0.1 minutes in all; sampling rate: 8,000 Hz"]
    again = corpus_of(tmp_path / "words")  # from the cache
    assert list(again.parts["all"].inputs) == list(part.inputs)
    assert (again.fingerprint, again.decisions, again.kind) == (corpus.fingerprint, corpus.decisions, "audio")
    assert len({digest_of_input(clip) for clip in part.inputs}) == 12


def test_texts_beside_few_recordings_stay_texts(tmp_path: Path) -> None:
    write_whistles(tmp_path / "words", 1)
    for label in ("falls", "rises"):
        for k in range(3):
            (tmp_path / "words" / label / f"{k}.txt").write_text("a text")
    assert modality_of(DataConfig(source=str(tmp_path / "words"))) == "text"
    assert len(corpus_of(tmp_path / "words").parts["all"]) == 6


def test_train_and_test_folders(tmp_path: Path) -> None:
    write_whistles(tmp_path / "train", 4)
    write_whistles(tmp_path / "test", 2, seed=1)
    parts = cut(corpus_of(tmp_path), DataConfig(valid_fraction=0.25), 0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 6, "valid": 2, "test": 4}


def test_a_manifest_with_stretches(tmp_path: Path) -> None:
    long = np.concatenate([whistle("rises", 1), whistle("falls", 2), whistle("rises", 3)])
    write_sound(tmp_path / "sound" / "long.wav", long)
    write_whistles(tmp_path / "sound", 1)
    rows = (
        "path,label,start,end\nsound/long.wav,rises,,0.2\nsound/long.wav,falls,0.2,0.4\nsound/long.wav,rises,0.4,99\n"
    )
    path = write_manifest(tmp_path, rows + "sound/falls/0.wav,falls,,\n")
    assert modality_of(DataConfig(source=str(path))) == "audio"
    corpus = corpus_of(path)
    part = corpus.parts["all"]
    assert list(part.ids) == [
        "sound/long.wav:0-0.2",
        "sound/long.wav:0.2-0.4",
        "sound/long.wav:0.4-99",
        "sound/falls/0.wav",
    ]
    assert [clip.n_samples for clip in part.inputs][:3] == [1600, 1600, len(long) - 3200]
    assert "ends: 1 recordings are over before the end asked for, and are read to their own" in corpus.decisions
    as_lines = [
        dict(zip(("path", "label", "start"), (f"sound/{w}/0.wav", w, 0.05), strict=True)) for w in ("falls", "rises")
    ]
    lines = write_manifest(tmp_path, "".join(json.dumps(row) + "\n" for row in as_lines), "heard.jsonl")
    assert [clip.start for clip in corpus_of(lines).parts["all"].inputs] == [0.05, 0.05]


def test_manifests_for_train_and_test(tmp_path: Path) -> None:
    write_whistles(tmp_path / "sound", 2)
    for split, k in (("train", 0), ("test", 1)):
        write_manifest(tmp_path, f"word,path\nrises,sound/rises/{k}.wav\nfalls,sound/falls/{k}.wav\n", f"{split}.csv")
    parts = corpus_of(tmp_path).parts
    assert sorted(parts) == ["test", "train"]
    assert all(list(part.labels) == ["rises", "falls"] for part in parts.values())


def test_a_table_of_paths_with_a_text_column_holds_texts(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, "path,sentence,label\na.wav,hello there,x\nb.wav,good bye,y\n")
    assert modality_of(DataConfig(source=str(path))) == "text"


def test_mixed_rates_and_channels_are_told(tmp_path: Path) -> None:
    write_whistles(tmp_path, 3)
    write_sound(tmp_path / "rises" / "other.wav", np.stack([whistle("rises", 9, 16_000)] * 2, 1), 16_000)
    decisions = corpus_of(tmp_path).decisions
    assert any(line.endswith("sampling rate: 8,000 Hz (6), 16,000 Hz (1)") for line in decisions)
    assert any(line.startswith("mixed sampling rates: all are resampled to one") for line in decisions)
    assert "channels: 1 recordings have several, which are averaged" in decisions


def spoil(folder: Path, name: str) -> None:
    """Put something that cannot be used among sound recordings."""
    path = folder / "rises" / name
    if name in BAD:
        path.write_bytes(BAD[name][0])
    elif name == "cut.wav":
        whole = (folder / "rises" / "0.wav").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "silent.wav":
        write_sound(path, np.zeros(2000, np.float32))
    elif name == "nan.wav":
        import soundfile

        soundfile.write(path, np.full(2000, np.nan, np.float32), RATE, subtype="FLOAT")


SAID = {name: said for name, (_, said) in BAD.items()} | {
    "cut.wav": "cut short: its header promises",
    "silent.wav": "silent: every sample is zero",
    "nan.wav": "a sample that is NaN",
}


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_bad_file_is_named_in_one_line_or_left_out(tmp_path: Path, name: str) -> None:
    write_whistles(tmp_path, 2)
    spoil(tmp_path, name)
    message = message_of(tmp_path)
    assert message.startswith(f"{tmp_path}/rises/{name}: {SAID[name]}"), message
    assert message.endswith("or leave such rows out with --on-bad-row skip")
    corpus = corpus_of(tmp_path, on_bad_row="skip")
    assert len(corpus.parts["all"]) == 4
    (row,) = corpus.rejected
    assert (row["file"], row["line"]) == (f"rises/{name}", None)
    assert row["reason"].startswith(SAID[name])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("sound/nowhere.wav,rises,,", "cannot be read (No such file or directory), in sound/nowhere.wav"),
        ("sound/rises/0.wav,rises,0.1,0.05", "the stretch from 0.1 s to 0.05 s; 0 <= start < end is allowed"),
        ("sound/rises/0.wav,rises,-1,", "the stretch from -1 s to its end; 0 <= start < end is allowed"),
        ("sound/rises/0.wav,rises,77,", "the stretch from 77 s to its end begins beyond the recording"),
        ("sound/rises/0.wav,rises,soon,", "not a number of seconds ('soon' in column 'start')"),
        ("sound/rises/0.wav,rises,nan,", "not a number of seconds ('nan' in column 'start')"),
        ("sound/rises/0.wav,,,", "the label is missing"),
        (",rises,,", "the path is missing"),
        ("sound/rises/0.wav,rises", "too few fields (2; the header has 4)"),
    ],
)
def test_a_bad_row_of_a_manifest_is_named(tmp_path: Path, row: str, said: str) -> None:
    write_whistles(tmp_path / "sound", 1)
    rows = f"path,label,start,end\nsound/rises/0.wav,rises,,\nsound/falls/0.wav,falls,,\n{row}\n"
    path = write_manifest(tmp_path, rows)
    message = message_of(path)
    assert message.startswith(f"{path}:4: {said}"), message
    corpus = corpus_of(path, on_bad_row="skip")
    assert (len(corpus.parts["all"]), len(corpus.rejected)) == (2, 1)


def test_a_file_that_appears_is_read_the_next_time(tmp_path: Path) -> None:
    write_whistles(tmp_path / "sound", 1)
    path = write_manifest(tmp_path, "path,label\nsound/rises/0.wav,rises\nsound/falls/0.wav,falls\nlate.wav,falls\n")
    assert len(corpus_of(path, on_bad_row="skip").parts["all"]) == 2
    write_sound(tmp_path / "late.wav", whistle("falls", 77))
    assert len(corpus_of(path).parts["all"]) == 3


def test_one_sample_is_a_recording(tmp_path: Path) -> None:
    write_whistles(tmp_path, 1)
    write_sound(tmp_path / "rises" / "click.wav", np.array([0.5], np.float32))
    assert 1 in [clip.n_samples for clip in corpus_of(tmp_path).parts["all"].inputs]


def write_spoken_digits(folder: Path) -> Path:
    """An archive as that of the Free Spoken Digit Dataset: two digits, two speakers, seven numbers."""
    path = folder / "free-spoken-digit-dataset-recordings.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", "about")
        for digit, word in (("0", "falls"), ("1", "rises")):
            for speaker in ("ann", "bob"):
                for k in range(7):
                    file = write_sound(folder / "recordings" / f"{digit}_{speaker}_{k}.wav", whistle(word, k))
                    archive.write(file, f"recordings/{file.name}")
    return path


def test_the_spoken_digits_on_their_own_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "data" / "fsdd"
    home.mkdir(parents=True)
    archive = write_spoken_digits(home)
    monkeypatch.setenv("LSTMKIT_DATA", str(tmp_path / "data"))
    assert modality_of(DataConfig(source="fsdd")) == "audio"
    packed = load_corpus(DataConfig(source="fsdd"))
    assert {name: len(part) for name, part in packed.parts.items()} == {"train": 8, "test": 20}
    assert set(packed.parts["test"].ids) >= {"0_ann_0", "1_bob_4"}
    assert set(packed.parts["train"].ids) >= {"0_ann_5", "1_bob_6"}
    assert packed.parts["test"].inputs[0].member == "recordings/0_ann_0.wav"
    archive.unlink()
    unpacked = load_corpus(DataConfig(source="fsdd"))
    for name, part in unpacked.parts.items():
        assert list(part.ids) == list(packed.parts[name].ids)
        assert [one.digest for one in part.inputs] == [one.digest for one in packed.parts[name].inputs]
    as_folder = corpus_of(home)
    assert list(as_folder.parts["test"].ids) == list(packed.parts["test"].ids)


@pytest.mark.parametrize("damage", ["cut", "flipped", "none-of-it"])
def test_a_damaged_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    home = tmp_path / "data" / "fsdd"
    home.mkdir(parents=True)
    archive = write_spoken_digits(home)
    monkeypatch.setenv("LSTMKIT_DATA", str(tmp_path / "data"))
    content = bytearray(archive.read_bytes())
    if damage == "cut":
        archive.write_bytes(content[: len(content) // 2])
        said = f"{archive}: no sound zip archive"
    elif damage == "flipped":
        with zipfile.ZipFile(archive) as whole:
            info = whole.getinfo("recordings/1_ann_3.wav")
        for k in range(200):
            content[info.header_offset + 100 + k] ^= 0xFF
        archive.write_bytes(content)
        said = f"{archive}/recordings/1_ann_3.wav: damaged in the archive"
    else:
        with zipfile.ZipFile(archive, "w") as empty:
            empty.writestr("README.md", "about")
        said = f"{archive}: holds no recordings/DIGIT_SPEAKER_NUMBER.wav"
    with pytest.raises(DataError) as found:
        load_corpus(DataConfig(source="fsdd"))
    assert str(found.value).startswith(said)
