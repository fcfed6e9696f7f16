"""Which columns of a table to forecast are what: as asked, by the names that such tables use, or by content."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.cells import MOSTLY, how_to_read, is_missing, is_number
from lstmkit.data.sources.channels import few
from lstmkit.data.sources.columns import SERIES_NAMES, TIME_NAMES, by_name
from lstmkit.data.sources.dates import TimeForm, doubt_of, forms_of, unreadable
from lstmkit.data.sources.headers import require_column
from lstmkit.data.sources.plan import Reading, SourceFile
from lstmkit.data.sources.times import are_dates, checked_times, times_of

EACH = "*"
"""The label column that stands for each column of numbers."""
TARGET_NAMES = ("target", "y", "value", "label")
_TIMES = (*TIME_NAMES, "ds", "period", "year")
_PARTS = ("month", "week", "quarter", "day", "hour", "minute")  # a time where they hold dates, or rise; else a number
# Of series, always; and of what may be one, where times tell.
_NAMES = (*SERIES_NAMES, "unique_id", "item_id", "ts_id", "series_name")
_MAYBE = (
    "store", "store_id", "shop", "shop_id", "sku", "product", "product_id", "item", "store_nbr", "symbol", "ticker",
    "station", "sensor", "sensor_id", "device", "device_id", "machine_id", "customer_id", "region", "country", "city",
)  # fmt: skip
_ID = re.compile(r".*([_\- .](?i:id)|[a-z]Id|ID)")
_UNNAMED = re.compile(r"column \d+|Unnamed: \d+|__index_level_\d+__|level_0|index")


@dataclass(frozen=True)
class PanelColumns:
    """Which columns of a table are what; empty: none.

    Attributes:
        target: the column to forecast; `*`: each of `others` is a series of its own.
        others: covariates, or those series.
        series: the column of the series' names.
        time: the column of times.
        sort: whether rows are put in the order of their times.
        date_format: how a run's times were read where nothing but its own table told; empty: as they tell themselves.
        left_out: columns that are not read.
    """

    target: str
    others: tuple[str, ...]
    series: str
    time: str
    sort: bool = False
    date_format: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Columns of values, the one to forecast first."""
        return self.others if self.target == EACH else (self.target, *self.others)

    @property
    def reading(self) -> dict[str, Any]:
        """What a trained model keeps of them, beside the names of its columns."""
        told = {"target": EACH if self.target == EACH else "", "sort": self.sort, "date_format": self.date_format}
        return {"series": self.series, "time": self.time, **{key: value for key, value in told.items() if value}}

    @classmethod
    def of_run(cls, columns: Sequence[str], reading: Mapping[str, Any]) -> "PanelColumns":
        """Return the columns that a trained forecaster reads.

        Args:
            columns: names of its columns, the one to forecast first.
            reading: what it keeps, see `reading`.
        """
        is_wide = reading.get("target") == EACH
        return cls(
            EACH if is_wide else columns[0],
            () if is_wide else tuple(columns[1:]),
            reading["series"],
            reading["time"],
            bool(reading.get("sort")),
            str(reading.get("date_format", "")),
        )


def found_columns(
    file: SourceFile,
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    every: Callable[[], Iterator[Mapping[str, Any]]],
    reading: Reading,
) -> PanelColumns:
    """Find the columns of a table, and tell `reading` what was decided.

    Args:
        file: the table, for errors.
        names: its columns, each with a name of its own.
        sample: its first rows.
        every: reads all of its rows from the first on.
        reading: holds the columns asked for.

    Raises:
        DataError: a column asked for is not there, or several could be meant.
        RequestError: what is asked for contradicts itself, or a format is none.
    """
    return _Finder(file, names, sample, every, reading).found()


def many(
    names: Sequence[str], sample: Sequence[Mapping[str, Any]], columns: PanelColumns, reading: Reading
) -> tuple[str, ...]:
    """Return the columns of numbers that are a series each, of a later table too."""
    return tuple(
        name
        for name in names
        if name not in (columns.time, columns.series)
        and not _UNNAMED.fullmatch(name)
        and _are_numbers([row.get(name) for row in sample], reading, MOSTLY)
    )


@dataclass
class _Finder:
    file: SourceFile
    names: Sequence[str]
    sample: Sequence[Mapping[str, Any]]
    every: Callable[[], Iterator[Mapping[str, Any]]]
    reading: Reading
    unnamed: Sequence[str] = ()
    ids: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)
    known: dict[str, list[Any]] = field(default_factory=dict)  # cells of all rows, by column

    def found(self) -> PanelColumns:
        data, where = self.reading.data, self.file.path
        if twice := [name for name, n in Counter(self.names).items() if n > 1]:
            raise DataError(f"{where}: {self.names.count(twice[0])} columns are named {twice[0]!r}; rename all but one")
        asked_target = EACH if data.label_column == EACH else self._asked(data.label_column)
        asked_series = self._asked(data.series_column)
        if asked_target == EACH and asked_series:
            raise RequestError(
                "data.label_column = '*' makes each column of numbers a series, and data.series_column names one; "
                "leave one out"
            )
        asked = {asked_target, asked_series, self._asked(data.time_column)}
        self.unnamed = [name for name in self.names if _UNNAMED.fullmatch(name) and name not in asked]
        time = self._asked(data.time_column) or self._time({asked_target, asked_series})
        if data.date_format and not time:
            raise DataError(
                f"{where}: data.date_format = {data.date_format!r} is asked for, and no column holds such dates; name "
                "the column of times with --time-column"
            )
        taken = {asked_target, time, *self.unnamed}
        series = asked_series or ("" if asked_target == EACH else self._series(time, taken))
        time = time or self._part(series, taken)
        self._check_parts(time, series)
        if asked_target == EACH:
            return self._each(time, bool(data.time_column))
        return self._one(asked_target, series, time, bool(data.time_column))

    def _asked(self, asked: str) -> str:
        """The column that a user names: by its name, else by its number, counted from 1."""
        return require_column(self.file, asked, self.names) if asked else ""

    def _cells(self, name: str) -> list[Any]:
        return [row.get(name) for row in self.sample]

    def _time(self, taken: set[str]) -> str:
        """The column of times: of dates by name or content, or of numbers by name."""
        free = [name for name in self.names if name not in taken]
        dated = [name for name in free if are_dates(self._cells(name), self.reading.data.date_format)]
        named = by_name(dated, (*_TIMES, *_PARTS), taken="")
        if named or len(dated) == 1:
            return named or dated[0]
        if dated:
            raise DataError(
                f"{self.file.path}: which column has the times? {_quoted(dated)} hold dates; name one with "
                "--time-column"
            )
        named_free = [name for name in free if name not in self.unnamed]
        if found := by_name(named_free, _TIMES, taken=""):
            return found
        for part in _PARTS:  # such as 1-01: a time by its name, which each row has another of
            name = by_name(named_free, (part,), taken="")
            cells = self._cells(name) if name else []
            if name and not self._are_numbers(name) and len({str(one) for one in cells}) == len(cells) > 1:
                return name
        return ""

    def _part(self, series: str, taken: set[str]) -> str:
        """A column such as week or month, of numbers that rise in each series."""
        free = [name for name in self.names if name not in taken and name != series and self._are_numbers(name)]
        for part in _PARTS:
            name = by_name(free, (part,), taken="")
            if name and self._rises(name, (series,) if series else ()):
                return name
        return ""

    def _check_parts(self, time: str, series: str) -> None:
        """See that a year is not the time of rows that a month tells apart.

        Raises:
            DataError: it is.
        """
        if time.strip().casefold() != "year" or series == time:
            return
        others = [name for name in self.names if name.strip().casefold() in _PARTS and name != series]
        if others and not self._are_apart(time, (series,) if series else ()):
            raise DataError(
                f"{self.file.path}: {time!r} and {_quoted(others)} are parts of the time; write the time in one "
                "column, such as 2024-01 or 2024-01-31, and name it with --time-column"
            )

    def _series(self, time: str, taken: set[str]) -> str:
        """The column of the series' names: by name, or where nothing else tells rows of one time apart."""
        free = [name for name in self.names if name not in taken]
        named = [name for usual in _NAMES if (name := by_name(free, (usual,), taken=""))]
        maybe = [name for usual in _MAYBE if (name := by_name(free, (usual,), taken=""))]
        maybe += [name for name in free if _ID.fullmatch(name.strip())]
        maybe = [name for name in dict.fromkeys(maybe) if name not in named]
        texts = [
            name
            for name in free
            if name not in (*named, *maybe) and not self._are_numbers(name) and not are_dates(self._cells(name))
        ]
        self.ids = [*named, *maybe]
        if not (named or maybe or texts):
            return ""
        self._all(*filter(None, (time, *named, *maybe, *texts)))  # in one pass
        named, maybe, texts = ([name for name in some if self._repeats(name)] for some in (named, maybe, texts))
        if not time:
            return named[0] if named else self._only(maybe)
        if self._are_apart(time, ()):
            constant = [name for name in maybe if len(set(self._all(name)[0])) == 1]
            return next(iter([*named, *constant]), "")
        apart = [name for name in (*named, *maybe) if self._are_apart(time, (name,))]
        if apart:
            return apart[0]
        apart = [name for name in texts if self._are_apart(time, (name,))]
        if len(apart) == 1:
            self.notes.append(f"series by {apart[0]!r}: its names repeat, and each has its own times")
            return apart[0]
        if apart:
            raise self._asks(time, f"{_quoted(apart)} may name them", apart[0])
        for n in (2, 3):
            for several in combinations([*named, *maybe, *texts], n):
                if self._are_apart(time, several):
                    together = " and ".join(map(repr, several))
                    raise self._asks(
                        time,
                        f"{together} together tell them apart; add one column that joins these, such as "
                        f"{'/'.join(str(self._all(name)[0][0]) for name in several)}",
                        "NAME",
                    )
        if named or maybe or texts:
            raise self._asks(
                time,
                f"{_quoted([*named, *maybe, *texts])} may name them, and no one of these alone does",
                "",
            )
        return ""

    def _repeats(self, name: str) -> bool:
        (cells,) = self._all(name)
        return len(set(cells)) < len(cells)

    def _only(self, maybe: Sequence[str]) -> str:
        """Of columns that may name series, where no times tell, the one that there is.

        Raises:
            DataError: there are several.
        """
        if len(maybe) > 1:
            raise DataError(
                f"{self.file.path}: which column names the series? {_quoted(maybe)} have values that repeat; name one "
                "with --series-column, or add one column that joins them"
            )
        return maybe[0] if maybe else ""

    def _asks(self, time: str, why: str, name: str) -> DataError:
        how = f"; name the column with --series-column {name}" if name else "; name the column with --series-column"
        return DataError(
            f"{self.file.path}: several rows have one time in column {time!r}, so these are several series; {why}{how}"
        )

    def _all(self, *names: str) -> list[list[Any]]:
        """All cells of columns: the sample may hold one series, or one time."""
        missing = [name for name in names if name not in self.known]
        if missing:
            self.known |= {name: [] for name in missing}
            for row in self.every():
                for name in missing:
                    value = row.get(name)
                    is_plain = isinstance(value, str | int | float | date) or value is None
                    self.known[name].append(value if is_plain else str(value))
        return [self.known[name] for name in names]

    def _grouped(self, time: str, series: Sequence[str]) -> Iterator[np.ndarray]:
        """The times of each series, those that can be read."""
        times, *names = self._all(time, *series)
        form = forms_of(times, self.reading.data.date_format)[0]
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for value, *of in zip(times, *names, strict=True):
            groups.setdefault(tuple(of), []).append(value)
        for values in groups.values():
            at, fault = times_of(values, form)
            yield np.arange(len(values)) if fault else at

    def _are_apart(self, time: str, series: Sequence[str]) -> bool:
        """Whether no series has a time twice; times that cannot be read are refused later."""
        return all(len(np.unique(times)) == len(times) for times in self._grouped(time, series))

    def _rises(self, time: str, series: Sequence[str]) -> bool:
        return all(checked_times(times) is None for times in self._grouped(time, series))

    def _are_numbers(self, name: str) -> bool:
        return _are_numbers(self._cells(name), self.reading)

    def _one(self, asked: str, series: str, time: str, sort: bool) -> PanelColumns:
        where, reading = self.file.path, self.reading
        ids = [name for name in self.ids if name not in (asked, series)]
        others = [name for name in self.names if name not in (time, series, *self.unnamed, *ids)]
        numeric = [name for name in others if self._are_numbers(name)]
        target = asked or by_name(numeric, TARGET_NAMES, taken="")
        how = "as asked" if asked else "by its name" if target else "the only column of numbers"
        if not target and len(numeric) == 1:
            target = numeric[0]
        if not target:
            found = f"the columns of numbers are {_quoted(numeric)}" if numeric else "no column holds numbers"
            each = f", or forecast each with --label-column '{EACH}'" if len(numeric) > 1 and not series else ""
            raise DataError(
                f"{where}: which column is to be forecast? {found}{self._options(others, time)}; name one with "
                f"--label-column{each}"
            )
        if target in (series, time):
            raise RequestError(
                f"data.label_column = {target!r} is the column of {'series' if target == series else 'time'}s too"
            )
        there = [value for value in self._cells(target) if not is_missing(value)]
        if target not in numeric and not any(is_number(value, reading.numbers) for value in there):
            raise DataError(
                f"{where}: column {target!r} does not hold numbers{self._options([target], time)}; a forecast needs a "
                "numeric target"
            )
        beside = tuple(name for name in numeric if name != target)
        left_out = tuple(name for name in self.names if name not in (target, *beside, series, time))
        decisions = [f"target: {target!r} ({how})", self._told(series, time), *self.notes]
        if beside:
            each = (
                f" (if they are series of their own, --label-column '{EACH}' forecasts each)"
                if len(beside) > 1 and not series
                else ""
            )
            decisions.append(f"covariates: {', '.join(beside)}{each}")
        reading.decisions += [*decisions, *self._told_left_out(left_out, ids)]
        return PanelColumns(target, beside, series, time, sort, left_out=left_out)

    def _each(self, time: str, sort: bool) -> PanelColumns:
        columns = PanelColumns(EACH, (), "", time, sort)
        own = many(self.names, self.sample, columns, self.reading)
        if not own:
            others = [name for name in self.names if name != time]
            raise DataError(
                f"{self.file.path}: data.label_column = '{EACH}' makes each column of numbers a series, and no column "
                f"holds numbers{self._options(others, time)}"
            )
        left_out = tuple(name for name in self.names if name not in (*own, time))
        self.reading.decisions += [
            f"target: each of {len(own):,} columns is a series of its own (as asked)",
            self._told("", time).replace("one series", f"series: {few(own)}"),
            *self._told_left_out(left_out, ()),
        ]
        return PanelColumns(EACH, own, "", time, sort, left_out=left_out)

    def _told(self, series: str, time: str) -> str:
        by_series = f"series by {series!r}" if series else "one series"
        return f"{by_series}; {f'time by {time!r}' if time else 'steps in the order of the rows'}"

    def _told_left_out(self, left_out: Sequence[str], ids: Sequence[str]) -> Iterator[str]:
        kinds = {
            "no name, as of an index": [name for name in left_out if name in self.unnamed],
            "names of things": [name for name in left_out if name in ids],
        }
        rest = [name for name in left_out if not any(name in some for some in kinds.values())]
        for why, some in {**kinds, "no numbers": rest}.items():
            if some:
                yield f"not read, {why}: {', '.join(some)}"

    def _options(self, names: Sequence[str], time: str) -> str:
        """The options that read a table whose columns hold no numbers as they stand."""
        options = [how_to_read(self._cells(name), self.reading.numbers) for name in names]
        told = [f"; read {name!r} with {option}" for name, option in zip(names, options, strict=True) if option][:1]
        if time:
            cells = self._cells(time)
            forms = forms_of(cells, self.reading.data.date_format)
            bad = next((one for one in cells if not _reads(forms[0], one)), None)
            if len(forms) > 1:
                told.append(f"; column {time!r}: {doubt_of(forms, cells)}")
            elif bad is not None:
                told.append(f"; column {time!r} has a time that cannot be read{unreadable(bad, forms[0])}")
        return "".join(told)


def _quoted(names: Sequence[str]) -> str:
    return few(list(map(repr, names)))


def _reads(form: TimeForm, value: Any) -> bool:
    try:
        form.read(value)
    except (ValueError, OverflowError):
        return False
    return True


def _are_numbers(values: Sequence[Any], reading: Reading, least: float = 1.0) -> bool:
    """Whether cells are numbers, a share of them at least, and some are there."""
    there = [value for value in values if not is_missing(value)]
    return bool(there) and sum(is_number(value, reading.numbers) for value in there) >= least * len(there)
