"""Folders: one sub-folder per label, the same under train, valid and test, or tables named train, valid and test."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lstmkit.core.errors import DataError
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.lines import fault_in
from lstmkit.data.sources.plan import SPLIT_NAMES, Plan, Reading, Row, SourceFile, readable
from lstmkit.data.sources.tables import is_table, read_table

UNLABELLED = "unsup"  # IMDB's folder of reviews without a label
_BOM = b"\xef\xbb\xbf"


class _LabelFolder(NamedTuple):
    """A label's folder: the sorted names of its texts (names, not paths: there can be many), and what else is there."""

    path: Path
    texts: list[str]
    n_others: int


def plan_folder(root: Path, name: str) -> Plan | None:
    """How to read a folder of the user's; None where its layout is not one that is known.

    Args:
        root: the folder.
        name: the corpus' name.

    Raises:
        DataError: the folder cannot be read, or two tables claim one split.
    """
    entries = _entries(root)
    tables = _by_split(root, [path for path in entries if is_table(path) and path.is_file()])
    if tables:
        return _plan_tables(root, name, tables, entries)
    folders = [path for path in entries if path.is_dir()]
    splits = _by_split(root, folders)
    if splits:
        labelled = {split: _label_folders(folder) for split, folder in splits.items()}
        if not any(labelled.values()):
            return None
        strangers = [folder for folder in folders if folder not in splits.values()]
        return _plan_texts(root, name, labelled, strangers)
    labelled = {"all": _label_folders(root)}
    return _plan_texts(root, name, labelled, []) if labelled["all"] else None


def plan_table(path: Path) -> Plan:
    """How to read a single table."""
    file = SourceFile(path, path.name)
    return Plan(path.stem, path, (file,), lambda reading: read_table(file, "all", reading))


def plan_tables(root: Path, name: str, tables: Mapping[str, Path], decisions: tuple[str, ...] = ()) -> Plan:
    """How to read one table for each split, the training table first: it decides the columns."""
    files = {split: SourceFile(tables[split], tables[split].name) for split in SPLITS if split in tables}

    def read(reading: Reading) -> Iterator[Row]:
        for split, file in files.items():
            yield from read_table(file, split, reading)

    return Plan(name, root, tuple(files.values()), read, decisions)


def _plan_tables(root: Path, name: str, tables: Mapping[str, Path], entries: list[Path]) -> Plan:
    others = [path.name for path in entries if is_table(path) and path not in tables.values()]
    found = ", ".join(tables[split].name for split in SPLITS if split in tables)
    decisions = [f"layout: a table for each split ({found})"]
    if others:
        decisions.append(f"left out: {', '.join(others)} (not named train, valid or test)")
    return plan_tables(root, name, tables, tuple(decisions))


def _plan_texts(root: Path, name: str, labelled: Mapping[str, list[_LabelFolder]], strangers: list[Path]) -> Plan:
    decisions: list[str] = [f"left out: {path.name}/ (not train, valid or test)" for path in strangers]
    files: list[tuple[str, str, SourceFile]] = []
    labels: list[str] = []
    for split in ("all", *SPLITS):
        for folder, texts, n_others in labelled.get(split, []):
            within = folder.relative_to(root).as_posix()
            if folder.name == UNLABELLED and split != "all":
                decisions.append(f"left out: {within}/ ({len(texts):,} texts without a label)")
                continue
            if n_others:
                decisions.append(f"left out: {n_others:,} files in {within}/ (not .txt)")
            labels.append(folder.name)
            files += [(split, folder.name, SourceFile(folder / text, f"{within}/{text}")) for text in texts]
    labels = sorted(set(labels))
    shown = ", ".join(labels[:6]) + (", …" if len(labels) > 6 else "")
    decisions.insert(0, f"layout: a folder for each label ({shown}), a .txt file for each example")

    def read(reading: Reading) -> Iterator[Row]:
        for split, label, file in files:
            with readable(file.path):
                content = file.path.read_bytes()
            if row := text_row(reading, split, label, file, content):
                yield row

    return Plan(name, root, tuple(file for _, _, file in files), read, tuple(decisions))


def text_row(reading: Reading, split: str, label: str, file: SourceFile, content: bytes) -> Row | None:
    """The example that is a whole text file; None, with the reason noted, where it cannot be used."""
    mark = len(_BOM) if content.startswith(_BOM) else 0
    content = content[mark:]
    fault, detail, position = fault_in(content, mark)
    if fault:
        line = content.count(b"\n", 0, position) + 1
        reading.reject(file, line, fault, detail, content.decode(errors="replace").replace("\0", ""))
        return None
    return reading.row(split, file, None, content.decode(), label)


def _entries(folder: Path) -> list[Path]:
    with readable(folder):
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _by_split(root: Path, paths: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        split = SPLIT_NAMES.get((path.stem if is_table(path) else path.name).lower())
        if split and split in found:
            raise DataError(f"{root}: both {found[split].name} and {path.name} are the {split} split; keep one of them")
        if split:
            found[split] = path
    return found


def _label_folders(folder: Path) -> list[_LabelFolder]:
    found: list[_LabelFolder] = []
    for path in _entries(folder):
        if path.is_dir():
            with readable(path):
                names = sorted(name for name in os.listdir(path) if not name.startswith("."))  # noqa: PTH208
            texts = [name for name in names if name.lower().endswith(".txt")]
            if texts:
                found.append(_LabelFolder(path, texts, len(names) - len(texts)))
    return found
