"""One table written as CSV, TSV, JSONL and Parquet is one corpus: labels, inputs, columns, layout."""

import csv
import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_sources import read

from lstmkit.core.errors import DataError
from lstmkit.data.sources import Corpus
from lstmkit.data.sources.cells import held_by, spelled

Table = list[dict[str, Any]]
FORMATS = ("a.csv", "a.tsv", "a.jsonl", "a.parquet")


def write(path: Path, table: Table) -> None:
    """Write rows as the format's own tools do: True and 1.0 in CSV, true in JSON, typed columns in Parquet."""
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(table), path)
        return
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table))
        return
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="," if path.suffix == ".csv" else "\t")
        writer.writerow(table[0])
        writer.writerows(list(row.values()) for row in table)


def seen(corpus: Corpus) -> dict[str, Any]:
    """What a format must not change; of ids of a row's own name, the name."""
    part = corpus.parts["all"]
    is_series = corpus.kind == "series"
    return {
        "kind": (corpus.kind, corpus.layout, list(corpus.channels)),
        "columns": corpus.columns,
        "labels": list(part.labels),
        "inputs": [values.tolist() if is_series else values for values in part.inputs],
        "names": [id_.partition(":")[2] for id_ in part.ids] if corpus.columns.series else [],
        "left out": [line for line in corpus.decisions if line.startswith("left out")],
        "rejected": len(corpus.rejected),
    }


def outcomes(table: Table) -> list[Any]:
    """What each format gives: what is seen, or that it is refused."""
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    found: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            write(Path(folder) / name, table)
            try:
                found.append(seen(read(Path(folder) / name, on_bad_row="skip")))
            except DataError as error:
                found.append(str(error).partition(";")[0].replace(f"{folder}/{name}", "FILE"))
    return found


def agree(table: Table) -> None:
    found = outcomes(table)
    for name, other in zip(FORMATS[1:], found[1:], strict=True):
        if isinstance(found[0], str):
            assert isinstance(other, str), (name, found[0])
        else:
            np.testing.assert_equal(other, found[0], err_msg=name)


_WORDS = st.text(st.sampled_from("abcdeÄß,;'\" "), min_size=1, max_size=12)
_NUMBERS = st.one_of(st.integers(-(10**6), 10**6).map(float), st.floats(-1e6, 1e6, width=32))
_CLASSES = st.sampled_from(
    [["up", "down"], [1, 2], [0.0, 1.0], [True, False], ["1.0", "2.5"], [0.5, 2.0], ["TRUE", "no"]]
)
_CELLS = st.sampled_from(["floats", "integers", "booleans", "holes"])


def cells(draw: Any, kind: str, n: int) -> list[Any]:
    """A column of one type, as Parquet needs it."""
    if kind == "booleans":
        return [draw(st.booleans()) for _ in range(n)]
    if kind == "integers":
        return [draw(st.integers(-99, 99)) for _ in range(n)]
    numbers = [draw(_NUMBERS) for _ in range(n)]
    return [None if kind == "holes" and draw(st.booleans()) else number for number in numbers]


@st.composite
def texts(draw: Any) -> Table:
    n, classes = draw(st.integers(1, 8)), draw(_CLASSES)
    has_index = draw(st.booleans())
    return [
        {**({"": k} if has_index else {}), "text": draw(_WORDS), "n": k, "label": draw(st.sampled_from(classes))}
        for k in range(n)
    ]


@st.composite
def long(draw: Any) -> Table:
    n_series, n_steps, classes = draw(st.integers(1, 4)), draw(st.integers(2, 4)), draw(_CLASSES)
    name = draw(st.sampled_from([lambda k: k, lambda k: float(k), lambda k: f"s{k}", lambda k: bool(k % 2)]))
    begin = datetime(2026, 3, 1)
    time = draw(st.sampled_from([lambda t: t, lambda t: t / 2, lambda t: begin + timedelta(hours=t)]))
    n_series = min(n_series, 2) if isinstance(name(0), bool) else n_series
    has_index, n = draw(st.booleans()), n_series * n_steps
    channels = {f"c{j}": cells(draw, draw(_CELLS), n) for j in range(draw(st.integers(1, 3)))}
    labels = [draw(st.sampled_from(classes)) for _ in range(n_series)]
    return [
        {
            **({"": row} if has_index else {}),
            "series": name(row // n_steps),
            "time": time(row % n_steps),
            **{column: values[row] for column, values in channels.items()},
            "label": labels[row // n_steps],
        }
        for row in range(n)
    ]


@st.composite
def wide(draw: Any) -> Table:
    n, classes = draw(st.integers(1, 8)), draw(_CLASSES)
    has_id = draw(st.booleans())
    columns = {f"t{j}": cells(draw, draw(_CELLS), n) for j in range(draw(st.integers(2, 4)))}
    return [
        {
            **({"id": float(k)} if has_id else {}),
            **{column: values[k] for column, values in columns.items()},
            "label": draw(st.sampled_from(classes)),
        }
        for k in range(n)
    ]


@settings(deadline=None, max_examples=30)
@given(table=texts())
def test_texts_agree(table: Table) -> None:
    agree(table)


@settings(deadline=None, max_examples=40)
@given(table=long())
def test_long_tables_agree(table: Table) -> None:
    agree(table)


@settings(deadline=None, max_examples=40)
@given(table=wide())
def test_wide_tables_agree(table: Table) -> None:
    agree(table)


@pytest.mark.parametrize(
    ("values", "spelling"),
    [
        ([True, "True", "true", "TRUE", " true "], "true"),
        ([False, "False", "false"], "false"),
        ([1, "1", 1.0, "1.0", "1.00", " 1 "], "1"),
        ([0, "0", 0.0, "0.0", -0.0, "-0.0"], "0"),
        ([-2.5, "-2.5"], "-2.5"),
        (["007"], "007"),
        (["007.0"], "007.0"),
        (["1.10"], "1.10"),
        (["1e3"], "1e3"),
        (["yes"], "yes"),
        ([12345678901234567890, "12345678901234567890"], "12345678901234567890"),
    ],
)
def test_one_spelling_of_a_label(values: list[Any], spelling: str) -> None:
    assert {spelled(value) for value in values} == {spelling}


@pytest.mark.parametrize(
    ("values", "held"),
    [
        (["1", "2.5", ""], "numbers"),
        (["1,304.5", "2,000"], "numbers"),
        (["1'304", "2'000"], "numbers"),
        ([3, 4.5], "numbers"),
        (["2026-03-01", "2026-03-02"], "dates"),
        (["1/31/2024", "2/1/2024 10:00"], "dates"),
        (["31.01.2024", "01.02.2024"], "dates"),
        (["2019-01", "2019-02"], "dates"),
        (["2000Q1", "2000-Q2"], "dates"),
        (["Jan-00", "Feb-00"], "dates"),
        (["10:30", "10:31:05"], "dates"),
        (["True", "false"], "booleans"),
        (["yes", "no"], "booleans"),
        (["user_1", "user_12"], "identifiers"),
        (["T-10448", "T-11729"], "identifiers"),
        (["9b2d4f1e-0a3c-4d5e-8f60-1a2b3c4d5e6f", "1b2d4f1e-0a3c-4d5e-8f60-1a2b3c4d5e6f"], "identifiers"),
        (["ACGTAC", "GGTACA"], ""),
        (["C1=CC=CC=C1", "CCO", "CC(=O)O1"], ""),
        (["a film", "a film of 3"], ""),
        (["anna", "berta"], ""),
        (["", None], ""),
        ([[1, 2], [3]], ""),
    ],
)
def test_what_a_column_holds(values: list[Any], held: str) -> None:
    assert held_by(values) == held
