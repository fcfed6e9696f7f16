"""From what a caller holds to what the encoder takes: texts, one for each example."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length

from lstmkit.api.containers import as_array, is_frame, opened, refuse_masked
from lstmkit.core.errors import DataError
from lstmkit.data.encoder import text_of
from lstmkit.data.numeric import short, shown
from lstmkit.data.sources.times import are_dates
from lstmkit.data.tokens import token_of

Item = str | Sequence[str] | Sequence[int] | Sequence[Sequence[float]] | np.ndarray
"""One example: a string, a list or row of tokens, or a series `(time, channels)`."""
Sort = Literal["text", "tokens", "series"]
LABEL_KINDS = "biufUO"  # booleans, integers, floats, fixed and free strings
_CALLED: dict[Sort, str] = {
    "text": "a string",
    "tokens": "a list of tokens",
    "series": "a (time, channels) array",
}


def texts_of(items: Iterable[Item]) -> list[str]:
    """Examples as the encoder takes them; a list of tokens becomes its tokens with single spaces between.

    Numbers are tokens by their value: 3, `np.int64(3)` and 3.0 are one token.

    Args:
        items: strings, lists of tokens (strings or whole numbers), or rows of numbers.

    Raises:
        DataError: `items` is one string; an example is empty or neither a string nor a list; a token is no token.
    """
    if isinstance(items, str | bytes):
        raise DataError("one string came; give a list of texts, as predict([text])")
    refuse_masked(items, "no text or token can be missing; leave such examples out, or give a token of its own")
    return [_text_of(item, place) for place, item in enumerate(items)]


def sort_of(items: Sequence[Item]) -> Sort:
    """Whether examples are texts, lists of tokens, or series: arrays or lists of two dimensions.

    Raises:
        DataError: some are the one and some the other.
    """
    first = _sort_of_one(items[0])
    for place, item in enumerate(items):
        sort = _sort_of_one(item)
        if sort != first and not (sort == "tokens" and _is_nothing(item)):
            raise DataError(
                f"example 0 is {_CALLED[first]} and example {place} is {_CALLED[sort]}; give all examples in one form"
            )
    return first


def _sort_of_one(item: Item) -> Sort:
    if isinstance(item, str):
        return "text"
    inner = item[0] if isinstance(item, Sequence) and not isinstance(item, bytes) and len(item) else None
    is_nested = hasattr(inner, "__len__") and not isinstance(inner, str | bytes)
    return "series" if is_nested or getattr(item, "ndim", 0) >= 2 or is_frame(item) else "tokens"


def _is_nothing(item: Item) -> bool:
    """Whether it is empty or no sequence, which is refused as that."""
    return not has_length(item) or not len(item)


def has_length(item: Any) -> bool:
    """Whether it has a length, as arrays without axes have not."""
    return hasattr(item, "__len__") and getattr(item, "ndim", 1) != 0


def refuse_values(items: Sequence[Item], texts: Sequence[str]) -> None:
    """See that what becomes text or tokens is such, and not numbers, dates or booleans written as strings.

    Args:
        items: examples of the training part as they came: strings, or lists of strings or whole numbers.
        texts: the same as `texts_of` gives them.

    Raises:
        DataError: every string is a real number, a date or a boolean; or every text is a number.
    """
    is_text = isinstance(items[0], str)
    if not is_text and not any(isinstance(token, str) for token in items[0]):
        return
    sort = next((sort for sort, is_one in _VALUES.items() if is_text and all(map(is_one, texts))), None)
    if sort is None:
        sort = next((sort for sort, is_one in _VALUES.items() if all(map(is_one, _parts(texts)))), None)
        if sort == "numbers" and all(float(part).is_integer() for part in _parts(texts)):
            return  # tokens may be whole numbers
    if sort:
        raise DataError(
            f"X holds strings of {sort}, as {short(texts[0])}, which are no text; give numbers as series, arrays "
            "(time, channels), and leave out dates, booleans and identifiers; or read them as text with "
            f"tokenizer='{'words' if is_text else 'tokens'}'"
        )


def _parts(texts: Sequence[str]) -> Iterator[str]:
    return (part for text in texts for part in text.replace(",", " ").replace(";", " ").split())


def _is_number(string: str) -> bool:
    try:
        return math.isfinite(float(string)) or string.strip().lower() == "nan"
    except ValueError:
        return False


_VALUES: dict[str, Callable[[str], bool]] = {
    "numbers": _is_number,
    "booleans": lambda string: string.strip().lower() in ("true", "false"),
    "dates": lambda string: are_dates([string.strip()]),
}


def classes_of(y: Any, examples: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The classes, sorted, and the class number of each example (int64).

    Raises:
        ValueError: y is no list of labels, is of another length than the examples, or is real-valued.
        DataError: y is None, holds one class, or mixes types.
    """
    if y is None:
        raise DataError("SequenceClassifier requires y to be passed, but the target y is None")
    refuse_masked(y, "no label can be missing; leave such examples out")
    y = column_or_1d(opened(y, "y") if is_frame(y) else y, warn=True)
    y = y.astype(object) if y.dtype.kind == "T" else y
    if y.dtype.kind not in LABEL_KINDS:
        raise DataError(f"y holds {y.dtype}; labels are strings, whole numbers or booleans; convert them")
    assert_all_finite(y, input_name="y")
    check_consistent_length(examples, y)
    sorts = sorted({type(label).__name__ for label in y}) if y.dtype == object else []
    if len(sorts) > 1:
        raise DataError(
            f"y mixes labels of type {' and '.join(sorts)}; give labels of one type, and leave out missing ones"
        )
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"y holds one class, {classes.tolist()[0]!r}; a classifier needs two or more")
    if classes.dtype.kind in "UO" and "" in classes.tolist():
        raise DataError("y holds an empty label; give each class a name")
    return classes, codes.astype(np.int64)


def held_out(codes: Int[np.ndarray, " n"], fraction: float, seed: int) -> np.ndarray:
    """Which examples validation takes: of each class its share, rounded, at least one and never all.

    A class with a single example keeps it for training.

    Args:
        codes: class numbers.
        fraction: share of each class, 0 for none.
        seed: decides which.

    Returns:
        bool `(n,)`.
    """
    chosen = np.zeros(len(codes), dtype=bool)
    random = np.random.default_rng(seed)
    for code in np.unique(codes):
        places = random.permutation(np.flatnonzero(codes == code))
        n_held_out = min(max(1, round(fraction * len(places))), len(places) - 1) if fraction else 0
        chosen[places[:n_held_out]] = True
    return chosen


def _text_of(item: Item, place: int) -> str:
    if not isinstance(item, str):
        if hasattr(item, "__array__"):  # a row of an array or a frame, or a tensor
            item = as_array(item, f"example {place}")
        n_axes = item.ndim if isinstance(item, np.ndarray) else int(isinstance(item, Sequence))
        if n_axes > 1:
            raise DataError(
                f"example {place} is an array of shape {np.shape(item)}, as a series has it; an example is a string or "
                "a list of tokens here"
            )
        if isinstance(item, bytes) or not n_axes:
            raise DataError(f"example {place} is {shown(item)}; an example is a string or a list of tokens")
        item = [_token(token, place) for token in item]
    try:
        text = text_of(item)
    except DataError as error:
        raise DataError(f"example {place}: {error}") from error
    if not text.strip():
        raise DataError(f"example {place} is empty; leave empty examples out")
    return text


def _token(value: Any, place: int) -> str:
    try:
        return token_of(value)
    except DataError as error:
        raise DataError(f"example {place}: {error}") from error
