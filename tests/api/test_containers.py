"""Data frames, masked arrays and strings of values: read as what they hold, or refused with the likely wish."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from estimator_toys import small, small_of_series

from lstmkit import SequenceForecaster, load
from lstmkit.core.errors import DataError


class Column:
    """A column of a data frame, as polars' and others have it: no list, but an array on demand."""

    ndim = 1

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = np.empty(len(self.values), dtype=object)
        found[:] = self.values
        return np.array(self.values, dtype=dtype) if not any(np.iterable(value) for value in self.values) else found

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)


class Frame:
    """A data frame of another library: iterating gives the names of its columns."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        return len(next(iter(self._columns.values()))), len(self._columns)

    def __getitem__(self, name: str) -> Column:
        return Column(self._columns[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = np.empty(self.shape, dtype=object)
        for k, values in enumerate(self._columns.values()):
            found[:, k] = values
        return found if any(np.iterable(value) for value in found.flat) else np.array(found.tolist(), dtype=dtype)


FRAMES = pytest.mark.parametrize("frame", [Frame, pd.DataFrame], ids=["duck", "pandas"])
TEXTS = ["a fine film", "a poor film", "fine and good", "poor and bad"] * 3
Y = [0, 1, 0, 1] * 3


@FRAMES
def test_a_frame_of_one_column_is_its_column(frame: Any, tmp_path: Path) -> None:
    model = small(epochs=1).fit(TEXTS, Y)
    of_frame = small(epochs=1).fit(frame({"text": TEXTS}), Y)
    assert of_frame.encoder_.kind == "words"
    assert of_frame.predict_proba(frame({"text": TEXTS})).tobytes() == model.predict_proba(TEXTS).tobytes()
    model.save(tmp_path / "m")
    assert load(tmp_path / "m").predict(frame({"any": TEXTS})) == load(tmp_path / "m").predict(TEXTS)
    tokens = [["a", "b"], ["b"], ["a"], ["b", "a"]] * 3
    of_lists = small(epochs=1).fit(frame({"tokens": tokens}), Y)
    assert of_lists.predict_proba(tokens).tobytes() == small(epochs=1).fit(tokens, Y).predict_proba(tokens).tobytes()


@FRAMES
def test_a_forecaster_takes_a_column_and_a_frame_of_one(frame: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=40)
    values[3] = np.nan
    options: dict[str, Any] = {"horizon": 2, "season": 1, "epochs": 1, "hidden_size": 4, "random_state": 0}
    model = SequenceForecaster(**options).fit(values)
    model.save(tmp_path / "m")
    wanted = model.predict(values)
    given = frame({"y": values.tolist()})
    for x in (
        given,
        given["y"],
        [given["y"]],
        [given],
        np.ma.masked_invalid(values),
        np.ma.masked_invalid(values)[None],
    ):
        assert SequenceForecaster(**options).fit(x).predict(x).tobytes() == wanted.tobytes()
        assert load(tmp_path / "m").predict(x).tobytes() == wanted.tobytes()
    wide = frame({"y": values.tolist(), "x": values.tolist()})
    for call in (SequenceForecaster(**options).fit, load(tmp_path / "m").predict):
        with pytest.raises(DataError, match=r"a data frame of 2 columns .* give \[frame\] for one"):
            call(wide)
    covariate = SequenceForecaster(**options).fit([wide])
    assert covariate.predict([wide]).tobytes() == covariate.predict([np.stack([values, values], 1)]).tobytes()


def test_nullable_columns_miss_what_is_na() -> None:
    frames = [
        pd.DataFrame({"a": pd.array([1, None, 3, k], "Int64"), "b": pd.array([True, False, None, True], "boolean")})
        for k in range(6)
    ]
    arrays = [np.array([[1, 1], [np.nan, 0], [3, np.nan], [k, 1]]) for k in range(6)]
    one, other = (small_of_series(epochs=1, axes="ntc").fit(x, [0, 1] * 3) for x in (frames, arrays))
    assert one.predict_proba(frames).tobytes() == other.predict_proba(arrays).tobytes()


def nested(frame: Any, n_columns: int) -> Any:
    """sktime's nested frame: a series in each cell."""
    column = Column if frame is Frame else pd.Series
    return frame({f"dim_{k}": [column([0.5, 1.5, 2.5 + row]) for row in range(12)] for k in range(n_columns)})


@FRAMES
@pytest.mark.parametrize("n_columns", [1, 2])
def test_a_nested_frame_is_refused_with_the_way_out(frame: Any, n_columns: int, tmp_path: Path) -> None:
    small_of_series(epochs=1).fit(np.random.default_rng(0).normal(size=(12, 1, 5)), Y).save(tmp_path / "m")
    for call in (lambda x: small().fit(x, Y), load(tmp_path / "m").predict, SequenceForecaster().fit):
        with pytest.raises(
            DataError, match=r"cells hold series \(.*\), as sktime's nested frames; give an array \(n, ch"
        ):
            call(nested(frame, n_columns))


@FRAMES
def test_a_table_of_text_and_other_columns_names_the_text(frame: Any) -> None:
    with pytest.raises(
        ValueError, match=r"X is a data frame of 2 columns, and 'text' holds texts; give .* X\['text'\]"
    ):
        small().fit(frame({"text": TEXTS, "stars": [1.5, 2, 3, 4] * 3}), Y)


VALUES = {
    "numbers": ["1.5", " 2 ", "-3e4", "nan"],
    "whole numbers": ["1", "2", "3", "7"],
    "booleans": ["True", "False", "true", "FALSE"],
    "dates": ["2024-01-31", "2024-02-01", "2024-02-02T12:00", "2024-02-03 12:00:30"],
    "rows of numbers": ["0.1 0.2", "0.5 1", "1,2.5", "3;4.5"],
    "rows of booleans": ["true false", "False", "True True", "false"],
    "lists of numbers": [["0.1", "0.2"], ["1.5"], ["2"], ["3", "0.5"]],
    "lists of dates": [["2024-01-31", "2024-02-01"], ["2024-02-02"], ["2024-02-03"], ["2024-02-03"]],
    "lists of booleans": [["True"], ["False", "True"], ["True"], ["False"]],
}


@pytest.mark.parametrize("items", VALUES.values(), ids=VALUES)
def test_strings_of_values_become_text_only_when_asked(items: list[Any]) -> None:
    x, is_text = items * 3, isinstance(items[0], str)
    kind = "words" if is_text else "tokens"
    forms: list[Any] = [x, np.array(x, dtype=object), pd.Series(x), pd.DataFrame({"value": x}), Column(x)]
    for form in forms[: None if is_text else 1]:
        with pytest.raises(ValueError, match=rf"X holds strings of \w+, as .*; .*tokenizer='{kind}'") as caught:
            small().fit(form, Y)
        assert "\n" not in str(caught.value)
    assert small(epochs=1, tokenizer=kind).fit(x, Y).predict(x).shape == (12,)
    read_text = small(epochs=1).fit(TEXTS, Y)  # a model of text may be asked of any text
    assert read_text.predict(items).shape == (4,)


@pytest.mark.parametrize(
    "items",
    [
        ["1 2 3", "3 2 1", "2", "3"], [["1", "2"], ["3"], ["2"], ["1"]], ["1984", "a novel", "2001", "x"],
        ["may", "2024-01-31", "x", "y"], ["true story", "false", "x", "y"], [["1", "b"], ["0.5"], ["c"], ["d"]],
    ],
)  # fmt: skip
def test_texts_with_values_in_them_are_texts(items: list[Any]) -> None:
    assert small(epochs=1).fit(items * 3, Y).predict(items).shape == (4,)


REAL = np.array([[0.5, 1.5], [2.5, 3.5]])
DATES = np.array([["2024-01-01", "2024-01-02"]] * 2, dtype="M8[D]")
BAD: dict[str, tuple[Any, str]] = {
    "2-D reals": (REAL, r"example 0: token 0\.5 is a float; .* KBins.*or give series, arrays \(time, channels\)"),
    "rows of reals": (list(REAL), r"example 0: token .*0\.5.* is a float.*arrays \(time, channels\)"),
    "ragged reals": ([[0.5, 1.5], [2.5]], r"example 0: token 0\.5 is a float; .*arrays \(time, channels\)"),
    "a ragged item": ([[[1, 2], [3]], [[1, 2], [3, 4]]], r"example 0 is no array of numbers: .* unequal lengths.*NaN"),
    "0-d text": (np.array("a"), r"X is a ndarray, array\('a'"),
    "0-d number": (np.array(0.5), r"X is a ndarray, array\(0\.5\)"),
    "a 0-d item": ([np.array(0.5), np.array(1.5)], r"example 0 is array\(0\.5\) \(ndarray\)"),
    "a dictionary": ({"a": [1, 2]}, r"X is a dict, \{'a': \[1, 2\]\}.*; give a list of examples, or an array"),
    "one number": (0.5, r"X is a float, 0\.5 \(float\)"),
    "1-D dates": (DATES[0], r"X has one axis and holds datetime64\[D\], one value for each example"),
    "2-D dates": (DATES, r"example 0: token datetime\.date\(2024, 1, 1\) is a date; a token is a string"),
    "2-D booleans": (REAL > 1, r"example 0: token (False|True) is a boolean; .*give 1 and 0"),
    "listed booleans": ([[True], [False]], r"example 0: token True is a boolean"),
    "a column of dates": (pd.Series(pd.date_range("2024-01-01", periods=2)), r"X has one axis and holds datetime64"),
    "a column of numbers": (pd.DataFrame({"a": [1, 2]}), r"X has one axis and holds int64, one value for"),
    "masked tokens": (np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]]), r"a value is masked .*, and X holds tok"),
    "masked texts": (np.ma.array(["a", "b"], mask=[0, 1]), r"example 1 is None \(NoneType\)"),
    "a masked row": ([np.ma.array([1, 2], mask=[0, 1]), [1, 2]], r"a value is masked .*, and no text or token"),
    "a gradient": (torch.zeros(2, 3, requires_grad=True), r"X cannot be read as an array: Can't call numpy\(\)"),
    "mixed objects": (np.array(["a", 3], dtype=object), r"example 1 is 3 \(int\); an example is a string or a list"),
    "mixed kinds": ([REAL, "a"], r"example 0 is a \(time, channels\) array and example 1 is a string"),
    "records": (np.zeros((2, 2), dtype=[("a", int)]), r"X is an array of records \(a\); .*structured_to_unstructured"),
    "complex": (REAL * 1j, "Complex data not supported"),
    "a wide item of bytes": ([b"ab", b"cd"], r"example 0 is b'ab' \(bytes\)"),
}  # fmt: skip


@pytest.mark.parametrize(("x", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_says_the_likely_wish(x: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        small().fit(x, [0, 1])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "y",
    [
        np.ma.array([0, 1] * 6, mask=[0, 1] + [0] * 10), [*([0, 1] * 5), 0, np.ma.masked],
        np.ma.array(["a", "b"] * 6, mask=[1] + [0] * 11),
    ],
    ids=["integers", "a list", "strings"],
)  # fmt: skip
def test_masked_labels_are_refused(y: Any) -> None:
    with pytest.raises(ValueError, match=r"a value is masked .*, and no label can be missing"):
        small().fit(TEXTS, y)
    assert small(epochs=1).fit(TEXTS, np.ma.array(Y)).classes_.tolist() == [0, 1]


@pytest.mark.parametrize("values", [[b"a", b"b"], ["2024", "2025"], [None, None], [1 + 1j, 2]], ids=str)
def test_labels_are_strings_numbers_or_booleans(values: list[Any]) -> None:
    y: Any = np.array(values * 6, dtype="M8[Y]" if values[0] == "2024" else None)
    with pytest.raises(ValueError, match=r"y holds|Unknown label type|Complex|y .*NaN|one class") as caught:
        small().fit(TEXTS, y)
    assert "\n" not in str(caught.value)
