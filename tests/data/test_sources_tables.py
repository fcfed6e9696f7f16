"""Tables: what is read is what was written; columns are found and said."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_sources import fill, parts_of, read, rows

from lstmkit.core.errors import DataError
from lstmkit.data.sources.cells import spelled

# Any characters, the separators that str.splitlines() would split at among them; NUL is refused in CSV by design.
_CHARACTERS = st.one_of(
    st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from("\n\r\t \",'\u2028\u2029\x85\x1c\ufeff")
)
_TEXTS = st.text(_CHARACTERS, min_size=1, max_size=30).filter(str.strip)
_LABELS = _TEXTS.map(str.strip).filter(lambda label: spelled(label) == label)
_EXAMPLES = st.lists(st.tuples(_TEXTS, _LABELS), min_size=1, max_size=12)


def _examples(path: Path, content: str) -> list[tuple[str, str]]:
    path.write_bytes(content.encode())
    part = read(path, text_column="text").parts["all"]  # "0" alone is a number
    again = read(path, text_column="text").parts["all"]  # from the cache
    assert rows(part) == rows(again)
    return list(zip(part.inputs, part.labels, strict=True))


@settings(deadline=None, max_examples=80)
@given(examples=_EXAMPLES, suffix=st.sampled_from([".csv", ".tsv"]))
def test_csv_and_tsv_give_back_any_text(examples: list[tuple[str, str]], suffix: str) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="," if suffix == ".csv" else "\t", quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *examples])
    with tempfile.TemporaryDirectory() as folder:
        assert _examples(Path(folder) / f"a{suffix}", buffer.getvalue()) == examples


@settings(deadline=None, max_examples=80)
@given(examples=_EXAMPLES, ascii_only=st.booleans())
def test_jsonl_gives_back_any_text(examples: list[tuple[str, str]], ascii_only: bool) -> None:
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=ascii_only) for text, label in examples]
    with tempfile.TemporaryDirectory() as folder:
        assert _examples(Path(folder) / "a.jsonl", "\n".join(lines)) == examples


@settings(deadline=None, max_examples=30)
@given(examples=_EXAMPLES)
def test_parquet_gives_back_any_text(examples: list[tuple[str, str]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts, labels = zip(*examples, strict=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        parquet.write_table(pyarrow.table({"number": range(len(texts)), "text": texts, "label": labels}), path)
        part = read(path, text_column="text").parts["all"]
    assert list(zip(part.inputs, part.labels, strict=True)) == examples
    assert part.ids[-1] == f"a.parquet:{len(texts)}"


def test_parquet_reads_tokens_and_integer_labels(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"tokens": [[1, 2, 3], [4]], "label": [0, 1]})
    parquet.write_table(table, tmp_path / "a.parquet")
    corpus = read(tmp_path / "a.parquet")
    assert corpus.kind == "tokens"
    assert rows(corpus.parts["all"]) == [("a.parquet:1", "0", "1 2 3"), ("a.parquet:2", "1", "4")]


def test_ids_name_the_line_at_which_a_row_begins(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": 'text,label\n"one\ntwo",a\n\n"three\r\n\r\nfour",b\r\nfive,a'})
    assert rows(read(tmp_path / "a.csv").parts["all"]) == [
        ("a.csv:2", "a", "one\ntwo"),
        ("a.csv:5", "b", "three\r\n\r\nfour"),
        ("a.csv:8", "a", "five"),
    ]


def test_a_byte_order_mark_belongs_to_no_column_name(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": "\ufefftext,label\nx,a\n", "a.jsonl": '\ufeff{"text": "x", "label": "a"}\n'})
    for name in ("a.csv", "a.jsonl"):
        assert rows(read(tmp_path / name).parts["all"])[0][1:] == ("a", "x")


def test_a_field_may_be_longer_than_csv_s_own_limit(tmp_path: Path) -> None:
    text = "word " * 100_000
    fill(tmp_path, {"a.csv": f"text,label\n{text},a\n"})
    assert list(read(tmp_path / "a.csv").parts["all"].inputs) == [text]


@pytest.mark.parametrize(
    ("written", "label"),
    [("1", "1"), ("-2.5", "-2.5"), ("true", "true"), ("false", "false"), ('" Ärger "', "Ärger"), ('"0"', "0")],
)
def test_labels_of_json_become_their_text(written: str, label: str, tmp_path: Path) -> None:
    fill(tmp_path, {"a.jsonl": f'{{"text": "x", "label": {written}}}\n'})
    assert read(tmp_path / "a.jsonl").parts["all"].labels[0] == label


@pytest.mark.parametrize("written", ["null", '""', '"  "', "NaN"])
def test_an_empty_label_is_none(written: str, tmp_path: Path) -> None:
    fill(tmp_path, {"a.jsonl": f'{{"text": "x", "label": {written}}}\n'})
    with pytest.raises(DataError, match=r"a\.jsonl:1: the label is missing; mend it"):
        read(tmp_path / "a.jsonl")


def test_a_list_is_a_sequence_of_tokens(tmp_path: Path) -> None:
    lines = [{"text": ["The", "end"], "label": "a"}, {"text": [7, 0, -1], "label": "b"}]
    fill(tmp_path, {"a.ndjson": "".join(json.dumps(line) + "\n" for line in lines)})
    corpus = read(tmp_path / "a.ndjson")
    assert corpus.kind == "tokens"
    assert list(corpus.parts["all"].inputs) == ["The end", "7 0 -1"]


# name -> (table, options, text column and why, label column and why)
COLUMNS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "usual names": ("id,Review,Sentiment\n1,x,a\n", {}, "'Review' (by its name)", "'Sentiment' (by its name)"),
    "the more usual name": ("body,text,topic,label\nb,x,t,a\n", {}, "'text' (by its name)", "'label' (by its name)"),
    "asked": ("a,b,c\n1,x,a\n", {"text_column": "b", "label_column": "c"}, "'b' (as asked)", "'c' (as asked)"),
    "asked against the usual": (
        "text,label,other\na,b,x\n",
        {"text_column": "other", "label_column": "text"},
        "'other' (as asked)",
        "'text' (as asked)",
    ),
    "label asked": ("kind,note\na,x\n", {"label_column": "kind"}, "'note' (longest strings)", "'kind' (as asked)"),
    "text asked": ("kind,note\na,x\n", {"text_column": "note"}, "'note' (as asked)", "'kind' (the column left)"),
    "by content": ("x,y\na,a long text\nb,longer still\n", {}, "'y' (longest strings)", "'x' (the column left)"),
    "label named": ("n,y,label\n1,a long text,x\n", {}, "'y' (longest strings)", "'label' (by its name)"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_found_and_said(name: str, tmp_path: Path) -> None:
    content, options, text, label = COLUMNS[name]
    fill(tmp_path, {"a.csv": content})
    assert list(read(tmp_path / "a.csv", **options).decisions) == [f"text column: {text}", f"label column: {label}"]


def test_columns_of_jsonl_are_those_of_its_objects(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"mark": 1, "note": "long enough"}, {"note": "another", "mark": 2}]
    fill(tmp_path, {"a.jsonl": "".join(json.dumps(line) + "\n" for line in lines)})
    corpus = read(tmp_path / "a.jsonl")
    assert [row[1:] for row in rows(corpus.parts["all"])] == [("1", "long enough"), ("2", "another")]


def test_a_tsv_without_quoting_keeps_its_quotes(tmp_path: Path) -> None:
    fill(tmp_path, {"a.tsv": 'text\tlabel\n"Gone" is fine\ta\n"open\tb\nsaid "no"\ta\n'})
    corpus = read(tmp_path / "a.tsv")
    assert list(corpus.parts["all"].inputs) == ['"Gone" is fine', '"open', 'said "no"']
    assert corpus.decisions[0] == "quotes in a.tsv: plain characters (they do not pair up around fields)"


def test_a_folder_of_tables_is_a_table_for_each_split(tmp_path: Path) -> None:
    line = '{"text": "v", "label": "a"}\n'
    table = "text,label\nx,a\ny,b\n"
    fill(tmp_path / "set", {"Train.csv": table, "dev.jsonl": line, "test.tsv": "text\tlabel\nt\tb\n", "old.csv": "?"})
    corpus = read(tmp_path / "set")
    assert corpus.name == "set"
    assert list(corpus.parts) == ["train", "valid", "test"]
    assert list(corpus.decisions[:2]) == [
        "layout: a table for each split (Train.csv, dev.jsonl, test.tsv)",
        "left out: old.csv (not named train, valid or test)",
    ]
    assert {split: rows(part) for split, part in parts_of(tmp_path / "set").items()} == {
        "train": [("Train.csv:2", "a", "x"), ("Train.csv:3", "b", "y")],
        "valid": [("dev.jsonl:1", "a", "v")],
        "test": [("test.tsv:2", "b", "t")],
    }
