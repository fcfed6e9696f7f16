"""Layouts that others made: Kaggle's, Hugging Face's, UCR's, Speech Commands'; and folders that hold nothing usable."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making_sources import fill, modality_of, parts_of, read, rows

from lstmkit.config.schema import DataConfig, EncoderConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.corpus import Clip
from lstmkit.data.sources.inputs import inputs_of
from lstmkit.data.sources.sound_inputs import recordings_in
from lstmkit.data.speech import SpeechEncoder
from sounds import whistle, write_sound, write_whistles

parquet = pytest.importorskip("pyarrow.parquet")
import pyarrow  # noqa: E402

LABELLED = "id,text,target\n" + "".join(f"{k},row {k},{'ab'[k % 2]}\n" for k in range(12))
UNLABELLED = "id,text\n100,new\n101,other\n"
NO_LABEL = "left out: test{} has no label column; it is for predict --input"


def message_of(source: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        parts_of(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def as_rows(table: str) -> list[dict[str, str]]:
    names, *lines = [line.split(",") for line in table.splitlines()]
    return [dict(zip(names, line, strict=True)) for line in lines]


def as_table(table: str, suffix: str) -> bytes:
    """The same rows in another format."""
    if suffix == ".tsv":
        return table.replace(",", "\t").encode()
    if suffix == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in as_rows(table)).encode()
    return table.encode()


def write_parquet(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table(columns)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, **options)
    return path


CLASSES = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}


def shard(path: Path, first: int, n: int, features: dict[str, Any] | None = CLASSES) -> Path:
    columns = {"text": [f"text {k}" for k in range(first, first + n)], "label": [k % 2 for k in range(n)]}
    return write_parquet(path, columns, features)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".CSV"])
@pytest.mark.parametrize("label", ["target", "survived"])  # a usual name, and one that only its absence tells
def test_kaggles_test_table_is_for_predict(tmp_path: Path, suffix: str, label: str) -> None:
    tables = {"train": LABELLED.replace("target", label), "test": UNLABELLED, "sample_submission": "id,target\n100,a\n"}
    for name, table in tables.items():
        if suffix == ".parquet":
            columns = {key: [row[key] for row in as_rows(table)] for key in as_rows(table)[0]}
            write_parquet(tmp_path / f"{name}{suffix}", columns)
        else:
            fill(tmp_path, {f"{name}{suffix}": as_table(table, suffix.lower())})
    parts = parts_of(tmp_path, text_column="text", label_column=label)
    assert {name: len(part) for name, part in parts.items()} == {"train": 8, "valid": 2, "test": 2}
    decisions = read(tmp_path, text_column="text", label_column=label).decisions
    assert NO_LABEL.format(suffix) in decisions
    assert f"left out: sample_submission{suffix} (not named train, valid or test)" in decisions
    if label == "target":
        assert len(read(tmp_path).parts["train"]) == 12


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (LABELLED, UNLABELLED.replace("text", "txt"), "no column 'text'"),  # another name is a mistake
        (LABELLED, LABELLED, ""),
        ("text,a,b\nx,1,2\n", "text,a\nx,1\n", "which column is the label"),
    ],
)
def test_a_test_table_that_differs_otherwise_is_not_passed_over(
    tmp_path: Path, train: str, test: str, said: str
) -> None:
    fill(tmp_path, {"train.csv": train, "test.csv": test})
    if said:
        assert said in message_of(tmp_path)
    else:
        assert len(parts_of(tmp_path)["test"]) == 12


@pytest.mark.parametrize("within", ["", "data/", "plain_text/"])
@pytest.mark.parametrize("valid", ["validation", "dev", "val"])
def test_shards_are_one_split_in_order(tmp_path: Path, within: str, valid: str) -> None:
    for split, n in (("train", 2), (valid, 1), ("test", 1), ("unsupervised", 1)):
        for k in range(n):
            shard(tmp_path / f"{within}{split}-{k:05}-of-{n:05}.parquet", 10 * k, 10)
    fill(tmp_path, {"README.md": "about", ".cache/x.csv": "?"})
    corpus = read(tmp_path)
    assert {name: len(part) for name, part in corpus.parts.items()} == {"train": 20, "valid": 10, "test": 10}
    assert list(corpus.parts["train"].inputs) == [f"text {k}" for k in range(20)]
    assert corpus.parts["train"].ids[10] == f"{within}train-00001-of-00002.parquet:1"
    assert sorted(set(corpus.parts["test"].labels)) == ["neg", "pos"]
    assert "names of classes in 'label': as the Parquet file has them (neg, pos)" in corpus.decisions
    assert any("unsupervised-00000-of-00001.parquet (not named" in line for line in corpus.decisions)
    assert list(read(tmp_path).parts["train"].labels) == list(corpus.parts["train"].labels)  # from the cache


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train-00000-of-00003", "train-00002-of-00003"],
         "2 of 3 shards: train-00001-of-00003.parquet is missing; put the whole set there"),
        (["train-00003-of-00004"], "1 of 4 shards: train-00000-of-00004.parquet and 2 more are missing"),
        (["train-00000-of-00001", "train-00000-of-00002"], "is of 1 shards and train-00000-of-00002.parquet of 2"),
        (["train-00000-of-00001", "train-00000-of-00001-0123456789abcdef"], "are shard 0; keep one of them"),
        (["train-00002-of-00002"], "train-00002-of-00002.parquet is shard 2 of 2, which are counted from 0"),
        (["train-00000-of-00001", "train"], "are the train split; keep one of them"),
        (["a/train-00000-of-00001", "b/train-00000-of-00001"], r"2 sets of tables (a, b); name one, as "),
    ],
)  # fmt: skip
def test_shards_that_are_no_whole_set(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        shard(tmp_path / f"{name}.parquet", 0, 6)
    assert said in message_of(tmp_path)


def test_shards_of_other_formats_and_older_names(tmp_path: Path) -> None:
    fill(tmp_path, {f"TRAIN-0000{k}-of-00002.csv": f"text,label\nx{k},a\ny{k},b\n" for k in range(2)})
    assert list(read(tmp_path).parts["train"].inputs) == ["x0", "y0", "x1", "y1"]
    shard(tmp_path / "one" / "default-00000-of-00001-0123456789abcdef.parquet", 0, 8)
    assert len(read(tmp_path / "one").parts["all"]) == 8
    shard(tmp_path / "two" / "train" / "0000.parquet", 0, 8)
    shard(tmp_path / "two" / "test" / "0000.parquet", 0, 4)
    assert {name: len(part) for name, part in read(tmp_path / "two").parts.items()} == {"train": 8, "test": 4}


def test_class_names_of_a_single_file(tmp_path: Path) -> None:
    path = shard(tmp_path / "one.parquet", 0, 12)
    assert sorted(set(parts_of(path)["train"].labels)) == ["neg", "pos"]
    bare = shard(tmp_path / "bare.parquet", 0, 12, features=None)
    assert sorted(set(parts_of(bare)["train"].labels)) == ["0", "1"]
    columns = {"text": ["x", "y", "z"], "label": [0, 2, 1]}
    path = write_parquet(tmp_path / "odd.parquet", columns, CLASSES)
    assert f"{path}:2: class 2 in column 'label', and the file names 2 classes" in message_of(path)
    assert [row.others for row in inputs_of(bare).rows][1] == {"label": 1}  # what predict keeps stays as it was


def test_a_test_part_of_unknown_classes_is_for_predict(tmp_path: Path) -> None:
    shard(tmp_path / "train-00000-of-00001.parquet", 0, 12)
    columns = {"text": ["x", "y"], "label": [-1, -1]}
    write_parquet(tmp_path / "test-00000-of-00001.parquet", columns, CLASSES)
    assert len(parts_of(tmp_path)["test"]) == 2
    told = "left out: test-00000-of-00001.parquet: no label is known there (all are -1); it is for predict --input"
    assert told in read(tmp_path).decisions


def test_a_series_cut_by_shards_is_refused(tmp_path: Path) -> None:
    head = "series,t,x,label\n"
    fill(tmp_path, {f"train-0000{k}-of-00002.csv": head + "".join(
        f"s{2 * k + j if j < 2 else 1},{t + 5 * k},{t}.5,{'ab'[j % 2]}\n" for j in range(2 + k) for t in range(3)
    ) for k in range(2)})  # fmt: skip
    assert "series 's1' began in train-00000-of-00002.csv; a series lies in one table" in message_of(tmp_path)


def sounds_of(tmp_path: Path, n: int, suffix: str = "wav") -> dict[str, list[Any]]:
    words = [("falls", "rises")[k % 2] for k in range(n)]
    paths = [write_sound(tmp_path / "made" / f"{k}.wav", whistle(word, k)) for k, word in enumerate(words)]
    return {
        "audio": [{"bytes": path.read_bytes(), "path": f"{path.stem}.{suffix}"} for path in paths],
        "label": [int(word == "rises") for word in words],
    }


AUDIO = {"audio": {"_type": "Audio"}, "label": {"names": ["falls", "rises"], "_type": "ClassLabel"}}


@pytest.mark.parametrize("features", [AUDIO, None])
def test_recordings_within_parquet(tmp_path: Path, features: dict[str, Any] | None) -> None:
    columns = sounds_of(tmp_path, 30)
    path = write_parquet(tmp_path / "a" / "audio.parquet", columns, features, row_group_size=7)
    assert modality_of(DataConfig(source=str(path))) == "audio"
    corpus = read(path)
    part = corpus.parts["all"]
    assert sorted(set(part.labels)) == (["falls", "rises"] if features else ["0", "1"])
    clips: list[Clip] = list(part.inputs)
    assert [clip.n_samples for clip in clips] == [len(whistle(("falls", "rises")[k % 2], k)) for k in range(30)]
    assert (part.ids[20], clips[20].member) == ("audio.parquet:21", "audio:21")
    encoder = SpeechEncoder.fit(clips, EncoderConfig(n_mels=8))
    whole, offsets = encoder.encode(clips)
    for order in ([29, 3, 12, 13, 2], [0, 6, 7, 8, 28]):  # not as the rows lie
        some, ends = encoder.encode([clips[k] for k in order])
        for place, k in enumerate(order):
            np.testing.assert_array_equal(
                some[ends[place] : ends[place + 1]], whole[offsets[k] : offsets[k + 1]], strict=True
            )


def test_recordings_within_parquet_that_cannot_be_used(tmp_path: Path) -> None:
    columns = sounds_of(tmp_path, 8)
    columns["audio"][1] = {"bytes": b"not a sound", "path": "1.wav"}
    columns["audio"][4] = {"bytes": None, "path": "4.wav"}
    columns["audio"][5] = None
    path = write_parquet(tmp_path / "audio.parquet", columns, AUDIO)
    assert message_of(path).startswith(f"{path}:2: a text file (it begins with 'not a sound')")
    corpus = read(path, on_bad_row="skip")
    assert [row["line"] for row in corpus.rejected] == [2, 5, 6]
    assert "no bytes in the row" in corpus.rejected[1]["reason"]
    found = list(recordings_in(path).rows)
    assert [row.line for row in found if row.fault] == [2, 5, 6]
    assert [row.text for row in found][:1] == ["audio.parquet:1"]
    assert found[0].others == {"label": 0}


def test_recordings_within_shards(tmp_path: Path) -> None:
    columns = sounds_of(tmp_path, 24)
    for k in range(2):
        half = {name: values[12 * k : 12 * k + 12] for name, values in columns.items()}
        write_parquet(tmp_path / "hub" / "data" / f"train-0000{k}-of-00002.parquet", half, AUDIO)
    corpus = read(tmp_path / "hub")
    assert (corpus.kind, corpus.layout, len(corpus.parts["train"])) == ("audio", "sounds", 24)
    assert corpus.parts["train"].ids[12] == "data/train-00001-of-00002.parquet:1"
    assert len({clip.digest for clip in corpus.parts["train"].inputs}) == 24
    assert set(corpus.parts["train"].labels) == {"falls", "rises"}


PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.mark.parametrize(
    ("features", "content", "said"),
    [
        ({"image": {"_type": "Image"}}, b"?", "holds Image values"),
        ({"image": {"_type": "Video"}}, b"?", "holds Video values"),
        (None, PNG, "holds images"),
        (None, b"\xff\xd8\xff\xe0" + bytes(9), "holds images"),
    ],
)
def test_what_a_column_of_bytes_is_is_said(
    tmp_path: Path, features: dict[str, Any] | None, content: bytes, said: str
) -> None:
    columns = {"image": [{"bytes": content, "path": "a"}] * 4, "label": ["a", "b"] * 2}
    path = write_parquet(tmp_path / "images.parquet", columns, features)
    assert f"column 'image' {said}; texts, tokens, numbers and recordings are read" in message_of(path)


def ucr(n: int, separator: str = "\t", seed: int = 0, label: str = "{}", length: int = 6) -> str:
    random = np.random.default_rng(seed)
    lines = [
        separator.join([label.format(1 + k % 2), *(f"{x:.4f}" for x in random.normal(size=length))]) for k in range(n)
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".TSV"])
@pytest.mark.parametrize("separator", ["\t", ",", "  "])
@pytest.mark.parametrize("label", ["{}", "{}.0000000e+00", "-{}"])
@pytest.mark.parametrize("given", ["Gun_TRAIN", "Gun_TEST", ""])
def test_ucr_files(tmp_path: Path, suffix: str, separator: str, label: str, given: str) -> None:
    for part, n in (("TRAIN", 20), ("TEST", 10)):
        fill(tmp_path, {f"Gun_{part}{suffix}": ucr(n, separator, label=label)})
    source = tmp_path / f"{given}{suffix}" if given else tmp_path
    assert modality_of(DataConfig(source=str(source))) == "series"
    corpus = read(source)
    assert (corpus.name, corpus.kind, corpus.layout) == ("Gun", "series", "ucr")
    assert {name: len(part) for name, part in corpus.parts.items()} == {"train": 20, "test": 10}
    assert set(corpus.parts["train"].labels) == ({"-1", "-2"} if "-" in label[:1] else {"1", "2"})
    assert corpus.parts["train"].inputs[0].shape == (6, 1)
    assert len(read(source, label_column="1").parts["train"]) == 20


def test_ucr_padding_and_what_is_wrong(tmp_path: Path) -> None:
    lines = [
        "1 1 2 NaN NaN",
        "2 1 NaN 3 nan",
        "1 1 2 3",
        "2 NaN NaN NaN NaN",
        "1 1 x 3 4",
        "1 1 1 1 1e39",
        "NaN 1 1 1 1",
    ]
    content = "\n".join([ucr(1, length=4).strip(), *["2 1 2 3 4"] * 4, *lines]) + "\n"
    fill(tmp_path, {"Gun_TRAIN.tsv": content.replace(" ", "\t")})
    corpus = read(tmp_path / "Gun_TRAIN.tsv", on_bad_row="skip")
    part = corpus.parts["all"]
    assert [len(values) for values in part.inputs][5:] == [2, 3]
    np.testing.assert_array_equal(part.inputs[6][:, 0], np.array([1, np.nan, 3], dtype=np.float32))
    assert [(row["line"], row["reason"].partition(" (")[0]) for row in corpus.rejected] == [
        (8, "another number of fields"),
        (9, "every value is missing"),
        (10, "not a number"),
        (11, "a value beyond float32"),
        (12, "the label is missing"),
    ]
    assert "in column 1; leave --label-column out" in message_of(tmp_path / "Gun_TRAIN.tsv", label_column="7")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("films_TRAIN.tsv", "label\ttext\n1\tfine\n2\tdull\n" * 4),
        ("films_TRAIN.tsv", "1\tfine film\n2\tdull film\n" * 4),
    ],
)
def test_a_table_of_texts_by_a_ucr_name_is_a_table(tmp_path: Path, name: str, content: str) -> None:
    # Text, or refused for want of a header; never series.
    assert modality_of(DataConfig(source=str(fill(tmp_path, {name: content}) / name))) != "series"


def test_two_ucr_sets_are_not_guessed_at(tmp_path: Path) -> None:
    for name in ("A", "B"):
        fill(tmp_path, {f"{name}_{part}.tsv": ucr(6) for part in ("TRAIN", "TEST")})
    assert re.search(r"2 sets \(A_TRAIN, B_TRAIN\); name one, as .*A_TRAIN\.tsv$", message_of(tmp_path))


def speech_commands(root: Path) -> Path:
    write_whistles(root, 8)
    write_sound(root / "_background_noise_" / "white.wav", whistle("rises", 99))
    fill(root, {".hidden/x.wav": "?", "README.md": "about", "LICENSE": "free"})
    return root


def test_the_lists_of_speech_commands_are_its_splits(tmp_path: Path) -> None:
    speech_commands(tmp_path)
    fill(tmp_path, {"testing_list.txt": "falls/0.wav\nrises/2.flac\n\n"})
    fill(tmp_path, {"validation_list.txt": "./rises/3.wav\r\nfalls/99.wav\n"})
    corpus = read(tmp_path)
    assert list(corpus.parts) == ["train", "valid", "test"]
    assert list(corpus.parts["test"].ids) == ["falls/0.wav", "rises/2.flac"]
    assert list(corpus.parts["valid"].ids) == ["rises/3.wav"]
    assert len(corpus.parts["train"]) == 13
    assert set(corpus.parts["train"].labels) == {"falls", "rises"}
    for told in (
        "left out: _background_noise_/ (1 files of noise, which is no label)",
        "test part: the 2 files that testing_list.txt lists",
        "validation_list.txt lists 1 files that are not here, such as falls/99.wav",
    ):
        assert told in corpus.decisions
    fill(tmp_path, {"testing_list.txt": "falls/1.wav\n"})  # a list is a part of the source
    assert list(read(tmp_path).parts["test"].ids) == ["falls/1.wav"]


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"testing_list.txt": "falls/0.wav\n", "validation_list.txt": "falls/1.wav\nfalls/0.wav\n"},
         "testing_list.txt:1: falls/0.wav is in validation_list.txt and testing_list.txt; keep it in one"),
        ({"testing_list.txt": "0.wav\n"}, "testing_list.txt: lists no file that is here (such as 0.wav); a path "),
        ({"testing_list.txt": b"falls/\xff.wav\n"}, "testing_list.txt:1: not UTF-8"),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_used(tmp_path: Path, lists: dict[str, str | bytes], said: str) -> None:
    fill(speech_commands(tmp_path), lists)
    assert said in message_of(tmp_path)


@pytest.mark.parametrize("split", ["", "train/"])
@pytest.mark.parametrize("ending", ["wav", "txt"])
def test_the_label_is_the_first_folder(tmp_path: Path, split: str, ending: str) -> None:
    for label in ("down", "up"):
        for speaker in ("anna", "ben/early"):
            for k in range(3):
                path = tmp_path / f"{split}{label}/{speaker}/{k}.{ending}"
                if ending == "wav":
                    write_sound(path, whistle("rises" if label == "up" else "falls", k))
                else:
                    fill(tmp_path, {str(path.relative_to(tmp_path)): f"{label} {k}"})
    corpus = read(tmp_path)
    part = corpus.parts["train" if split else "all"]
    assert (len(part), set(part.labels)) == (12, {"down", "up"})
    assert f"{split}down/ben/early/0.{ending}" in list(part.ids)
    said = "folders within a label's are no labels: 12 files lie in some, as "
    assert any(line.startswith(f"{said}{split}down/anna/0.{ending}") for line in corpus.decisions)


def test_a_folder_around_all_labels(tmp_path: Path) -> None:
    write_whistles(tmp_path / "set" / "words", 3)
    assert f"if its folders (falls, rises) are the labels, give {tmp_path}/set/words" in message_of(tmp_path / "set")
    names = [f"outer/inner/{split}/{label}/{k}.txt" for split in ("train", "test") for label in "ab" for k in range(4)]
    fill(tmp_path, dict.fromkeys(names, "t"))
    assert rows(read(tmp_path / "outer").parts["test"])[0] == ("test/a/0.txt", "a", "t")


def test_a_circle_of_links_is_left(tmp_path: Path) -> None:
    fill(tmp_path, {f"{label}/deep/{k}.txt": f"{label} {k}" for label in "ab" for k in range(4)})
    (tmp_path / "a" / "deep" / "up").symlink_to(tmp_path / "a", target_is_directory=True)
    assert len(read(tmp_path).parts["all"]) == 8


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a/1.doc": "x", "a/2.doc": "x", "b/3.PNG": "x"}, "it holds 3 files: 2 .doc, 1 .png (a/1.doc, a/2.doc, b/3."),
        ({"a/b/c/notes": "x"}, "it holds 1 file: 1 without a suffix (a/b/c/notes); a folder"),
        ({".git/x.txt": "x"}, "it holds no files; a folder may hold LABEL/*.txt or recordings as LABEL/*.wav"),
        ({f"x/{k}.m4a": "x" for k in range(20)}, "it holds 20 files: 20 .m4a (x/0.m4a, x/1.m4a, x/10.m4a, …)"),
    ],
)  # fmt: skip
def test_a_folder_of_nothing_usable_says_what_it_holds(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert said in message_of(fill(tmp_path, files))


@pytest.mark.parametrize("name", ["x.csv", "x.ts", "X_TRAIN.tsv", "x.tar.gz", "x.parquet"])
@pytest.mark.parametrize("within", ["", "folder/"])
def test_pipes_and_devices_are_refused(tmp_path: Path, name: str, within: str) -> None:
    (tmp_path / "folder").mkdir()
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        path = tmp_path / f"{within}{name}"
        path.unlink(missing_ok=True)
        make(path)
        message = message_of(tmp_path / "folder" if within else path)
        assert "no examples found" in message if within else re.search(": a (pipe|device); a regular file", message)


def test_pipes_among_recordings_and_texts_are_refused(tmp_path: Path) -> None:
    write_whistles(tmp_path / "words", 3)
    os.mkfifo(tmp_path / "words" / "rises" / "9.wav")
    assert "words/rises/9.wav: a pipe; a regular file is needed" in message_of(tmp_path / "words")
    fill(tmp_path, {"heard.csv": "path,label\nwords/rises/9.wav,a\nwords/rises/0.wav,b\n"})
    assert "heard.csv:2: a pipe" in message_of(tmp_path / "heard.csv")
    fill(tmp_path, {f"texts/{label}/{k}.txt": "t" for label in "ab" for k in range(4)})
    os.mkfifo(tmp_path / "texts" / "a" / "9.txt")
    assert "texts/a/9.txt: a pipe; a regular file is needed" in message_of(tmp_path / "texts")


@pytest.mark.parametrize(
    "source",
    ["x" * 300, "a\0b", "a/" * 3000, "half\ud800", "~nobody-of-that-name/x.csv", "loop.csv", "loop.csv/x.csv"],
)
def test_names_that_no_file_has(tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(DataError) as caught:
        read(source)
    assert "\n" not in str(caught.value)
