"""Tables as people have them: dialects, numbers as local programs write them, columns without names, no header line."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making_sources import fill, modality_of, read

from lstmkit.cli.main import run
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources import Corpus

Row = list[Any]


def table(path: Path, header: Row | None, body: list[Row], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Write a table as a spreadsheet does."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerows(([header] if header else []) + body)
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


STEPS = [(k, t) for k in range(12) for t in range(5)]
LABELS = ("up", "down")


def steps(*names: str) -> list[Row]:
    """Rows of a long table: columns by name, numbers and booleans told apart."""
    cells: dict[str, Callable[[int, int], Any]] = {
        "id": lambda k, t: f"M{k:02d}",
        "number": lambda k, t: k,
        "time": lambda k, t: t,
        "moment": lambda k, t: f"2026-03-{k % 28 + 1:02d} 0{t}:00:00",
        "x": lambda k, t: round((t - 2) * (1 - 2 * (k % 2)) + k / 10, 3),
        "y": lambda k, t: (k + t) % 7,
        "on": lambda k, t: (k + t) % 3 == 0,
        "who": lambda k, t: ("ann", "bob", "eve")[(k + t) % 3],
        "label": lambda k, t: LABELS[k % 2],
        "each": lambda k, t: LABELS[t % 2],
        "row": lambda k, t: k * 5 + t,
    }
    return [[cells[name](k, t) for name in names] for k, t in STEPS]


def long(path: Path, header: str, columns: str, **options: Any) -> Path:
    return table(path, header.split(","), steps(*columns.split(",")), **options)


# name -> (writer, options, kind and layout, channels, left out, other facts of the columns)
READ: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str, list[str], list[str], dict[str, str]]] = {
    "an explicit series column": (
        lambda p: long(p, "when,machine,temp,state", "moment,id,x,label"),
        {"label_column": "state", "series_column": "machine", "time_column": "when"},
        "long", ["temp"], [], {"series": "machine", "time": "when"},
    ),
    "columns by number": (
        lambda p: long(p, "when,machine,temp,state", "moment,id,x,label"),
        {"label_column": "4", "series_column": "2", "time_column": "1"},
        "long", ["temp"], [], {"series": "machine", "time": "when", "label": "state"},
    ),
    "a name goes before a number": (
        lambda p: long(p, "3,series,1,label", "x,id,y,label"),
        {"label_column": "label", "series_column": "series", "time_column": ""},
        "long", ["3", "1"], [], {"series": "series"},
    ),
    "what is no number is left out where series are asked for": (
        lambda p: long(p, "timestamp,machine,temp,operator,state", "moment,id,x,who,label"),
        {"label_column": "state", "series_column": "machine"},
        "long", ["temp"], ["operator"], {"time": "timestamp"},
    ),
    "booleans are channels": (
        lambda p: long(p, "id,time,x,on,label", "number,time,x,on,label"),
        {}, "long", ["x", "on"], [], {"series": "id"},
    ),
    "an index without a name": (
        lambda p: long(p, ",id,time,x,label", "row,number,time,x,label"), {}, "long", ["x"], ["column 1"], {},
    ),
    "an index that pandas has named": (
        lambda p: long(p, "Unnamed: 0,id,time,x,label", "row,number,time,x,label"),
        {}, "long", ["x"], ["Unnamed: 0"], {},
    ),
    "an index amid the columns": (
        lambda p: long(p, "id,time,x,,label", "number,time,x,row,label"), {}, "long", ["x"], ["column 4"], {},
    ),
    "an index that begins again": (
        lambda p: long(p, ",id,x,label", "time,number,x,label"), {}, "long", ["x"], ["column 1"], {},
    ),
    "dates without a name order the rows": (
        lambda p: long(p, ",id,x,label", "moment,number,x,label"), {}, "long", ["x"], [], {"time": "column 1"},
    ),
    "an index of a wide table": (
        lambda p: table(p, ["", "t0", "t1", "label"], [[k, k % 3, k % 5, LABELS[k % 2]] for k in range(20)]),
        {}, "wide", ["1"], ["column 1"], {},
    ),
    "names of the rows of a wide table": (
        lambda p: table(p, ["", "t0", "t1", "label"], [[f"row{k}", k % 3, k % 5, LABELS[k % 2]] for k in range(20)]),
        {}, "wide", ["1"], ["column 1"], {},
    ),
    "an index beside texts": (
        lambda p: table(p, ["", "text", "label"], [[k, f"a film of {k}", LABELS[k % 2]] for k in range(20)]),
        {}, "texts", [], ["column 1"], {"text": "text"},
    ),
    "columns of a spreadsheet's margin": (
        lambda p: table(p, ["text", "label", "", ""], [[f"a film of {k}", LABELS[k % 2], "", ""] for k in range(9)]),
        {}, "texts", [], ["column 3", "column 4"], {"text": "text"},
    ),
    "thousands": (
        lambda p: table(p, ["a", "b", "label"], [[f"{1000 * k + 0.5:,}", k, LABELS[k % 2]] for k in range(12)]),
        {"thousands": ","}, "wide", ["1"], [], {},
    ),
    "thousands with points, decimals with commas": (
        lambda p: table(p, ["a", "b", "label"], [[f"1.{k:03d},5", f"{k},25", LABELS[k % 2]] for k in range(12)], ";"),
        {"thousands": ".", "decimal": ",", "delimiter": ";"}, "wide", ["1"], [], {},
    ),
    "narrow spaces": (
        lambda p: table(p, ["a", "b", "label"], [[f"1\u202f{k:03d}", k, LABELS[k % 2]] for k in range(12)]),
        {"thousands": " "}, "wide", ["1"], [], {},
    ),
    "no header": (
        lambda p: table(p, None, [[k % 4 + 1, f"Title {k}", f"a film of {k}"] for k in range(12)]),
        {"header": False, "label_column": "1", "text_column": "3"},
        "texts", [], ["2"], {"text": "3", "label": "1"},
    ),
    "no header, of steps": (
        lambda p: table(p, None, steps("id", "moment", "x", "label")),
        {"header": False, "label_column": "4", "series_column": "1", "time_column": "2"},
        "long", ["3"], [], {"series": "1", "time": "2"},
    ),
    "numbers as names of steps": (
        lambda p: table(p, ["class", "0", "1", "2"], [[LABELS[k % 2], k % 3, k % 5, k] for k in range(12)]),
        {}, "wide", ["1"], [], {},
    ),
    "years as names of steps": (
        lambda p: table(p, ["what", "1998", "2005"], [[LABELS[k % 2], k % 3, k % 5] for k in range(12)]),
        {"label_column": "what"}, "wide", ["1"], [], {},
    ),
    "identifiers that are asked for as texts": (
        lambda p: table(p, ["key", "label"], [[f"user_{k}", LABELS[k % 2]] for k in range(12)]),
        {"text_column": "key"}, "texts", [], [], {"text": "key"},
    ),
    "sequences of letters": (
        lambda p: table(p, ["sequence", "label"], [["ACGT" * k + "A", LABELS[k % 2]] for k in range(12)]),
        {}, "texts", [], [], {"text": "sequence"},
    ),
    "sites by a usual name": (
        lambda p: table(p, ["text", "label"], [[f"site{k}.org", LABELS[k % 2]] for k in range(12)]),
        {}, "texts", [], [], {"text": "text"},
    ),
    "one-word texts": (
        lambda p: table(p, ["name", "label"], [["Ab" + "cdefghij"[k % 7] * (k + 1), LABELS[k % 2]] for k in range(12)]),
        {}, "texts", [], [], {"text": "name"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_tables_are_read_for_what_they_hold(name: str, tmp_path: Path) -> None:
    write, options, layout, channels, left_out, columns = READ[name]
    path = write(tmp_path / "a.csv")
    corpus = read(path, **options)
    assert modality_of(DataConfig(source=str(path), **options)) == ("text" if layout == "texts" else "series")
    assert (corpus.layout, list(corpus.channels), list(corpus.columns.left_out)) == (layout, channels, left_out)
    for part, column in columns.items():
        assert getattr(corpus.columns, part) == column
    assert corpus.rejected == []
    for column in left_out:
        is_told = layout != "texts" or not column.isdecimal()  # texts leave columns with names of their own
        assert not is_told or any(line.startswith("left out: ") and repr(column) in line for line in corpus.decisions)


def test_values_of_numbers_as_written(tmp_path: Path) -> None:
    body: list[Row] = [["1.304,5", "-0,25", "True", "up"], ["-2.325", "1e3", "false", "down"]]
    path = table(tmp_path / "a.csv", ["a", "b", "c", "label"], body, ";")
    corpus = read(path, thousands=".", decimal=",", delimiter=";")
    values = np.array([series[:, 0] for series in corpus.parts["all"].inputs])
    np.testing.assert_array_equal(values, np.array([[1304.5, -0.25, 1], [-2325, 1000, 0]], dtype=np.float32))


# name -> (writer, options, what the error says)
REFUSED: dict[str, tuple[Callable[[Path], Path], dict[str, Any], list[str]]] = {
    "times as texts": (
        lambda p: long(p, "timestamp,machine,temp,state", "moment,id,x,label"), {"label_column": "state"},
        ["column 'timestamp' (the longest strings) holds dates", "a.csv:2: 'M00' in column 'machine'",
            "--series-column machine"],
    ),
    "numbers by a usual name of texts": (
        lambda p: table(p, ["text", "label"], [[k * 7, LABELS[k % 2]] for k in range(12)]), {},
        ["column 'text' holds numbers", "--text-column text takes it as text"],
    ),
    "booleans": (
        lambda p: table(p, ["answer", "label"], [["yes" if k % 3 else "no", k % 4] for k in range(12)]), {},
        ["column 'answer' (the longest strings) holds yes or no"],
    ),
    "identifiers": (
        lambda p: table(p, ["key", "label"], [[f"T-{10448 + k}", LABELS[k % 2]] for k in range(12)]), {},
        ["column 'key' (the longest strings) holds identifiers"],
    ),
    "hexadecimal identifiers": (
        lambda p: table(p, ["key", "label"], [[f"{k * 7919 + 123456789012:016x}", k % 2] for k in range(12)]), {},
        ["holds identifiers"],
    ),
    "names that repeat": (
        lambda p: table(p, ["city", "n", "label"], [[["Berlin", "Wien"][k % 2], k, k % 2] for k in range(12)]), {},
        ["column 'city' (the longest strings) holds names that repeat", "--series-column city"],
    ),
    "no label is known": (
        lambda p: table(p, ["a", "b"], [[k, k * 3] for k in range(12)]), {},
        ["holds numbers", "name its column with --label-column"],
    ),
    "thousands": (
        lambda p: table(p, ["a", "b", "label"], [[f"{k + 1},{k:03d}.5", k, LABELS[k % 2]] for k in range(12)]), {},
        ["a.csv:2: '1,000.5' in column 'a' is not a number; read it with --thousands ','"],
    ),
    "thousands or decimals": (
        lambda p: table(p, ["a", "b", "label"], [[f"{k + 1},{k + 100}", k, LABELS[k % 2]] for k in range(12)]), {},
        ["read it with --thousands ',' if 1,100 is 1100, or --decimal ',' if it is 1.100"],
    ),
    "decimals": (
        lambda p: table(p, ["a", "b", "label"], [[f"0,{k:03d}", k, LABELS[k % 2]] for k in range(12)]), {},
        ["'0,000' in column 'a' is not a number; read it with --decimal ','"],
    ),
    "one cell with thousands": (
        lambda p: table(p, ["a", "b", "label"], [["1,304.0" if k == 9 else k, k, k % 2] for k in range(40)]), {},
        ["a.csv:11: not a number ('1,304.0' in column 'a'; read it with --thousands ',')"],
    ),
    "groups of another size": (
        lambda p: table(p, ["a", "b", "label"], [[f"{k + 1},{k % 10}", k, k % 2] for k in range(12)]),
        {"thousands": ","}, ["read it with --decimal ','"],
    ),
    "underscores": (
        lambda p: table(p, ["a", "b", "label"], [[f"{k}_{k}", k, LABELS[k % 2]] for k in range(12)]), {},
        ["column 'a' (the longest strings) holds identifiers"],
    ),
    "series are asked for and no number is there": (
        lambda p: long(p, "machine,who,state", "id,who,label"), {"series_column": "machine", "label_column": "state"},
        ["no column of numbers is left for the channels ('ann' in column 'who' is no number)"],
    ),
    "series are asked for and no label is known": (
        lambda p: long(p, "machine,x,state", "id,x,label"), {"series_column": "machine"},
        ["which column is the label of the series? Name it with --label-column"],
    ),
    "texts and series": (
        lambda p: long(p, "machine,x,state", "id,x,label"), {"series_column": "machine", "text_column": "x"},
        ["leave --text-column out, or --series-column"],
    ),
    "a label for each step": (
        lambda p: long(p, "time,x,y,state", "row,x,y,each"), {"label_column": "state"},
        ["a.csv:3: the label changes from step to step within a series ('up', then 'down')",
            "a label for each step is another task, which lstmkit does not learn", "give one label per series"],
    ),
    "a label for each step of one channel": (
        lambda p: long(p, "time,x,state", "row,x,each"), {"label_column": "state"}, ["a label for each step"],
    ),
    "a label for each step, times asked for": (
        lambda p: long(p, "when,x,y,state", "row,x,y,each"), {"label_column": "state", "time_column": "when"},
        ["a label for each step"],
    ),
    "a label for each step of several series": (
        lambda p: long(p, "id,time,x,state", "number,time,x,each"), {"label_column": "state", "on_bad_row": "skip"},
        ["a.csv:3: two labels in one series", "a label for each step is another task"],
    ),
    "dates without a name that order nothing": (
        lambda p: table(p, ["", "id", "x", "label"], steps("moment", "number", "x", "label")[::-1]), {},
        ["column 1 has no name, and its dates", "--time-column 1"],
    ),
    "numbers without a name": (
        lambda p: table(p, ["", "t0", "t1", "label"], [[k % 3 / 2, k, k, k % 2] for k in range(20)]), {},
        ["column 1 has no name, and holds '0.0'", "name it in the header line"],
    ),
    "two columns of one name": (
        lambda p: table(p, ["a", "b", "b", "label"], [[k, k, k, k % 2] for k in range(9)]), {},
        ["2 columns are named 'b' (columns 2, 3); rename all but one"],
    ),
    "two columns of one name beside texts": (
        lambda p: table(p, ["text", "n", "n", "label"], [["a film", k, k, k % 2] for k in range(9)]), {},
        ["2 columns are named 'n'"],
    ),
    "no names at all": (
        lambda p: table(p, ["", "", ""], [["a film", k, k % 2] for k in range(9)]), {},
        ["a.csv:1: no column has a name"],
    ),
    "no header": (
        lambda p: table(p, None, [[k % 4 + 1, f"Title {k}", f"a film of {k}"] for k in range(12)]), {},
        ["a.csv:1: the first line looks like data", "--no-header"],
    ),
    "no header, columns named": (
        lambda p: table(p, None, [[k % 4 + 1, f"Title {k}", f"a film of {k}"] for k in range(12)]),
        {"label_column": "1", "text_column": "3"}, ["a.csv:1: the first line looks like data", "--no-header"],
    ),
    "no header, of numbers": (
        lambda p: table(p, None, [[k % 2, *(round(k * j % 7 - 3.5, 2) for j in range(1, 6))] for k in range(12)]),
        {"label_column": "1"}, ["a.csv:1: the first line looks like data"],
    ),
    "no header, of steps": (
        lambda p: table(p, None, steps("id", "moment", "x", "label")), {"label_column": "4"},
        ["a.csv:1: the first line looks like data"],
    ),
    "no header, classes that are usual names": (
        lambda p: table(p, None, [[("description", "entity")[k % 2], f"what is {k}?"] for k in range(12)]), {},
        ["a.csv:1: the first line looks like data"],
    ),
    "a number beyond the columns": (
        lambda p: table(p, ["a", "label"], [["a film", k % 2] for k in range(9)]), {"label_column": "3"},
        ["no column '3'; there are 'a', 'label'"],
    ),
    "semicolons": (
        lambda p: table(p, ["text", "label"], [["a film, fine", k % 2] for k in range(9)], ";"), {},
        ["a.csv: one column ('text;label')", "read it with --delimiter ';'"],
    ),
    "semicolons, and commas in the first line": (
        lambda p: table(p, ["a, or b", "label"], [["a film, fine, or not", k % 2] for k in range(9)], ";"), {},
        ["read it with --delimiter ';'"],
    ),
    "semicolons and decimal commas": (
        lambda p: table(p, ["t0", "t1", "label"], [[f"0,{k}", f"1,{k}", k % 2] for k in range(9)], ";"), {},
        ["read it with --delimiter ';'"],
    ),
    "bars": (
        lambda p: table(p, ["text", "label"], [["a film, fine", k % 2] for k in range(9)], "|"), {},
        ["read it with --delimiter '|'"],
    ),
    "tabs": (
        lambda p: table(p, ["text", "label"], [["a film, fine", k % 2] for k in range(9)], "\t"), {},
        ["read it with --delimiter tab"],
    ),
    "semicolons in a Western encoding": (
        lambda p: table(p, ["text", "label"], [["café, naïf", k % 2] for k in range(9)], ";", "cp1252"), {},
        ["read it with --delimiter ';' --encoding cp1252"],
    ),
    "a Western encoding": (
        lambda p: table(p, ["text", "label"], [["a café", k % 2] for k in range(9)], encoding="cp1252"), {},
        ["a.csv:2: not UTF-8", "all rows are sound in Windows-1252: read the file with --encoding cp1252"],
    ),
    "a Western encoding, seen after another fault": (
        lambda p: table(p, ["text", "label"], [["", 1], *(["a café", k % 2] for k in range(9))], encoding="cp1252"), {},
        ["a.csv:2: the text is empty", "9 rows are not UTF-8", "--encoding cp1252"],
    ),
    "a Western encoding, in the header": (
        lambda p: table(p, ["prénom", "label"], [["a b", k % 2] for k in range(9)], encoding="cp1252"), {},
        ["a.csv:1: not UTF-8", "--encoding cp1252"],
    ),
    "a Cyrillic encoding": (
        lambda p: table(p, ["text", "label"], [["хороший фильм", k % 2] for k in range(9)], encoding="cp1251"), {},
        ["a.csv:2: not UTF-8", "name its encoding with --encoding (all rows are sound in cp1251"],
    ),
    "damage among UTF-8": (
        lambda p: fill(p.parent, {"a.csv": "text,label\na café,1\n".encode() + b"a caf\xe9,0\n"}) / "a.csv", {},
        ["a.csv:3: not UTF-8", "save the file as UTF-8 (other rows are UTF-8 already)"],
    ),
    "UTF-16": (
        lambda p: table(p, ["text", "label"], [["a film", k % 2] for k in range(9)], encoding="utf-16"), {},
        ["a.csv:1: UTF-16 text", "--encoding utf-16"],
    ),
    "UTF-16 that is cut off": (
        lambda p: fill(p.parent, {"a.csv": "text,label\na film,1\n".encode("utf-16") + b"a"}) / "a.csv",
        {"encoding": "utf-16"}, ["a.csv: not UTF-16 after line"],
    ),
    "UTF-8 by its mark": (
        lambda p: table(p, ["text", "label"], [["a film", k % 2] for k in range(9)], encoding="utf-8-sig"),
        {"encoding": "cp1252"}, ["a.csv:1: UTF-8 text", "--encoding utf-8"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_such_table_is_one_line_that_names_the_way(name: str, tmp_path: Path) -> None:
    write, options, said = REFUSED[name]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "a.csv"), **options)
    message = str(caught.value)
    assert "\n" not in message
    for words in said:
        assert words in message, message


def test_the_tables_are_whole() -> None:
    assert len(READ) >= 25
    assert len(REFUSED) >= 45


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "latin-7b"}, "data.encoding = 'latin-7b': no encoding of text files that is known"),
        ({"encoding": "cp1253\0"}, "no encoding of text files"),
        ({"encoding": "\ud800"}, "no encoding of text files"),
        ({"encoding": "base64"}, "no encoding of text files"),
        ({"encoding": "idna"}, "no encoding of text files"),
        ({"encoding": "cp1525"}, "did you mean 'cp1252'?"),
        ({"delimiter": ";;"}, "data.delimiter = ';;': no character that stands between fields"),
        ({"delimiter": "a"}, "no character that stands between fields"),
        ({"delimiter": '"'}, "no character that stands between fields"),
        ({"delimiter": "\n"}, "no character that stands between fields"),
        ({"thousands": "."}, "data.thousands and data.decimal are both '.'"),
        ({"thousands": ",", "decimal": ","}, "--thousands ',' --decimal '.'"),
        ({"delimiter": ",", "decimal": ","}, "the same character is the decimal point"),
        ({"delimiter": "'", "thousands": "'"}, "the same character groups digits"),
    ],
)
def test_a_dialect_that_cannot_be(options: dict[str, str], said: str, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": "text,label\na film,1\n"})
    with pytest.raises(RequestError) as caught:
        read(tmp_path / "a.csv", **options)
    assert said in str(caught.value)
    assert caught.value.exit_status == 2


ENCODED = [["Ärger, „so“", "a"], ["café\nau lait", "b"], ["naïf — doch", "a"], ["plain", "b"]]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".csv", "tab")])
def test_one_table_in_each_encoding(encoding: str, suffix: str, delimiter: str, tmp_path: Path) -> None:
    separator = "\t" if delimiter == "tab" else delimiter
    path = table(tmp_path / f"a{suffix}", ["text", "label"], ENCODED, separator, encoding)
    part = read(path, encoding=encoding, delimiter=delimiter).parts["all"]
    assert [[text, label] for text, label in zip(part.inputs, part.labels, strict=True)] == ENCODED
    assert [id_.rpartition(":")[2] for id_ in part.ids] == ["2", "3", "5", "6"]


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "euc_kr"])
def test_encodings_of_several_bytes(encoding: str, tmp_path: Path) -> None:
    texts = {"shift_jis": "良い映画です", "gb18030": "好电影,很好", "euc_kr": "좋은 영화"}
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": texts[encoding] + str(k), "label": k % 2}, ensure_ascii=False) for k in range(6)]
    path.write_bytes("\n".join(lines).encode(encoding))
    assert read(path, encoding=encoding).parts["all"].inputs[5] == texts[encoding] + "5"


def test_texts_of_a_folder_in_an_encoding(tmp_path: Path) -> None:
    fill(tmp_path, {f"{label}/{k}.txt": f"café {k}".encode("cp1252") for label in "ab" for k in range(3)})
    assert read(tmp_path, encoding="cp1252").parts["all"].inputs[0] == "café 0"
    with pytest.raises(DataError, match="--encoding cp1252"):
        read(tmp_path)


# name -> (file, content, what the error says)
BROKEN: dict[str, tuple[str, str, str]] = {
    "a doubled field": ("a.jsonl", '{"text": "x", "label": 1, "text": "y"}\n', "a.jsonl:1: a field twice (2 are named"),
    "half a pair elsewhere": (
        "a.jsonl",
        '{"text": "x", "label": 1, "n": ["\\ud800"]}\n',
        "a.jsonl:1: half of a",
    ),
    "half a pair as a name": ("a.jsonl", '{"text": "x", "label": 1, "\\ud800": 2}\n', "a.jsonl:1: half of a"),
    "900 deep": ("a.jsonl", '{"x": ' + "[" * 900 + "]" * 900 + ', "label": 1}\n', "a.jsonl:1: JSON nested deeper than"),
    "400 digits": ("a.jsonl", '{"x": [' + "9" * 400 + ', 1.5], "label": 1}\n', "a.jsonl:1: an infinite value"),
    "400 digits in a step": (
        "a.jsonl",
        "".join(f'{{"id": {k // 2}, "x": {"9" * 400 if k == 3 else k}, "label": 1}}\n' for k in range(6)),
        "a.jsonl:4: an infinite value in column 'x'",
    ),
    "5,000 digits": ("a.jsonl", '{"text": "x", "label": ' + "9" * 5000 + "}\n", "a.jsonl:1: not JSON ("),
    "a doubled header": ("a.tsv", "text\ttext\na\tb\n", "a.tsv: 2 columns are named 'text'"),
    "empty names alone": ("a.csv", ",\n,\n", "a.csv:1: no column has a name"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_row_cannot_hold_is_one_line(name: str, tmp_path: Path) -> None:
    file, content, said = BROKEN[name]
    with pytest.raises(DataError) as caught:
        read(fill(tmp_path, {file: content}) / file)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(said)
    assert "\n" not in str(caught.value)


def test_an_empty_name_in_jsonl_and_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    from pyarrow import parquet

    body = [{"": k, "text": f"a film of {k}", "label": LABELS[k % 2]} for k in range(12)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in body))
    parquet.write_table(pyarrow.Table.from_pylist(body), tmp_path / "a.parquet")
    found: list[Corpus] = [read(tmp_path / name) for name in ("a.jsonl", "a.parquet")]
    for corpus in found:
        assert corpus.columns.left_out == ("column 1",)
        assert "left out: 'column 1' (no name, numbers the rows)" in corpus.decisions


def test_doubled_columns_of_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    from pyarrow import parquet

    doubled = pyarrow.Table.from_arrays(
        [pyarrow.array(["x", "y"])] * 2 + [pyarrow.array([0, 1])], ["text", "text", "label"]
    )
    parquet.write_table(doubled, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"2 columns are named 'text' \(columns 1, 2\)"):
        read(tmp_path / "a.parquet")


def test_wide_tables_ask_of_each_column_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is linear in the columns: names are looked up in sets, never in lists for each column."""
    n = 3000
    path = table(tmp_path / "a.csv", [*(f"t{k}" for k in range(n)), "label"], [[*range(n), k % 2] for k in range(6)])

    class Names(list[str]):
        asked = 0

        def __contains__(self, name: object) -> bool:
            Names.asked += 1
            return super().__contains__(name)

    from lstmkit.data.sources import tables

    looked_at = tables.looked_at

    def looked(opened: Any) -> Any:
        found = looked_at(opened)
        return found._replace(names=Names(found.names))

    monkeypatch.setattr(tables, "looked_at", looked)
    assert read(path).parts["all"].inputs[0].shape == (n, 1)
    assert Names.asked < 20


def test_data_info_reads_and_names_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "a.csv", None, [[k % 2 + 1, f"a café of {k}"] for k in range(40)], ";", "cp1252")
    assert run(["data", "info", str(path)]) == 2
    said = capsys.readouterr().err
    assert "--delimiter ';'" in said
    assert "--encoding cp1252" in said
    options = ["--delimiter", ";", "--encoding", "cp1252"]
    assert run(["data", "info", str(path), *options]) == 2
    assert "--no-header" in capsys.readouterr().err
    assert run(["data", "info", str(path), *options, "--no-header", "--label-column", "1"]) == 0
    shown = capsys.readouterr().out
    assert "text column: '2' (longest strings)" in shown
    assert "rejected rows: 0" in shown
