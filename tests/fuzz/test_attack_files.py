"""Files that are no data: each is answered by one line that names file and cause, or is read; never by a fault."""

import gzip
import importlib
import io
import json
import os
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from fuzz_reads import Answer, answer_of, command
from fuzz_seeds import days, idx_of, jsonl, parquet_of, sound_of, steps, table, tar_of, text_of, zip_of

from lstmkit.core.errors import DataError

Files = Mapping[str, bytes]
MAIN = importlib.import_module("lstmkit.cli.main")  # the package has a function of this name

DEEP = "[" * 900 + "]" * 900
HUGE = "9" * 400
DIGITS = "9" * 5000
TEXTS = [{"text": text_of(k), "label": "ab"[k % 2]} for k in range(24)]
TS = "@univariate true\n{}\n@classLabel true a b\n@data\n1,2,3:a\n3,2,1:b\n"
CLIPS = {"b.wav": sound_of(0), "c.wav": sound_of(1)}


def dates(*values: str) -> bytes:
    return table([{"date": value, "y": k} for k, value in enumerate(values)], ",")


def rows_with(**column: Any) -> bytes:
    """JSONL of texts with one more column."""
    return jsonl([row | column for row in TEXTS])


def odd_parquet(kind: pyarrow.DataType, values: list[Any]) -> bytes:
    """Texts with a column of an odd type."""
    array = pyarrow.array(values * 12, kind)
    made = pyarrow.table({"text": [r["text"] for r in TEXTS], "label": [r["label"] for r in TEXTS], "d": array})
    out = io.BytesIO()
    pyarrow.parquet.write_table(made, out)
    return out.getvalue()


def doubled_parquet() -> bytes:
    columns = [pyarrow.array([row["text"] for row in TEXTS])] * 2 + [pyarrow.array([row["label"] for row in TEXTS])]
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, names=["text", "text", "label"]), out)
    return out.getvalue()


def mnist(images: bytes, labels: bytes = idx_of(np.arange(12) % 2), ending: str = "") -> Files:
    pack = gzip.compress if ending else bytes
    return {
        f"{part}-{name}{ending}": pack(content)
        for part in ("train", "t10k")
        for name, content in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels))
    }


def odd_zip(**fields: int) -> bytes:
    """A zip archive of recordings whose central directory says something else of the first."""
    content = bytearray(zip_of({f"recordings/{k % 2}_al_{k // 2}.wav": sound_of(k) for k in range(16)}))
    at = content.index(b"PK\x01\x02")
    places = {"version": (6, "<H"), "flags": (8, "<H"), "method": (10, "<H"), "size": (24, "<I"), "offset": (42, "<I")}
    for name, value in fields.items():
        place, form = places[name]
        struct.pack_into(form, content, at + place, value)
    return bytes(content)


def odd_tar(size: bytes) -> bytes:
    """An archive whose first member claims a size."""
    content = bytearray(gzip.decompress(tar_of({f"train/{'ab'[k % 2]}/{k}.txt": b"a film" for k in range(8)})))
    content[124:136] = size.ljust(12, b"\0")
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return gzip.compress(bytes(content))


def odd_wav(at: int, form: str, value: int) -> bytes:
    content = bytearray(sound_of(0))
    struct.pack_into(form, content, at, value)
    return bytes(content)


def wavs(first: bytes) -> Files:
    return {"a/0.wav": first, **{f"{'ab'[k % 2]}/{k}.wav": sound_of(k) for k in range(1, 9)}}


# name -> files, the source ("" is the folder), and what the line says; None: it is read
INFO: dict[str, tuple[Files, str, str | None]] = {
    "ts, 5,000 digits": ({"a.ts": TS.format(f"@dimensions {DIGITS}").encode()}, "a.ts",
        "a.ts: @dimensions 9+: a whole"),
    "ts, a number with a superscript": ({"a.ts": TS.format("@dimensions ²").encode()}, "a.ts",
        "@dimensions ²: a whole"),
    "ts, a lone @": ({"a.ts": TS.format("@").encode()}, "a.ts", "a.ts:2: a lone @"),
    "ts, @ and white space": ({"a.ts": TS.format("@ \t").encode()}, "a.ts", "a.ts:2: a lone @"),
    **{
        f"ts, {key} says nothing": ({"a.ts": TS.format(key).encode()}, "a.ts", "label|time")
        for key in ("@timeStamps", "@equalLength", "@univariate", "@targetLabel")
    },
    "ts, classLabel says nothing": ({"a.ts": b"@classLabel\n@data\n1,2:a\n"}, "a.ts", "no class labels"),
    "JSONL, 900 deep": ({"a.jsonl": jsonl(TEXTS) + f'{{"text": {DEEP}, "label": "a"}}\n'.encode()}, "a.jsonl", None),
    "JSONL, all 900 deep": ({"a.jsonl": f'{{"text": {DEEP}, "label": "a"}}\n'.encode() * 3}, "a.jsonl",
        r"a.jsonl:1: not JSON \(nested more than 64 deep\) \(3 such rows\)"),
    "JSONL, objects 900 deep": ({"a.jsonl": b'{"x": ' * 900 + b"1" + b"}" * 900}, "a.jsonl",
        "nested more than 64 deep"),
    "JSONL, 100,000 deep": ({"a.jsonl": b"[" * 100_000}, "a.jsonl", "a.jsonl:1: not JSON"),
    "JSONL, 5,000 digits": ({"a.jsonl": f'{{"text": {DIGITS}}}'.encode()}, "a.jsonl", "more than 4,300 digits"),
    "JSONL, labels of 400 digits": ({"a.jsonl": rows_with(label=int(HUGE))}, "a.jsonl", "every training example"),
    "JSONL, lists of 400 digits": ({"a.jsonl": jsonl([{"x": [1.5, int(HUGE)], "label": "a"}] * 4)}, "a.jsonl",
        "a.jsonl:1: an infinite value|a value beyond float32"),
    "JSONL, steps of 400 digits": ({"a.jsonl": jsonl([row | {"x": int(HUGE)} for row in steps()])}, "a.jsonl",
        "a.jsonl:1: an infinite value in column 'x'"),
    "JSONL, times of 400 digits": ({"a.jsonl": jsonl([row | {"time": int(HUGE)} for row in steps()])}, "a.jsonl",
        "a.jsonl:1: a time that cannot be read"),
    "JSONL, half a pair in a text": ({"a.jsonl": rows_with(text="a\ud800")}, "a.jsonl",
        "a.jsonl:1: half of a surrogate"),
    "JSONL, half a pair elsewhere": ({"a.jsonl": rows_with(other="\udfff")}, "a.jsonl",
        "a.jsonl:1: half of a surrogate"),
    "JSONL, half a pair in a name": ({"a.jsonl": rows_with(**{"\ud800": 1})}, "a.jsonl",
        "a.jsonl:1: half of a surrogate"),
    "JSONL, half a pair in a series": ({"a.jsonl": jsonl([r | {"series": "\ud83d"} for r in steps()])}, "a.jsonl",
        "a.jsonl:1: half of a surrogate"),
    "JSONL, a whole pair": ({"a.jsonl": rows_with(other="😀")}, "a.jsonl", None),
    "CSV, one name twice": ({"a.csv": b"text,text\na,b\nc,d\n"}, "a.csv", "2 columns are named 'text'"),
    "CSV, labels alone": ({"a.csv": b"label,label,label\na,b,c\nc,d,a\n"}, "a.csv", "3 columns are named 'label'"),
    "CSV, empty names": ({"a.csv": b",\na,b\nc,d\n"}, "a.csv", "named ''|unnamed|no name"),
    "CSV, one comma": ({"a.csv": b",\n,\n"}, "a.csv", "named ''|unnamed|no name|empty"),
    "TSV, an empty name": ({"a.tsv": b"\ttext\na\tb\n"}, "a.tsv", "a"),
    "CSV, blank lines": ({"a.csv": b"\n\n\n"}, "a.csv", "a.csv: empty"),
    "Parquet, one name twice": ({"a.parquet": doubled_parquet()}, "a.parquet", "2 columns are named 'text'"),
    "Parquet, bytes": ({"a.parquet": odd_parquet(pyarrow.binary(), [b"\xff\xfe", None])}, "a.parquet", None),
    "Parquet, odd nanoseconds": ({"a.parquet": odd_parquet(pyarrow.timestamp("ns"), [1500, None])}, "a.parquet", None),
    "Parquet, odd spans": ({"a.parquet": odd_parquet(pyarrow.duration("ns"), [1500, None])}, "a.parquet", None),
    "Parquet, a year beyond 9999": ({"a.parquet": odd_parquet(pyarrow.timestamp("us"), [2**62, None])}, "a.parquet",
        r"a.parquet: column 'd' \(timestamp\[us\]\), rows 1 to 24: a value that cannot be read"),
    "Parquet, a day beyond 9999": ({"a.parquet": odd_parquet(pyarrow.date32(), [2**30, None])}, "a.parquet",
        r"a.parquet: column 'd' \(date32\[day\]\), rows 1 to 24: a value that cannot be read"),
    "Parquet, a span beyond": ({"a.parquet": odd_parquet(pyarrow.duration("s"), [2**62, None])}, "a.parquet",
        r"a.parquet: column 'd' \(duration\[s\]\), rows 1 to 24: a value that cannot be read"),
    "Parquet, an unknown zone": ({"a.parquet": odd_parquet(pyarrow.timestamp("us", "Nowhere/Land"), [1, 2])},
        "a.parquet", r"column 'd' \(timestamp\[us, tz=Nowhere/Land\]\), rows 1 to 24: a value that cannot be read"),
    "Parquet, decimals": ({"a.parquet": odd_parquet(pyarrow.decimal128(38, 2), [1, None])}, "a.parquet", None),
    "Parquet, nested": (
        {"a.parquet": odd_parquet(pyarrow.struct({"x": pyarrow.list_(pyarrow.int8())}), [{"x": [1]}, None])},
        "a.parquet", None),
    "Parquet, zeros within": ({"a.parquet": b"PAR1" + bytes(40) + b"PAR1"}, "a.parquet", "not a sound Parquet file"),
    "IDX, no axis": (mnist(struct.pack(">HBB", 0, 8, 0) + b"\0"), "", "0 axes, and 3 are needed"),
    "IDX, one axis": (mnist(idx_of(np.arange(12))), "", "1 axes, and 3 are needed"),
    "IDX, 65 axes": (mnist(struct.pack(">HBB65I", 0, 8, 65, *[1] * 65) + b"\0"), "", "65 axes, and 3 are needed"),
    "IDX, 255 axes": (mnist(struct.pack(">HBB255I", 0, 8, 255, *[0] * 255)), "", "255 axes, and 3 are needed"),
    "IDX, labels of two axes": (mnist(idx_of(np.zeros((12, 4, 4))), idx_of(np.zeros((12, 1)))), "",
        "2 axes, and 1 are"),
    "IDX, claims 2^96 bytes": (mnist(struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3)), "",
        "claims 79,228,162,.* bytes"),
    "IDX, claims 4 GB, gzipped": (mnist(struct.pack(">HBB3I", 0, 8, 3, 1, 2**16, 2**16), ending=".gz"), "",
        "claims 4,294,967,296 bytes, and 134,217,728 can be in it"),
    "IDX, images of no width": (mnist(struct.pack(">HBB3I", 0, 8, 3, 12, 4, 0)), "", "images of 4 x 0 pixels"),
    "IDX, gzip cut short": (
        {name: content[:-9] for name, content in mnist(idx_of(np.zeros((12, 4, 4))), ending=".gz").items()}, "",
        "not an IDX file, or damaged"),
    "zip, claims 4 GB": ({"free-spoken-digit-dataset.zip": odd_zip(size=2**32 - 2)}, "", None),
    "zip, another method": ({"free-spoken-digit-dataset.zip": odd_zip(method=99)}, "", None),
    "zip, encrypted": ({"free-spoken-digit-dataset.zip": odd_zip(flags=1)}, "", None),
    "zip, an offset beyond": ({"free-spoken-digit-dataset.zip": odd_zip(offset=2**31)}, "", None),
    "zip, a later version": ({"free-spoken-digit-dataset.zip": odd_zip(version=99)}, "", "no sound zip archive"),
    "zip, a directory alone": ({"free-spoken-digit-dataset.zip": zip_of({})}, "", "holds no recordings"),
    "zip, no zip": ({"free-spoken-digit-dataset.zip": b"PK\x05\x06"}, "", "no sound zip archive"),
    "tar, claims 8 GB": ({"a.tar.gz": odd_tar(b"77777777777")}, "a.tar.gz", "8,589,934,591 bytes in one file, and"),
    "tar, a negative size": ({"a.tar.gz": odd_tar(b"\xff" * 12)}, "a.tar.gz",
        "damaged or incomplete|bytes in one file"),
    "tar, no number": ({"a.tar.gz": odd_tar(b"zzz")}, "a.tar.gz", "damaged or incomplete"),
    "tar, a bomb": ({"a.tar.gz": tar_of({"train/a/1.txt": bytes(140 << 20)})}, "a.tar.gz", "bytes in one file"),
    "tar, a bomb beside": ({"a.tar.gz": tar_of({"junk": bytes(140 << 20), "train/a/1.txt": b"x"})}, "a.tar.gz",
        "more than 134,217,728 bytes come out of it"),
    "WAV, claims 4 GB": (wavs(odd_wav(40, "<I", 2**32 - 2)), "", None),
    "WAV, no channel": (wavs(odd_wav(22, "<H", 0)), "", None),
    "WAV, 65,535 channels": (wavs(odd_wav(22, "<H", 65535)), "", None),
    "WAV, 4 GHz": (wavs(odd_wav(24, "<I", 2**32 - 1)), "", None),
    "manifest, NUL": ({"a.jsonl": jsonl([{"path": "a\0.wav", "label": "a"}]), **CLIPS}, "a.jsonl",
        r"a.jsonl:1: cannot be read \(a name that no file can have\)"),
    "manifest, half a pair": ({"a.jsonl": jsonl([{"path": "a\ud800.wav", "label": "a"}]), **CLIPS}, "a.jsonl",
        "a.jsonl:1: half of a surrogate"),
    "manifest, a long path": ({"a.csv": table([{"path": "x" * 300 + ".wav", "label": "a"}], ","), **CLIPS}, "a.csv",
        r"a.csv:2: cannot be read \(File name too long\)"),
    "manifest, devices": ({"a.csv": b"path,label\n/dev/zero,a\n/dev/urandom,b\nq.wav,a\nr.wav,b\n"}, "a.csv",
        r"a.csv:2: cannot be read \(a device, not a file\)"),
    "manifest, a start of 400 digits": (
        {"a.jsonl": jsonl([{"path": "b.wav", "label": "a", "start": int(HUGE)}]), **CLIPS}, "a.jsonl",
        "a.jsonl:1: not a number of seconds"),
}  # fmt: skip
FORECAST: dict[str, tuple[Files, str, str | None]] = {
    "a number of 400 digits": ({"a.jsonl": jsonl([row | {"y": int(HUGE)} for row in days(9)])}, "a.jsonl",
        "an infinite value in column 'y'"),
    "a time of 400 digits": ({"a.jsonl": jsonl([{"time": int(HUGE), "y": k} for k in range(9)])}, "a.jsonl",
        "a.jsonl:1: a time that cannot be read"),
    "the last days of 9999": ({"a.csv": dates(*(f"9999-12-{k}" for k in range(10, 32)))}, "a.csv", None),
    "years before 1 and beyond 9999": (
        {"a.csv": dates("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")}, "a.csv", None),
    "a year of 10000": ({"a.csv": dates("9999-12-31", "10000-01-01")}, "a.csv", "a time that cannot be read|date"),
    "Parquet of odd nanoseconds": (
        {"a.parquet": parquet_of([{"ds": 1_500 * k, "y": k} for k in range(20)],
            pyarrow.schema({"ds": pyarrow.timestamp("ns"), "y": pyarrow.int64()}))}, "a.parquet", None),
    "no table": ({"a.ts": b"@data\n"}, "a.ts", "no table"),
}  # fmt: skip
SKIPPED = {  # what --on-bad-row skip leaves out: the reason and how often
    "JSONL, 900 deep": "not JSON: 1",
    "zip, claims 4 GB": "bytes in one file",
    "zip, another method": "damaged in the archive",
    "zip, encrypted": "damaged in the archive",
    "zip, an offset beyond": "damaged in the archive",
    "WAV, claims 4 GB": "cut short",
    "WAV, no channel": "0 channels",
    "WAV, 65,535 channels": "a header that contradicts itself",
    "WAV, 4 GHz": "Hz",
}


def info(folder: Path, files: Files, source: str, *options: str) -> Answer:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return answer_of(command("data", "info", str(folder / source), *options))


def assert_answered(answer: Answer, said: str | None) -> None:
    assert not answer.fault, answer.err
    assert "this is a fault" not in answer.err
    assert not answer.err or "maximum recursion" not in answer.err.splitlines()[-1]
    if said is None:
        assert answer.status == 0, answer.err
    else:
        assert answer.status == 2
        lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert re.search(said, lines[0]), lines[0]


@pytest.mark.parametrize("name", INFO)
def test_data_info(tmp_path: Path, name: str) -> None:
    files, source, said = INFO[name]
    answer = info(tmp_path, files, source)
    assert_answered(answer, said)
    assert SKIPPED.get(name, "") in answer.out
    assert_answered(info(tmp_path, files, source, "--on-bad-row", "skip"), said)


@pytest.mark.parametrize("name", SKIPPED)
def test_a_row_at_fault_ends_what_may_not_skip_it(tmp_path: Path, name: str) -> None:
    files, source, _ = INFO[name]
    assert_answered(info(tmp_path, files, source, "--on-bad-row", "fail"), "--on-bad-row skip")


@pytest.mark.parametrize("name", FORECAST)
def test_data_info_of_a_forecast(tmp_path: Path, name: str) -> None:
    files, source, said = FORECAST[name]
    assert_answered(info(tmp_path, files, source, "--task", "forecast"), said)


def named_pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


PLACES: dict[str, Callable[[Path], None]] = {"a named pipe": named_pipe, "symbolic links": loop}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ts", "a.tar.gz", "a.parquet"])
def test_a_source_that_is_no_file(tmp_path: Path, name: str, place: str) -> None:
    PLACES[place](tmp_path / name)
    answer = answer_of(command("data", "info", str(tmp_path / name)))
    assert_answered(answer, name)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["a/9.wav", "a/9.txt", "train.csv"])
def test_a_file_of_a_source_that_is_none(tmp_path: Path, name: str, place: str) -> None:
    info(tmp_path, {f"{'ab'[k % 2]}/{k}.txt": b"a film" for k in range(8)}, "")
    PLACES[place](tmp_path / name)
    assert not answer_of(command("data", "info", str(tmp_path))).fault


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("option", [["--config"], ["--out"], ["--input"], ["--output"], ["RUN"]])
def test_an_option_that_names_no_file(tmp_path: Path, option: list[str], place: str) -> None:
    path = tmp_path / "p.csv"
    PLACES[place](path)
    words = {
        "--config": ["data", "info", "digits", "--config", str(path)],
        "--out": ["train", "digits", "--out", str(path)],
        "--input": ["predict", str(tmp_path), "--input", str(path)],
        "--output": ["predict", str(tmp_path), "a", "--output", str(path)],
        "RUN": ["report", str(path)],
    }[option[0]]
    assert_answered(answer_of(command(*words)), "pipe|links|not a run folder")


@pytest.mark.parametrize("path", ["x" * 300, "a\0b", "a\ud800b", "/dev/zero"])
def test_paths_that_no_file_has(path: str) -> None:
    for words in (
        ["data", "info", path],
        ["data", "info", "digits", "--config", path],
        ["train", "digits", "--out", path],
        ["report", path],
        ["predict", path, "a text"],
    ):
        assert_answered(answer_of(command(*words)), "")


VALUES = [
    *(DIGITS, HUGE, "-" + HUGE, "0x" + "f" * 5000, "[" * 5000, "[" * 5000 + "]" * 5000, "{a=" * 900 + "1" + "}" * 900),
    *("nan", "-inf", "1e400", "[1, 2]", "{a = 1}", "true", "1979-05-27", "07:32:00", '"', '""', "", '"\\u0000"', "\0"),
    *("a" * 100_000, "1\nmodel.hidden_size = 3", "[[1]]", '"\\ud800"'),
]
KEYS = [
    *("train.learning_rate", "train.epochs", "data.text_column", "model.bidirectional", "encoder.kind", "seed"),
    *("task.goal", "data.header", "preset", "train", "", ".", "a." * 5000, "train.epochs.x", "data.source"),
]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_odd_values_of_the_configuration(tmp_path: Path, key: str) -> None:
    (tmp_path / "a.csv").write_bytes(table(TEXTS, ","))
    source, path = str(tmp_path / "a.csv"), tmp_path / "c.toml"
    section, _, leaf = key.rpartition(".")
    for value in VALUES:
        assert not answer_of(command("data", "info", source, "--set", f"{key}={value}")).fault, value[:99]
        for text in (f"{key} = {value}\n", f"[{section}]\n{leaf} = {value}\n"):
            path.write_text(text)
            assert not answer_of(command("data", "info", source, "--config", str(path))).fault, text[:99]


REFUSED_TOML: dict[str, tuple[str, str]] = {
    "a list for the preset": ('preset = ["lab"]', r"preset \['lab'\] is unknown"),
    "no string for the preset": ("preset = 0", "preset 0 is unknown"),
    "a table for the preset": ("[preset]\na = 1", "preset {'a': 1} is unknown"),
    "5,000 digits": (f"train.epochs = {DIGITS}", "not TOML .a whole number of more than 4,300 digits"),
    "400 digits for a fraction": (f"train.learning_rate = {HUGE}", "train.learning_rate = 9+…: beyond the largest"),
    "5,000 brackets": ("x = " + "[" * 5000, "not TOML .nested too deep"),
    "hexadecimal": (
        f"train.epochs = 0x{'f' * 5000}",
        "train.epochs = a int that is too long to show: a whole number below 2",
    ),
    "NaN": ("train.learning_rate = nan", "train.learning_rate = nan: input should be a finite number"),
    "an array of tables": ("[[train]]\nepochs = 1", "configuration key 'train' is unknown"),
    "a table too deep": ("a." * 5000 + "b = 1", "configuration key 'a.a.a.*' is unknown"),
}


@pytest.mark.parametrize("name", REFUSED_TOML)
def test_a_configuration_that_is_refused(tmp_path: Path, name: str) -> None:
    text, said = REFUSED_TOML[name]
    (tmp_path / "c.toml").write_text(text)
    assert_answered(answer_of(command("data", "info", "digits", "--config", str(tmp_path / "c.toml"))), said)


def test_a_value_with_a_second_key_is_a_string(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table(TEXTS, ","))
    answer = answer_of(command("data", "info", str(tmp_path / "a.csv"), "--set", "train.epochs=1\nseed=x"))
    assert_answered(answer, "train.epochs = '1")


@pytest.mark.parametrize(
    "words",
    ["[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory", "CUDA out of memory."],
)
def test_memory_that_torch_cannot_get_is_no_fault(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(MAIN, "app", fail)
    answer = answer_of(lambda: MAIN.run(["doctor"]))
    assert (answer.status, answer.err.startswith("error: out of memory; ")) == (1, True)


def test_a_long_error_keeps_its_beginning_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DataError(f"a.csv:3: {'x' * 9999}; fix the row")

    monkeypatch.setattr(MAIN, "app", fail)
    answer = answer_of(lambda: MAIN.run(["doctor"]))
    assert len(answer.err) == 501
    assert answer.err.startswith("error: a.csv:3: xxx")
    assert answer.err.endswith("xxx; fix the row\n")


RECORDS = {
    "900 deep": f'{{"format": {DEEP}}}',
    "5,000 digits": f'{{"format": {DIGITS}}}',
    "half a pair": '{"format": "\\ud800"}',
    "not UTF-8": "\udcff",
    "empty": "",
}


@pytest.mark.parametrize("content", RECORDS)
@pytest.mark.parametrize("name", ["evaluation.json", "lab.json", "compare.json", "probe.json"])
def test_records_that_are_damaged(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(RECORDS[content], errors="surrogateescape")
    assert_answered(answer_of(command("report", str(tmp_path))), "damaged|config.toml: No such file|environment.json")


def test_a_record_that_is_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lab.json")
    assert_answered(answer_of(command("report", str(tmp_path))), "lab.json: a named pipe, not a file")


def test_the_tables_are_whole() -> None:
    assert len(INFO) >= 60
    assert set(SKIPPED) <= {name for name, (_, _, said) in INFO.items() if said is None}
    assert json.loads(DEEP)
    assert zipfile.is_zipfile(io.BytesIO(odd_zip(size=1)))
