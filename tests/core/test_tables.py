"""Tables of predictions as CSV: what is written is read back, and what a spreadsheet would run is counted or quoted."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.core.tables import csv_lines, write_table

CELLS: list[tuple[Any, bool]] = [
    ("=1+1", True),
    ('=HYPERLINK("http://x")', True),
    ("+49 30", True),
    ("-dash", True),
    ("@name", True),
    ("\t=1", True),
    ("-3.5", False),
    ("+1e3", False),
    (-3.5, False),
    ("a = b", False),
    ("'=1", False),
    ("", False),
    (None, False),
    ([-1], False),
]


@pytest.mark.parametrize(("cell", "is_formula"), CELLS)
def test_a_formula_is_counted_or_quoted(tmp_path: Path, cell: Any, is_formula: bool) -> None:
    columns = {"text": "string", "n": "int64"}
    assert write_table(tmp_path / "plain.csv", [{"text": cell, "n": 1}], columns) == is_formula
    assert write_table(tmp_path / "quoted.csv", [{"text": cell, "n": 1}], columns, quotes_formulas=True) == 0
    plain, quoted = (read(tmp_path / f"{name}.csv")[1][0] for name in ("plain", "quoted"))
    assert quoted == ("'" + plain if is_formula else plain)


def test_the_name_of_a_column_may_be_one(tmp_path: Path) -> None:
    assert write_table(tmp_path / "a.csv", [], {"=1+1": "string"}) == 1
    write_table(tmp_path / "b.csv", [], {"=1+1": "string"}, quotes_formulas=True)
    assert read(tmp_path / "b.csv") == [["'=1+1"]]


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_unasked_nothing_is_changed(texts: list[str]) -> None:
    lines = "".join(csv_lines([{"text": text, "k": 1} for text in texts], ["text", "k"]))
    assert [row[0] for row in csv.reader(io.StringIO(lines, newline=""))][1:] == texts
