"""Tables of numbers: long, wide and lists are told apart from text, and what is wrong with them has a line."""

import json
from pathlib import Path

import numpy as np
import pytest
from making_sources import modality_of, read

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources import load_corpus
from lstmkit.data.sources.columns import require_column
from lstmkit.data.sources.plan import SourceFile

LONG = """\
series_id,time,x,y,label
b,0,1,10,up
b,1,2,,up
a,0,5,50,down
b,2,3,30,up
a,1,6,60,down
"""
WIDE = "id,t0,t1,t2,label\nfirst,1,2,3,up\nsecond,4,,6,down\nthird,7,8,,up\n"


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def refused(path: Path, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_long_table_with_series_that_take_turns(tmp_path: Path) -> None:
    corpus = read(write(tmp_path / "a.csv", LONG))
    part = corpus.parts["all"]
    assert (corpus.kind, list(corpus.channels)) == ("series", ["x", "y"])
    assert (list(part.ids), list(part.labels)) == (["a.csv:b", "a.csv:a"], ["up", "down"])
    np.testing.assert_array_equal(part.inputs[0], [[1, 10], [2, np.nan], [3, 30]])
    np.testing.assert_array_equal(part.inputs[1], [[5, 50], [6, 60]])
    assert "layout: a row for each step; series by 'series_id', time by 'time'" in corpus.decisions


def test_a_long_table_without_times_is_in_order(tmp_path: Path) -> None:
    table = "case,x,label\n1,3,up\n1,2,up\n2,9,down\n"
    part = read(write(tmp_path / "a.csv", table)).parts["all"]
    assert [values.tolist() for values in part.inputs] == [[[3], [2]], [[9]]]


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace("series_id,time", "who,when"))
    data = DataConfig(source=str(path), series_column="who", time_column="when")
    assert list(load_corpus(data).channels) == ["x", "y"]
    with pytest.raises(DataError, match="no column 'whom'"):
        load_corpus(DataConfig(source=str(path), series_column="whom"))


def test_a_wide_table_of_unequal_lengths(tmp_path: Path) -> None:
    part = read(write(tmp_path / "a.csv", WIDE)).parts["all"]
    assert list(part.ids) == ["a.csv:first", "a.csv:second", "a.csv:third"]
    for values, wanted in zip(part.inputs, ([1, 2, 3], [4, np.nan, 6], [7, 8]), strict=True):
        np.testing.assert_array_equal(values[:, 0], wanted)


def test_lists_in_jsonl_are_channels(tmp_path: Path) -> None:
    rows = [{"x": [1.5, 2], "y": [3, None], "label": "up"}, {"x": [4.0], "y": [5], "label": 0}]
    corpus = read(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    part = corpus.parts["all"]
    assert (corpus.channels, list(part.labels)) == (["x", "y"], ["up", "0"])
    np.testing.assert_array_equal(part.inputs[0], [[1.5, 3], [2, np.nan]])


def test_a_list_of_steps_is_a_series(tmp_path: Path) -> None:
    rows = [{"values": [[1.5, 2], [3, 4], [5, 6]], "label": "up"}, {"values": [[0.5, 1]], "label": "down"}]
    part = read(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))).parts["all"]
    assert [values.tolist() for values in part.inputs] == [[[1.5, 2], [3, 4], [5, 6]], [[0.5, 1]]]


def test_lists_of_whole_numbers_stay_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"tokens": [1, 2], "label": "a"}\n{"tokens": [3], "label": "b"}\n')
    assert (read(path).kind, modality_of(DataConfig(source=str(path)))) == ("tokens", "text")


def test_parquet_lists_and_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    lists = pyarrow.table({"x": [[1.0, 2.0], [3.0]], "label": ["up", "down"], "unused": ["p", "q"]})
    parquet.write_table(lists, tmp_path / "a.parquet")
    part = read(tmp_path / "a.parquet").parts["all"]
    assert [values.tolist() for values in part.inputs] == [[[1], [2]], [[3]]]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("long.csv", LONG, "series"),
        ("wide.csv", WIDE, "series"),
        ("text.csv", "text,label\na fine film,pos\n", "text"),
        ("numbers.csv", "text,label\n5,pos\n7,neg\n", "text"),
        ("mixed.csv", "id,age,review,label\n1,30,fine,pos\n1,31,dull,neg\n", "text"),
        ("empty.csv", "", None),
    ],
)
def test_kinds_are_told_apart(tmp_path: Path, name: str, content: str, kind: str | None) -> None:
    path = write(tmp_path / name, content)
    assert modality_of(DataConfig(source=str(path))) == kind


def test_a_text_column_asked_for_is_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", WIDE)
    assert modality_of(DataConfig(source=str(path), text_column="t0")) == "text"
    assert load_corpus(DataConfig(source=str(path), text_column="t0")).kind == "text"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LONG.replace("b,1,2", "b,0,2"), r"a\.csv:3: a time that occurs twice \('0' after '0' in column 'time'\)"),
        (LONG.replace("b,2,3", "b,0.5,3"), r"a\.csv:5: times that do not rise \('0.5' after '1' in column 'time'\)"),
        (LONG.replace("b,1,2", "b,noon,2"), r"a\.csv:3: a time that cannot be read \('noon'"),
        (
            LONG.replace("b,2,3,30,up", "b,2,3,30,down"),
            r"a\.csv:5: two labels in one series \('up' and 'down' in 'b'\)",
        ),
        (LONG.replace(",up", ","), r"a\.csv:2: the label is missing"),
        (LONG + "c,0,1,1,up\nc,5,1,1,up\nc,10,1,1,up\n", r"a\.csv:7: another sampling interval \(5; most have 1\)"),
        (LONG + "c,0,,,up\n", r"a\.csv:7: every value is missing"),
        (LONG + "c,0,1,up\n", r"a\.csv:7: too few fields"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    refused(write(tmp_path / "a.csv", content), said)


def test_a_cell_that_is_no_number_beyond_the_sample(tmp_path: Path) -> None:
    rows = "".join(f"{k // 2},{k % 2},1,1,up\n" for k in range(400))
    refused(
        write(tmp_path / "a.csv", "series_id,time,x,y,label\n" + rows + "z,0,x,1,up\n"), r"a\.csv:402: not a number"
    )
    rows = "".join(f"{k},{k},{k}\n" for k in range(400))
    refused(
        write(tmp_path / "b.csv", "label,t0,t1\n" + rows + "1,2,x\n"),
        r"b\.csv:402: not a number \('x' in column 't1'\)",
    )


def test_other_channels_in_another_file(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", LONG)
    write(tmp_path / "test.csv", LONG.replace(",y,", ",z,"))
    refused(tmp_path, r"test\.csv: no column 'y'")


def test_gaps_are_told_and_not_refused(tmp_path: Path) -> None:
    rows = "".join(f"{who},{time},1,2,up\n" for who in "pqr" for time in (0, 1, 2, 3, 9 if who == "q" else 4))
    corpus = read(write(tmp_path / "a.csv", "series_id,time,x,y,label\n" + rows))
    assert any(line.startswith("time: 1 of 3 series of a.csv have gaps (the widest is 6") for line in corpus.decisions)


def test_a_channel_without_any_value_makes_no_text_of_a_table(tmp_path: Path) -> None:
    rows = "".join(f"{who},{time},{time * time},,{label}\n" for who, label in ("pu", "qd") for time in range(3))
    corpus = read(write(tmp_path / "a.csv", "series_id,time,x,y,label\n" + rows))
    assert (corpus.kind, corpus.channels, len(corpus.parts["all"])) == ("series", ["x", "y"], 2)
    text = read(
        write(tmp_path / "b.csv", "id,text,label\n" + "1,,up\n2,,down\n" * 60 + "3,words,up\n"), on_bad_row="skip"
    )
    assert text.kind == "text"


def test_a_long_table_without_any_value_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{who},{time},,NaN,{label}\n" for who, label in ("pu", "qd") for time in range(3))
    refused(write(tmp_path / "a.csv", "series_id,time,x,y,label\n" + rows), r"a\.csv:2: every value is missing")


def test_a_bad_series_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace("b,1,2", "b,0,2"))
    corpus = load_corpus(DataConfig(source=str(path), on_bad_row="skip"))
    assert list(corpus.parts["all"].ids) == ["a.csv:a"]
    assert [(row["line"], row["reason"][:24]) for row in corpus.rejected] == [(3, "a time that occurs twice")]


def test_of_two_intervals_in_one_table_the_first_is_known_and_the_other_named(tmp_path: Path) -> None:
    rows = [f"{name},{step * t},{t},a" for name, step in (("s", 2), ("q", 10)) for t in range(4)]
    path = write(tmp_path / "two.csv", "series_id,time,x,label\n" + "\n".join(rows) + "\n")
    refused(path, r"two.csv:6: another sampling interval \(10; most have 2\); mend it")


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_cell_of_text_among_numbers_is_named_and_makes_no_text_of_the_table(tmp_path: Path, name: str) -> None:
    rows = [[who, time, time * k, time] for who, k in (("p", 1), ("q", 2)) for time in range(10)]
    rows[7]["xy".index(name) + 2] = "abc"
    long = "series_id,time,x,y,label\n" + "".join(",".join(map(str, [*row, row[0] * 2])) + "\n" for row in rows)
    refused(write(tmp_path / "long.csv", long), rf"long\.csv:9: not a number \('abc' in column '{name}'\)")
    wide = "x,y,label\n" + "".join(",".join(map(str, [*row[2:], row[0]])) + "\n" for row in rows)
    refused(write(tmp_path / "wide.csv", wide), r"wide\.csv:9: .*'abc'")


def test_a_channel_that_is_there_is_not_proposed_for_one_that_is_not(tmp_path: Path) -> None:
    file = SourceFile(tmp_path / "a.csv", "a.csv")
    with pytest.raises(DataError, match=r"no column 'ay'; there are 't', 'ax', 'az'; did you mean 'az'\?"):
        require_column(file, "ay", ["t", "ax", "az"], taken=["ax", "ay"])
    with pytest.raises(DataError, match=r"no column 'ay'; there are 't', 'ax'$"):
        require_column(file, "ay", ["t", "ax"], taken=["ax", "ay"])
