"""Bad data: one line that says what came, what is allowed and what to do."""

import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from making_sources import archive, fill, parts_of, read, without_root

from lstmkit.core.errors import DataError, RequestError

GOOD = "text,label\n" + "".join(f"row {number},{'ab'[number % 2]}\n" for number in range(8))
JSON_ROWS = [f'{{"text": "row {number}", "label": "{"ab"[number % 2]}"}}\n' for number in range(8)]
IMDB = {f"aclImdb/{split}/{label}/{n}.txt": "a film" for split in ("train", "test") for label in "ab" for n in range(3)}

# name -> (file, content, how the message begins, {} for the folder)
FILES: dict[str, tuple[str, str | bytes, str]] = {
    "unknown kind of file": ("notes.doc", GOOD, "{}/notes.doc: not a kind of file "),
    "empty CSV": ("a.csv", "", "{}/a.csv: empty; a header line"),
    "empty JSONL": ("a.jsonl", "", "{}/a.jsonl: empty; a table"),
    "empty Parquet": ("a.parquet", "", "{}/a.parquet: empty; a Parquet table"),
    "empty archive": ("a.tar.gz", "", "{}/a.tar.gz: empty; put a whole copy"),
    "blank lines alone": ("a.csv", "\n\n", "{}/a.csv: empty; a header line"),
    "header alone": ("a.csv", "text,label\n", "{}/a.csv: no rows; an input and a label"),
    "one label only": ("a.csv", "text,label\nx,1\ny,1\nz,1\n", "a: every training example has the label '1'; "),
    "one column": ("a.csv", "text\nx\ny\n", "{}/a.csv: one column ('text'); a text and a label"),
    "semicolons": ("a.csv", "text;label\nx, y;a\nz;b\n",
        "{}/a.csv: one column ('text;label'); its fields look separated by semicolons; read it with --delimiter ';'"),
    "commas in a TSV": ("a.tsv", GOOD, "{}/a.tsv: one column ('text,label'); its fields look separated by commas; "),
    "no header": ("a.csv", "fine film,pos\nbad film,neg\ngood,pos\n", "{}/a.csv:1: the first line looks like data "),
    "no header, numbers": ("a.csv", "fine film,1\nbad film,0\n", "{}/a.csv:1: the first line looks like data"),
    "row too short": ("a.csv", GOOD + "alone\n", "{}/a.csv:10: too few fields (1; the header has 2); mend it, "),
    "row too long": ("a.csv", GOOD + "one, two,a\n", "{}/a.csv:10: too many fields (3; the header has 2)"),
    "stray quote": ("a.csv", GOOD + '"He" said,a\n', "{}/a.csv:10: not CSV ("),
    "open quote": ("a.csv", 'text,label\n"x,a\ny,b\n', "{}/a.csv:2: a quote opens in this row and never closes"),
    "NUL in CSV": ("a.csv", "text,label\nx,a\ny\0,b\n", "{}/a.csv:3: a NUL byte at byte offset 16"),
    "NUL in JSONL": ("a.jsonl", JSON_ROWS[0] + "\0\n", "{}/a.jsonl:2: a NUL byte at byte offset 32"),
    "CSV not UTF-8": ("a.csv", b"text,label\nx,a\ncaf\xe9,b\n", "{}/a.csv:3: not UTF-8 at byte offset 18 (0xe9)"),
    "Latin-1": ("a.csv", b"text,label\nx,a\ncaf\xe9,b\nna\xefve,b\n",
        "{}/a.csv:3: not UTF-8 at byte offset 18 (0xe9), 'é' in Latin-1 (2 such rows); all rows are sound in "
        "Windows-1252: read the file with --encoding cp1252, or save it as UTF-8, or leave"),
    "Windows-1252": ("a.csv", b"text,label\nx,a\nit\x92s,b\n", "{}/a.csv:3: not UTF-8 at byte offset 17 (0x92), "
        "'\N{RIGHT SINGLE QUOTATION MARK}' in Windows-1252; all rows are sound in Windows-1252: read "),
    "damaged UTF-8 is no Latin-1": ("a.csv", b"text,label\nx,a\n\xe6\xa5,b\n",
        "{}/a.csv:3: not UTF-8 at byte offset 15 (0xe6); save"),
    "not UTF-8 within quotes": ("a.csv", b'text,label\n"x\ncaf\xe9\nz",b\n',
        "{}/a.csv:3: not UTF-8 at byte offset 17 (0xe9)"),
    "header not UTF-8": ("a.csv", b"t\xe9xt,label\nx,a\n", "{}/a.csv:1: not UTF-8 at byte offset 1 "),
    "mark, then not UTF-8": ("a.csv", b"\xef\xbb\xbft\xe9xt,label\n", "{}/a.csv:1: not UTF-8 at byte offset 4 (0xe9)"),
    "offset after a mark": ("a.csv", b"\xef\xbb\xbftext,label\n\xff,b\n", "{}/a.csv:2: not UTF-8 at byte offset 14 "),
    "JSONL not UTF-8": ("a.jsonl", JSON_ROWS[0].encode() + b"\xff\n",
        "{}/a.jsonl:2: not UTF-8 at byte offset 32 (0xff)"),
    "UTF-16": ("a.csv", GOOD.encode("utf-16"), "{}/a.csv:1: UTF-16 text, by its byte order mark; read it with "
        "--encoding utf-16"),
    "JSONL, broken line": ("a.jsonl", JSON_ROWS[0] + '{"text": \n' + JSON_ROWS[1],
        "{}/a.jsonl:2: not JSON (Expecting value at character 11)"),
    "JSONL, too deep": ("a.jsonl", JSON_ROWS[0] + "[" * 100_000 + "\n", "{}/a.jsonl:2: not JSON ("),
    "JSONL, not an object": ("a.jsonl", JSON_ROWS[0] + '["x", "a"]\n', "{}/a.jsonl:2: not a JSON object;"),
    "JSONL, half a pair": ("a.jsonl", JSON_ROWS[0] + '{"text": "\\ud800", "label": "a"}\n',
        "{}/a.jsonl:2: half of a surrogate pair"),
    "JSONL, text a number": ("a.jsonl", JSON_ROWS[0] + '{"text": 3, "label": "a"}\n',
        "{}/a.jsonl:2: the text is neither a string nor a list"),
    "JSONL, label a list": ("a.jsonl", JSON_ROWS[0] + '{"text": "x", "label": ["a"]}\n',
        "{}/a.jsonl:2: the label is neither a string nor a number"),
    "JSONL, mixed kinds": ("a.jsonl", JSON_ROWS[0] + '{"text": ["x"], "label": "a"}\n',
        "{}/a.jsonl:2: a list of tokens among strings"),
    "token with white space": ("a.jsonl", '{"text": ["New York"], "label": "a"}\n',
        "{}/a.jsonl:1: a token that is empty or holds white space"),
    "token not a token": ("a.jsonl", '{"text": [true], "label": "a"}\n',
        "{}/a.jsonl:1: a token that is neither a string nor an integer"),
    "labels missing in CSV": ("a.csv", GOOD + "x,\ny, \nz,\n", "{}/a.csv:10: the label is missing (3 such rows); mend"),
    "labels missing in JSONL": ("a.jsonl", "".join(JSON_ROWS) + '{"text": "x"}\n{"text": "x", "label": null}\n',
        "{}/a.jsonl:9: the label is missing (2 such rows)"),
    "a text is empty": ("a.csv", GOOD + " \u2028 ,a\n", "{}/a.csv:10: the text is empty; mend"),
    "all texts empty": ("a.csv", "text,label\n,a\n ,b\n\t,a\n", "{}/a.csv:2: the text is empty (3 such rows)"),
    "too few for three parts": ("a.csv", GOOD + "x,c\ny,c\n",
        "a: label 'c' has 2 examples; cutting train, test and valid needs 3; add"),
    "label column unclear": ("a.csv", "text,x,y\na b,1,2\n",
        "{}/a.csv: which column is the label? There are 'text', 'x', 'y'; pass --label-column"),
    "column twice": ("a.csv", "text,label,label\nx,a,b\n", "{}/a.csv: 2 columns are named 'label'"),
    "not Parquet": ("a.parquet", "PAR1 it is not", "{}/a.parquet: not a sound Parquet file"),
    "not gzip": ("a.tar.gz", "plain", "{}/a.tar.gz: damaged or incomplete ("),
    "gzip, not tar": ("a.tar.gz", gzip.compress(b"plain" * 999), "{}/a.tar.gz: damaged or incomplete"),
}  # fmt: skip
# name -> (files of the folder "a", how the message begins)
FOLDERS: dict[str, tuple[dict[str, str | bytes], str]] = {
    "empty folder": ({"a/.hidden": ""}, "{}/a: no examples found; it holds no files; a folder may hold LABEL/*.txt"),
    "folder with one class": ({"a/pos/1.txt": "x", "a/pos/2.txt": "y"},
        "a: every training example has the label 'pos'"),
    "NUL in a text": ({"a/x/1.txt": "\n\0", "a/y/1.txt": "t"}, "{}/a/x/1.txt:2: a NUL byte at byte offset 1"),
    "text not UTF-8": ({"a/x/1.txt": b"a\nb\xff", "a/y/1.txt": "t"},
        "{}/a/x/1.txt:2: not UTF-8 at byte offset 3 (0xff)"),
    "label unseen in test": ({"a/train.csv": GOOD, "a/test.csv": GOOD + "new,c\n"},
        "a: test.csv:10: label 'c' of the test part never occurs in training (a, b); "),
    "label unseen in valid": ({"a/train.csv": GOOD, "a/valid.csv": "text,label\nnew,c\n", "a/test.csv": GOOD},
        "a: valid.csv:2: label 'c' of the valid part"),
    "too few for two parts": ({"a/train.csv": GOOD + "x,c\n", "a/test.csv": GOOD},
        "a: label 'c' has 1 example; cutting train and valid needs 2; add"),
    "no training part": ({"a/test.csv": GOOD}, "a: no training part (test only)"),
    "two tables for a split": ({"a/train.csv": GOOD, "a/train.tsv": GOOD},
        "{}/a: both train.csv and train.tsv are the train split"),
    "other columns in test": ({"a/train.csv": GOOD, "a/test.csv": GOOD.replace("label", "labels")},
        "{}/a/test.csv: no column 'label'; there are 'text', 'labels'; did you mean 'labels'?"),
}  # fmt: skip


def message_of(root: Path, source: str, **options: Any) -> str:
    """The error of training on a source, with the folder's path written as {}."""
    with pytest.raises(DataError) as caught:
        parts_of(root / source, **options)
    assert caught.value.exit_status == 2
    return str(caught.value).replace(str(root), "{}")


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_bad_data_is_one_line(name: str, tmp_path: Path) -> None:
    if name in FILES:
        source, content, beginning = FILES[name]
        fill(tmp_path, {source: content})
    else:
        files, beginning = FOLDERS[name]
        source = "a"
        fill(tmp_path, files)
    if source.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    message = message_of(tmp_path, source)
    assert "\n" not in message
    assert message.startswith(beginning), message


def test_the_tables_are_whole() -> None:
    assert len(FILES) >= 40
    assert len(FOLDERS) >= 10


def test_no_such_file(tmp_path: Path) -> None:
    fill(tmp_path, {"reviews.csv": GOOD})
    assert message_of(tmp_path, "review.csv") == (
        "{}/review.csv: no such file or folder; SOURCE is a name of the catalogue "
        "(digits, imdb, trec, sst2, banking77, japanese-vowels, natops, basic-motions, mnist-rows, mnist-pixels, "
        "fsdd), a file or a folder; did you mean '{}/reviews.csv'?"
    )


def test_a_column_asked_for_that_is_not_there(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": "review,mark\nx,1\n"})
    assert message_of(tmp_path, "a.csv", text_column="reviews") == (
        "{}/a.csv: no column 'reviews'; there are 'review', 'mark'; did you mean 'review'?"
    )
    assert message_of(tmp_path, "a.csv", text_column="mark", label_column="mark").startswith(
        "{}/a.csv: column 'mark' cannot be both text and label"
    )


def test_an_unknown_name_gives_the_nearest_known() -> None:
    with pytest.raises(DataError, match=r"^imbd: no such file or folder; .*banking77.*; did you mean 'imdb'\?$"):
        read("imbd")


def test_no_source_at_all() -> None:
    with pytest.raises(DataError, match=r"^no source; SOURCE is a name of the catalogue"):
        read("")


def test_a_path_through_a_file_is_no_path(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": GOOD})
    assert message_of(tmp_path, "a.csv/b.csv").startswith("{}/a.csv/b.csv: no such file or folder")


@pytest.mark.parametrize(
    ("name", "source"),
    [("a.csv", "a.csv"), ("a.jsonl", "a.jsonl"), ("a.tar.gz", "a.tar.gz"), ("a/x/1.txt", "a"), ("a/train.csv", "a")],
)
def test_an_unreadable_file(name: str, source: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others than their owner
        root = Path(folder)
        root.chmod(0o755)
        fill(root, {"a/y/1.txt": "t", name: GOOD} if name.endswith(".txt") else {name: GOOD})
        (root / name).chmod(0)
        with without_root():
            message = message_of(root, source)
    assert message == f"{{}}/{name}: cannot be read (Permission denied); give a file that exists and that you may read"


def test_an_unreadable_folder() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        fill(root, {"a/x/1.txt": "t"})
        (root / "a").chmod(0)
        with without_root():
            message = message_of(root, "a")
            inner = message_of(root, "a/x")
        (root / "a").chmod(0o755)
    assert message.startswith("{}/a: cannot be read (Permission denied)")
    assert inner.startswith("{}/a/x: cannot be read (Permission denied)")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_truncated_archive(kept: float, tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole.tar.gz", {name: os.urandom(500).hex() for name in IMDB}).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: int(len(whole) * kept)])
    assert message_of(tmp_path, "a.tar.gz").startswith("{}/a.tar.gz: damaged or incomplete (")


def test_an_archive_with_a_flipped_bit(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {name: os.urandom(500).hex() for name in IMDB})
    content = bytearray(path.read_bytes())
    for position in range(0, len(content) // 2, len(content) // 8):
        content[len(content) // 4 + position // 4] ^= 16
    path.write_bytes(content)
    assert message_of(tmp_path, "a.tar.gz").startswith("{}/a.tar.gz: damaged or incomplete (")


def test_a_wrong_checksum_at_the_end_of_an_archive_is_seen(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", IMDB)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # within the CRC that closes the stream
    path.write_bytes(content)
    assert "CRC check failed" in message_of(tmp_path, "a.tar.gz")


def test_an_archive_whose_tar_is_damaged_inside_a_sound_gzip(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", IMDB)
    tar = bytearray(gzip.decompress(path.read_bytes()))
    tar[5 * 1024 + 10] ^= 1  # the sixth header's name, which its checksum covers
    path.write_bytes(gzip.compress(tar))
    assert message_of(tmp_path, "a.tar.gz").startswith("{}/a.tar.gz: damaged or incomplete (an unreadable header)")
    path.write_bytes(gzip.compress(gzip.decompress(archive(path, IMDB).read_bytes())[: 5 * 1024 + 515]))
    assert message_of(tmp_path, "a.tar.gz").startswith("{}/a.tar.gz: damaged or incomplete (")


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    archive(tmp_path / "a.tar.gz", {"photos/train/readme.txt": "x"})
    assert message_of(tmp_path, "a.tar.gz").startswith("{}/a.tar.gz: holds no train/LABEL/*.txt")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    fill(tmp_path, {"a.parquet": "x"})
    with pytest.raises(RequestError, match=r"pip install 'lstmkit\[parquet\]'$"):
        read(tmp_path / "a.parquet")


SKIPPED: dict[str, tuple[str, str | bytes, list[tuple[int, str]]]] = {
    "CSV": (
        "a.csv",
        (GOOD + "alone\n,a\nx,\nn\0,a\n").encode() + b"caf\xe9,a\n" + b'"He\0" said,a\nlast,b\n',
        [
            (10, "too few fields (1; the header has 2)"),
            (11, "the text is empty"),
            (12, "the label is missing"),
            (13, "a NUL byte at byte offset 88"),
            (14, "not UTF-8 at byte offset 95 (0xe9), 'é' in Latin-1"),
            (15, "not CSV (',' expected after '\"')"),
        ],
    ),
    "JSONL": (
        "a.jsonl",
        "".join(JSON_ROWS) + '{"text"\n[]\n{"text": "\\ud800", "label": "a"}\n{"text": "last", "label": "b"}\n',
        [
            (9, "not JSON (Expecting ':' delimiter at character 9)"),
            (10, "not a JSON object"),
            (11, "half of a surrogate pair, which is no character"),
        ],
    ),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_bad_rows_are_skipped_when_asked_and_each_is_listed(name: str, tmp_path: Path) -> None:
    file, content, expected = SKIPPED[name]
    corpus = read(fill(tmp_path, {file: content}) / file, on_bad_row="skip")
    assert [(row["line"], row["reason"]) for row in corpus.rejected] == expected
    assert {row["file"] for row in corpus.rejected} == {file}
    texts = list(corpus.parts["all"].inputs)
    assert texts == [f"row {number}" for number in range(8)] + ["last"]


def test_skipping_does_not_pass_over_faults_of_the_whole_file(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": 'text,label\n"x,a\ny,b\n', "b.csv": "text,label\n,a\n,b\n"})
    assert "never closes" in message_of(tmp_path, "a.csv", on_bad_row="skip")
    assert message_of(tmp_path, "b.csv", on_bad_row="skip") == (
        "{}/b.csv:2: the text is empty (2 such rows); no row of {}/b.csv is usable, so none can be skipped"
    )
