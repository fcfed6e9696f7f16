"""`.ts` files: what a header says is held to, missing values and times are read, and what is wrong has a line."""

from pathlib import Path

import numpy as np
import pytest
from making_sources import modality_of, parts_of, read

from lstmkit.cli.main import run
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources import CATALOGUE, load_corpus

HEADER = """\
#A comment that may hold anything.
@problemName Toy
@timeStamps false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
"""
VALUES = HEADER.replace("@classLabel true up down", "@targetLabel true")
TIMED = HEADER.replace("@timeStamps false", "@timeStamps true")
GOOD = "1,2,3:4,5,6:up\n1,?:?,-2e1:down\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_ragged_file_with_gaps(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.ts", HEADER + GOOD)
    for _ in range(2):  # the second time from the cache
        corpus = read(path)
        part = corpus.parts["all"]
        assert (corpus.kind, list(corpus.channels), list(part.labels)) == ("series", ["1", "2"], ["up", "down"])
        assert list(part.ids) == ["toy.ts:9", "toy.ts:10"]
        np.testing.assert_array_equal(part.inputs[0], np.array([[1, 4], [2, 5], [3, 6]], dtype=np.float32))
        np.testing.assert_array_equal(part.inputs[1], np.array([[1, np.nan], [np.nan, -20]], dtype=np.float32))
        assert part.inputs[-1].dtype == np.float32
        assert len(part.inputs[0:2]) == 2


def test_a_comment_may_be_no_utf8(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "toy.ts", b"#Fran\xe7ois\n" + (HEADER + GOOD).encode())).parts["all"]) == 2


@pytest.mark.parametrize("suffix", [".ts", ".TS"])
def test_the_archives_test_file_is_the_test_split(tmp_path: Path, suffix: str) -> None:
    train = write(tmp_path / f"Toy_TRAIN{suffix}", HEADER + GOOD)
    write(tmp_path / f"Toy_TEST{suffix}", HEADER + "7:8:up\n")
    for source in (train, tmp_path):  # the file, or its folder
        corpus = read(source)
        assert {name: len(part) for name, part in corpus.parts.items()} == {"train": 2, "test": 1}
        assert corpus.parts["test"].inputs[0].tolist() == [[7, 8]]


def test_times_join_dimensions_of_their_own_steps(tmp_path: Path) -> None:
    line = "(2024-05-01 00:00:00,1),(2024-05-01 00:00:10,2):(2024-05-01 00:00:05,3),(2024-05-01 00:00:10,4):up\n"
    part = read(write(tmp_path / "toy.ts", TIMED + line + "(0,1),(1,?):(1,3):down\n")).parts["all"]
    np.testing.assert_array_equal(part.inputs[0], np.array([[1, np.nan], [np.nan, 3], [2, 4]], dtype=np.float32))
    np.testing.assert_array_equal(part.inputs[1], np.array([[1, np.nan], [np.nan, 3]], dtype=np.float32))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER + "1,2:up\n", r"toy\.ts:9: another number of dimensions than @dimensions says \(1; it says 2\)"),
        (HEADER + "1:2:3:up\n", r"another number of dimensions than @dimensions says \(3; it says 2\)"),
        (HEADER + "1,2:3:up\n", r"dimensions of different lengths \(1 to 2 steps\)"),
        (HEADER + "1,x:3,4:up\n", r"not a number \('x'\)"),
        (HEADER + "1,2:3,4:sideways\n", r"a label that @classLabel does not list \('sideways'\)"),
        (HEADER + "1,inf:3,4:up\n", "an infinite value at step 2"),
        (HEADER + "?,?:?,?:up\n", "every value is missing"),
        (HEADER + "1,2:3,4:up\n5:up\n", r"toy\.ts:10: another number of dimensions"),
        (HEADER.replace("@equalLength false", "@equalLength true\n@seriesLength 3") + "1,2:3,4:up\n",
         r"another length than @seriesLength says \(2; it says 3\)"),
        (HEADER.replace("@dimensions 2", "@dimensions two"), "@dimensions two: a whole number from 1"),
        (HEADER.replace("@classLabel true up down", "@classLabel false"), r"no class labels \(@classLabel\)"),
        (HEADER.replace("@classLabel true up down", "@targetLabel false"), r"no values to predict \(@targetLabel\)"),
        (HEADER.replace("@data\n", "") + GOOD, r"a line of data before @data"),
        (HEADER.replace("@data\n", ""), "no line @data"),
        ("", "no line @data"),
        (HEADER, "no rows"),
        (TIMED + "(2,1),(1,2):(1,1):up\n", "times that do not rise"),
        (TIMED + "(1,1),(1,2):(1,1):up\n", "a time that occurs twice"),
        (TIMED + "(noon,1):(1,1):up\n", r"a time that cannot be read"),
        (TIMED + "1,2:3,4:up\n", r"toy\.ts:9: no \(time,value\) in brackets, and @timeStamps says true \('1,2'\)"),
        (HEADER + "(0,1),(1,2):(0,3),(1,4):up\n", "a time in brackets, and @timeStamps does not say true"),
        (HEADER.replace("@dimensions 2", "@dimension 3") + GOOD, r"than @dimension says \(2; it says 3\)"),
        (HEADER.replace("@dimensions 2\n", "").replace("@univariate false", "@univariate true") + GOOD,
         r"another number of dimensions than @univariate says \(2; it says true\)"),
        (HEADER.replace("@univariate false", "@univariate true") + GOOD,
         r"toy\.ts:5: @dimensions 2 beside @univariate true; a univariate series has 1"),
        (HEADER.replace("@data", "@targetLabel true\n@data") + GOOD, "both @classLabel and @targetLabel are true"),
        (HEADER.replace("@univariate false", "@univariate"), r"toy\.ts:4: @univariate: true or false is needed"),
        (HEADER.replace("@timeStamps false", "@timeStamps maybe"), "@timestamps maybe: true or false is needed"),
        (HEADER.replace("@univariate false", "@"), r"toy\.ts:4: a lone @; a header line names a key"),
        (HEADER.replace("@univariate false", "@ \t"), r"toy\.ts:4: a lone @"),
        (HEADER.replace("@dimensions 2", f"@dimensions {'9' * 5000}"), "@dimensions 9{38}…: a whole number from 1"),
        (HEADER.replace("@dimensions 2", f"@seriesLength {'9' * 5000}"), "@serieslength 9+…: a whole number from 1"),
        (HEADER + f"{'9' * 5000},1:2,3:up\n", r"toy\.ts:9: an infinite value at step 1"),
        (HEADER + f"{'x' * 5000},1:2,3:up\n", r"toy\.ts:9: not a number \('x{39}…'\)"),
        (HEADER + "1_0,1:2,3:up\n", r"not a number \('1_0'\)"),
        (TIMED + f"({'9' * 5000},1):(1,1):up\n", r"toy\.ts:9: a time that cannot be read"),
        (VALUES + "1,2:3,4:much\n", r"the value to predict is not a finite number \('much'\)"),
        (VALUES + "1,2:3,4:inf\n", r"the value to predict is not a finite number \('inf'\)"),
        (VALUES + "1,2:3,4:?\n", "the label is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = write(tmp_path / "toy.ts", content)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_bad_line_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.ts", HEADER + GOOD + "1,2:up\n")
    corpus = load_corpus(DataConfig(source=str(path), on_bad_row="skip"))
    assert len(corpus.parts["all"]) == 2
    assert [row["line"] for row in corpus.rejected] == [11]


def test_a_folder_of_two_sets_is_not_guessed_at(tmp_path: Path) -> None:
    for name in ("A", "B"):
        for part in ("TRAIN", "TEST"):
            write(tmp_path / f"{name}_{part}.ts", HEADER + GOOD)
    with pytest.raises(DataError, match=r"2 sets \(A, B\); name one, as .*A_TRAIN\.ts"):
        read(tmp_path)


def test_kinds_are_told_without_reading(tmp_path: Path) -> None:
    write(tmp_path / "toy.ts", "nonsense")
    kinds = [
        modality_of(DataConfig(source=source))
        for source in (str(tmp_path / "toy.ts"), "natops", "imdb", "digits", "nowhere.ts")
    ]
    assert kinds == ["series", "series", "text", "tokens", None]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sizes", "n_channels", "lengths"),
    [
        ("japanese-vowels", (270, 370), 12, (7, 29)),
        ("natops", (180, 180), 24, (51, 51)),
        ("basic-motions", (40, 40), 6, (100, 100)),
    ],
)
def test_the_archives_sets(name: str, sizes: tuple[int, int], n_channels: int, lengths: tuple[int, int]) -> None:
    assert CATALOGUE[name].kind == "series"
    corpus = load_corpus(DataConfig(source=name))
    assert (len(corpus.parts["train"]), len(corpus.parts["test"])) == sizes
    every = [len(values) for part in corpus.parts.values() for values in part.inputs]
    assert ((min(every), max(every)), len(corpus.channels)) == (lengths, n_channels)


@pytest.mark.parametrize("mark", ["%", "#", "%%", "%# ", "\t% "])
def test_comments_stand_anywhere(tmp_path: Path, mark: str) -> None:
    lines = (HEADER + GOOD).splitlines()
    commented = "\n".join(f"{mark}a comment of @ and 1,2:3\n{line}" for line in lines)
    assert read(write(tmp_path / "toy.ts", commented)).parts["all"].inputs[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("was", "header", "line", "told"),
    [
        ("@equalLength false", "@equalLength true", "", "@equalLength true, and series have 2 to 3 steps"),
        ("@univariate false", "@missing false", "", "@missing false, and values are missing"),
        ("@dimensions 2\n", "", "1:up\n", "@univariate false, and every series has one dimension"),
    ],
)
def test_a_claim_that_the_series_contradict_is_said(
    tmp_path: Path, was: str, header: str, line: str, told: str
) -> None:
    corpus = read(write(tmp_path / "toy.ts", HEADER.replace(was, header) + (line or GOOD)))
    assert f"toy.ts: the header says {told}" in corpus.decisions


def test_times_of_day_with_dashes_are_read(tmp_path: Path) -> None:
    line = "(2016-02-01 00-10-00,1),(2016-02-01 00-20-00,2):(2016-02-01 00-10-00,3),(2016-02-01 00-20-00,4):"
    assert read(write(tmp_path / "toy.ts", TIMED + line + "up\n")).parts["all"].inputs[0].tolist() == [[1, 3], [2, 4]]


def test_rejected_rows_are_told_before_what_they_leave_too_few_of(tmp_path: Path) -> None:
    header = HEADER.replace("@equalLength false", "@equalLength true\n@seriesLength 3")
    path = write(tmp_path / "toy.ts", header + "1,2,3:4,5,6:up\n" * 2 + "1:1:down\n" * 3 + "1,2,3:4,5,6:down\n" * 4)
    with pytest.raises(DataError) as caught:
        parts_of(path, on_bad_row="skip")
    assert str(caught.value) == (
        "toy: 3 of 9 rows were rejected (the first is toy.ts:12: another length than @seriesLength says (1; it says "
        "3)); label 'up' has 2 examples; cutting train, test and valid needs 3; add examples, or leave the label out"
    )


@pytest.mark.parametrize("asked", [True, False])
def test_info_on_values_to_predict(tmp_path: Path, asked: bool, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "toy.ts", VALUES + "".join(f"{k},1:2,3:{k}\n" for k in range(40)) + "1:2:?\n")
    assert run(["data", "info", str(path), *(["--task", "regression"] if asked else [])]) == 0
    out = capsys.readouterr().out
    assert ("train with --task regression" in out) is not asked
    assert "\nvalue to predict " in out
    assert "\nmissing: 1 rows without a value\n" in out
    shown = [line.split() for line in out.splitlines() if line.startswith(("train ", "valid ", "test "))][:3]
    assert sum(int(row[1]) for row in shown) == 40
    assert min(float(row[4]) for row in shown) == 0
    assert max(float(row[-1]) for row in shown) == 39
