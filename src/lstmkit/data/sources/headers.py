"""Names of a table's columns: as asked, by number, missing, doubled, or none at all but a first row of data."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from lstmkit.config.resolve import nearest
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.cells import few_cells, is_missing, is_number, looks_like_date, number_of
from lstmkit.data.sources.plan import SourceFile

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_COLUMN_KEYS = ("text_column", "label_column", "series_column", "time_column")
_LONGEST_NAME = 60  # characters; a longer "column name" is a row of data
_YEARS = (1900, 2100)
EMPTY = "no name, empty"
_DIGITS = 6  # of a column's number
# What pandas calls the index of a data frame that it writes, and columns of a header without a name.
_INDEX_NAME = re.compile(r"Unnamed: \d+(_level_\d+)?|__index_level_\d+__|level_0|index")


class Unnamed(str):
    """The name that lstmkit gives to a column without one."""

    __slots__ = ()


def named_columns(names: Sequence[str]) -> list[str]:
    """Return the names of columns, those without one called by their place: `column 1`."""
    return [name or Unnamed(f"column {place}") for place, name in enumerate(names, start=1)]


def found_column(asked: str, names: Sequence[str]) -> str:
    """Return the column that a user names: by its name, else by its number, counted from 1; empty: there is none."""
    if asked in names:
        return asked
    if asked.isascii() and asked.isdecimal() and len(asked) <= _DIGITS and 1 <= int(asked) <= len(names):
        return names[int(asked) - 1]
    return ""


def require_column(file: SourceFile, asked: str, names: Sequence[str], taken: Sequence[str] = ()) -> str:
    """Return the column that a user names.

    Args:
        file: the table, for errors.
        asked: a name, or the number of a column, counted from 1.
        names: the table's.
        taken: of these, what is known to be another column.

    Raises:
        DataError: there is none.
    """
    if found := found_column(asked, names):
        return found
    hint = other_separator(names)
    remedy = f"; {hint}" if hint else nearest(asked, [name for name in names if name not in taken])
    raise DataError(f"{file.path}: no column {asked!r}; there are {listed(names)}{remedy}")


def with_names(file: SourceFile, names: Sequence[str], data: DataConfig) -> DataConfig:
    """Return a configuration in which columns that were asked for stand by their names in a table.

    Raises:
        DataError: one is not there.
    """
    asked = {key: getattr(data, key) for key in _COLUMN_KEYS}
    return data.model_copy(update={key: require_column(file, column, names) for key, column in asked.items() if column})


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names in a line, the first of many."""
    shown = ", ".join(few_cells(name) for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def other_separator(names: Sequence[str]) -> str:
    """Return what to do where the only column's name looks like several with another separator; else nothing."""
    if len(names) == 1:
        for separator, called in SEPARATORS.items():
            if separator in names[0]:
                return f"its fields look separated by {called}; read it with {delimiter_option(separator)}"
    return ""


def delimiter_option(separator: str) -> str:
    """Return the option that reads fields with this separator."""
    return f"--delimiter {'tab' if separator == chr(9) else repr(separator)}"


def check_names(file: SourceFile, names: Sequence[str]) -> None:
    """See that each column has a name of its own.

    Raises:
        DataError: two have one name: of their values one would be lost.
    """
    repeated = [(name, n) for name, n in Counter(names).items() if n > 1]
    if repeated:
        name, n = repeated[0]
        places = [str(place) for place, one in enumerate(names, start=1) if one == name][:6]
        raise DataError(
            f"{file.path}: {n} columns are named {few_cells(name)} (columns {', '.join(places)}); rename all but one"
        )


def check_header(
    file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], usual: Collection[str]
) -> None:
    """See that a table's first line holds names, and not the first example, which would be lost.

    Args:
        file: the table, for errors.
        names: what the first line holds.
        sample: the rows after it.
        usual: names that only a header line has.

    Raises:
        DataError: the first line looks like data.
    """
    if any(name.casefold() in usual and not any(row.get(name) == name for row in sample) for name in names):
        return
    columns = {name: [row.get(name) for row in sample] for name in names}
    suspect = next((name for name in names if _is_value(name, columns[name])), None)
    numbers = [name for name in names if name and is_number(name) and not is_missing(name)]
    if suspect is None and not _are_steps(numbers):
        suspect = next((name for name in numbers if any(_is_like_number(one) for one in columns[name])), None)
    if suspect is not None:
        raise DataError(
            f"{file.path}:1: the first line looks like data ({listed(names, 4)}), not like column names; read it with "
            "--no-header and name columns by number, counted from 1, as --label-column 2; or put a line such as "
            "text,label before it"
        )


def _is_value(name: str, values: Sequence[Any]) -> bool:
    """Whether a column's name is one of its values: a class, a date, a text."""
    if not name or isinstance(name, Unnamed) or is_number(name):
        return False
    if looks_like_date(name):
        return any(map(looks_like_date, values))
    if len(name) > _LONGEST_NAME:
        return sum(len(value) for value in values if isinstance(value, str)) > _LONGEST_NAME / 2 * len(values)
    return name in values


def _is_like_number(value: Any) -> bool:
    return not is_missing(value) and is_number(value)


def _are_steps(numbers: Sequence[str]) -> bool:
    """Whether names that are numbers count steps, years or frequencies: rising by 1, or of three and more rising."""
    found = [number_of(name) for name in numbers]
    steps = [after - before for before, after in pairwise(found)]
    if len(found) == 1:
        return found[0] == 0.0  # pandas' name of an only column
    are_years = all(_YEARS[0] <= number <= _YEARS[1] and number.is_integer() for number in found)
    rise = (len(steps) > 1 or are_years) and all(step > 0.0 for step in steps)
    return rise or all(step == 1.0 for step in steps)


def index_columns(names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns that number a table's rows, or are empty and have no name; and why they are left out."""
    found: dict[str, str] = {}
    for name in names:
        if not isinstance(name, Unnamed) and not _INDEX_NAME.fullmatch(name):
            continue
        values = [row.get(name) for row in sample]
        if isinstance(name, Unnamed) and all(map(is_missing, values)):
            found[name] = EMPTY
        elif _are_indices(values, any_rise=name not in ("index", "level_0")):
            found[name] = "no name, numbers the rows" if isinstance(name, Unnamed) else "numbers the rows"
    return found


def _are_indices(values: Sequence[Any], any_rise: bool) -> bool:
    """Whether values are whole numbers that count rows: from 0 or 1 on; or where `any_rise`, rising or all different.

    An index that begins again, as of data frames that were put together, is one too.
    """
    if not values or not all(_is_like_number(value) and not isinstance(value, bool) for value in values):
        return False
    numbers = [number_of(value) for value in values]
    if not all(number.is_integer() for number in numbers):
        return False
    if numbers[0] in (0.0, 1.0) and all(after - before == 1.0 for before, after in pairwise(numbers)):
        return True
    if not any_rise:
        return False
    again = all(after == before + 1.0 or after == numbers[0] for before, after in pairwise(numbers))
    return len(set(numbers)) == len(numbers) or (again and len(set(numbers)) > 1)


def left_out_lines(reasons: Mapping[str, str]) -> list[str]:
    """Return the decision that names columns left out and why; none where there are none."""
    if not reasons:
        return []
    shown = [f"{name!r} ({why})" for name, why in list(reasons.items())[:12]]
    more = f" and {len(reasons) - 12:,} more" if len(reasons) > 12 else ""
    return [f"left out: {', '.join(shown)}{more}"]
