"""Tables of a folder by split: `train.csv` and its like, shards of the Hugging Face layout, Kaggle's test table."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.columns import LABEL_NAMES, by_name
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.parquet import are_unknown, parquet_columns
from lstmkit.data.sources.parquet_sounds import plan_parquet_sounds
from lstmkit.data.sources.plan import SPLIT_NAMES, Plan, Reading, Row, SourceFile
from lstmkit.data.sources.recordings import plan_manifests
from lstmkit.data.sources.tables import is_table, looked_at, open_table, read_table

Tables = Mapping[str, Sequence[Path]]
"""By split, the tables that it consists of, in order."""
# Older writers put a digest after the counts: train-00000-of-00001-2b3c4d5e6f708192.parquet
_SHARD = re.compile(r"(?P<split>.+)-(?P<number>\d+)-of-(?P<n>\d+)(?P<digest>-[0-9a-f]{16})?", re.IGNORECASE)


class _Shard(NamedTuple):
    """A file that is one of several of a split."""

    path: Path
    split: str
    number: int
    n: int
    width: int


def tables_by_split(root: Path, entries: Sequence[Path]) -> dict[str, list[Path]]:
    """The tables of a folder by split: those named train, valid or test, and shards of such; empty where none is.

    Args:
        root: the folder, for errors.
        entries: what it holds.

    Raises:
        DataError: two tables claim one split, or a shard is missing.
    """
    found: dict[str, list[Path]] = {}
    shards: dict[str, list[_Shard]] = defaultdict(list)
    for path in entries:
        if not (is_table(path) and path.is_file()):
            continue
        if shard := _shard_of(path):
            shards[shard.split].append(shard)
        elif split := SPLIT_NAMES.get(path.stem.lower()):
            _take(found, root, split, [path])
    known = {name: SPLIT_NAMES[name] for name in shards if name in SPLIT_NAMES}
    if not known and not found and len(shards) == 1:  # one table in pieces, whatever it is called
        known = dict.fromkeys(shards, "all")
    for name, split in known.items():
        _take(found, root, split, _whole(root, shards[name]))
    return found


def plan_split_tables(
    root: Path, name: str, tables: Tables, data: DataConfig, entries: Sequence[Path], where: str = ""
) -> Plan:
    """How to read a folder's tables, texts, series or lists of recordings.

    Args:
        root: the folder that the user named.
        name: the corpus' name.
        tables: by split.
        data: columns asked for.
        entries: what the tables' folder holds.
        where: that folder, relative to `root`, with a slash at its end; empty: `root`.
    """
    used = [path for paths in tables.values() for path in paths]
    others = [path.name for path in entries if is_table(path) and path not in used]
    tables, decisions = _labelled(root, tables, data)
    found = ", ".join(_told(tables[split], where) for split in ("all", *SPLITS) if split in tables)
    decisions.insert(0, f"layout: a table for each split ({found})")
    if others:
        decisions.append(f"left out: {', '.join(others)} (not named train, valid or test)")
    if plan := plan_manifests(root, name, tables, data) or plan_parquet_sounds(root, name, tables, data):
        return replace(plan, decisions=(*plan.decisions, *decisions[1:]))
    return plan_tables(root, name, tables, tuple(decisions))


def plan_tables(root: Path, name: str, tables: Tables, decisions: tuple[str, ...] = ()) -> Plan:
    """How to read the tables of each split, the training part's first table before all: it decides the columns."""
    files = {split: [table_in(root, path) for path in tables[split]] for split in ("all", *SPLITS) if split in tables}

    def read(reading: Reading) -> Iterator[Row]:
        for split, tables_of_split in files.items():
            seen: dict[str, SourceFile] = {}
            for file in tables_of_split:
                for row in read_table(file, split, reading):
                    if len(tables_of_split) > 1 and reading.layout and reading.layout.form == "long":
                        _refuse_cut_series(row.id.removeprefix(f"{file.name}:"), file, seen)
                    yield row

    every = tuple(file for tables_of_split in files.values() for file in tables_of_split)
    return Plan(name, root, every, read, decisions, layout="texts")


def table_in(root: Path, path: Path) -> SourceFile:
    """A table of a folder, named as it lies there."""
    return SourceFile(path, path.relative_to(root).as_posix() if root in path.parents else path.name)


def _shard_of(path: Path) -> _Shard | None:
    """The shard that a file's name tells of; None where it tells of none."""
    told = _SHARD.fullmatch(path.stem)
    if not told or len(told["n"]) > 9 or len(told["number"]) > 9:
        return None
    return _Shard(path, told["split"].lower(), int(told["number"]), int(told["n"]), len(told["n"]))


def _whole(root: Path, shards: list[_Shard]) -> list[Path]:
    """The shards of a split in order.

    Raises:
        DataError: one is missing, or there twice.
    """
    shards = sorted(shards)
    by_number: dict[int, Path] = {}
    n, width = shards[0].n, shards[0].width
    for shard in sorted(shards, key=lambda shard: shard.number):
        if shard.n != n:
            raise DataError(
                f"{root}: {shards[0].path.name} is of {n:,} shards and {shard.path.name} of {shard.n:,}; keep the "
                "shards of one set"
            )
        if shard.number in by_number:
            raise DataError(
                f"{root}: both {by_number[shard.number].name} and {shard.path.name} are shard {shard.number:,}; keep "
                "one of them"
            )
        by_number[shard.number] = shard.path
    if (last := max(by_number)) >= n:
        raise DataError(
            f"{root}: {by_number[last].name} is shard {last:,} of {n:,}, which are counted from 0; rename it"
        )
    if len(by_number) != n:
        missing = next(k for k in range(n) if k not in by_number)
        first, n_missing = shards[0].path, n - len(by_number)
        name = f"{first.stem[: len(shards[0].split)]}-{missing:0{width}}-of-{n:0{width}}{first.suffix}"
        more = f" and {n_missing - 1:,} more are missing" if n_missing > 1 else " is missing"
        raise DataError(f"{root}: {len(by_number):,} of {n:,} shards: {name}{more}; put the whole set there")
    return list(by_number.values())


def _take(found: dict[str, list[Path]], root: Path, split: str, paths: list[Path]) -> None:
    if split in found:
        first, second = found[split][0].name, paths[0].name
        raise DataError(f"{root}: both {first} and {second} are the {split} split; keep one of them")
    found[split] = paths


def _told(paths: Sequence[Path], where: str) -> str:
    return f"{where}{paths[0].name}" + (f" and {len(paths) - 1:,} more" if len(paths) > 1 else "")


def _labelled(root: Path, tables: Tables, data: DataConfig) -> tuple[dict[str, Sequence[Path]], list[str]]:
    """The splits whose tables have labels, and what is left out: Kaggle's test table has none."""
    kept, decisions = dict(tables), []
    if "train" not in tables:
        return kept, decisions
    columns = _columns(tables["train"][0], data)
    label = data.label_column or by_name(columns, LABEL_NAMES, taken=data.text_column)
    for split, paths in tables.items():
        if split == "train":
            continue
        own = _columns(paths[0], data)
        absent = [name for name in columns if name not in own]
        # A column by another name is a mistake that reading tells of; here all columns are known ones.
        is_part = bool(own) and not set(own) - set(columns)
        names = ", ".join(path.name for path in paths[:2]) + (", …" if len(paths) > 2 else "")
        if is_part and ((label and label in absent) or (not label and len(absent) == 1)):
            del kept[split]
            verb = "has" if len(paths) == 1 else "have"
            decisions.append(f"left out: {names} {verb} no label column; it is for predict --input")
        elif label and all(path.suffix.lower() == ".parquet" and are_unknown(path, label) for path in paths):
            del kept[split]
            decisions.append(f"left out: {names}: no label is known there (all are -1); it is for predict --input")
    return kept, decisions


def _columns(path: Path, data: DataConfig) -> Sequence[str]:
    """The names of a table's columns."""
    if path.suffix.lower() == ".parquet":
        return parquet_columns(path)
    return looked_at(open_table(SourceFile(path, path.name), Reading(data))).names


def _refuse_cut_series(name: str, file: SourceFile, seen: dict[str, SourceFile]) -> None:
    if (first := seen.setdefault(name, file)) is not file:
        raise DataError(
            f"{file.path}: series {name!r} began in {first.name}; a series lies in one table; join the tables"
        )
