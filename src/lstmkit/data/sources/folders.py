"""Folders: one sub-folder per label, the same under train, valid and test, or tables named train, valid and test.

A label's folder holds texts, or recordings.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.decoding import checked_encoding, fault_in
from lstmkit.data.sources.plan import SPLIT_NAMES, Plan, Reading, Row, SourceFile, readable
from lstmkit.data.sources.recordings import folder_rows, is_recording, plan_manifests
from lstmkit.data.sources.tables import is_table, read_table

UNLABELLED = "unsup"  # IMDB's folder of reviews without a label
_BOM = b"\xef\xbb\xbf"


class _LabelFolder(NamedTuple):
    """A label's folder: the sorted names of its texts and of its recordings, and how many files it has in all."""

    path: Path
    texts: list[str]
    recordings: list[str]
    n_files: int


def plan_folder(root: Path, name: str, data: DataConfig) -> Plan | None:
    """How to read a folder of the user's; None where its layout is not one that is known.

    Args:
        root: the folder.
        name: the corpus' name.
        data: columns asked for.

    Raises:
        DataError: the folder cannot be read, or two tables claim one split.
    """
    entries = _entries(root)
    tables = _by_split(root, [path for path in entries if is_table(path) and path.is_file()])
    if tables:
        return plan_manifests(root, name, tables, data) or _plan_tables(root, name, tables, entries)
    folders = [path for path in entries if path.is_dir()]
    splits = _by_split(root, folders)
    if splits:
        labelled = {split: _label_folders(folder) for split, folder in splits.items()}
        if not any(labelled.values()):
            return None
        strangers = [folder for folder in folders if folder not in splits.values()]
        return _plan_labelled(root, name, labelled, strangers)
    labelled = {"all": _label_folders(root)}
    return _plan_labelled(root, name, labelled, []) if labelled["all"] else None


def plan_table(path: Path, data: DataConfig) -> Plan:
    """How to read a single table."""
    if plan := plan_manifests(path, path.stem, {"all": path}, data):
        return plan
    file = SourceFile(path, path.name)
    return Plan(path.stem, path, (file,), lambda reading: read_table(file, "all", reading), layout="texts")


def plan_tables(root: Path, name: str, tables: Mapping[str, Path], decisions: tuple[str, ...] = ()) -> Plan:
    """How to read one table for each split, the training table first: it decides the columns."""
    files = {split: SourceFile(tables[split], tables[split].name) for split in SPLITS if split in tables}

    def read(reading: Reading) -> Iterator[Row]:
        for split, file in files.items():
            yield from read_table(file, split, reading)

    return Plan(name, root, tuple(files.values()), read, decisions, layout="texts")


def _plan_tables(root: Path, name: str, tables: Mapping[str, Path], entries: list[Path]) -> Plan:
    others = [path.name for path in entries if is_table(path) and path not in tables.values()]
    found = ", ".join(tables[split].name for split in SPLITS if split in tables)
    decisions = [f"layout: a table for each split ({found})"]
    if others:
        decisions.append(f"left out: {', '.join(others)} (not named train, valid or test)")
    return plan_tables(root, name, tables, tuple(decisions))


def _plan_labelled(root: Path, name: str, labelled: Mapping[str, list[_LabelFolder]], strangers: list[Path]) -> Plan:
    """Recordings are read where there are more of them than texts."""
    folders = [folder for split in labelled for folder in labelled[split]]
    heard = sum(len(folder.recordings) for folder in folders) > sum(len(folder.texts) for folder in folders)
    ending, one = (".wav or .flac", "a WAV or FLAC file") if heard else (".txt", "a .txt file")
    decisions: list[str] = [f"left out: {path.name}/ (not train, valid or test)" for path in strangers]
    files: list[tuple[str, str, SourceFile]] = []
    labels: list[str] = []
    for split in ("all", *SPLITS):
        for folder in labelled.get(split, []):
            within = folder.path.relative_to(root).as_posix()
            own = folder.recordings if heard else folder.texts
            if folder.path.name == UNLABELLED and split != "all":
                decisions.append(
                    f"left out: {within}/ ({len(own):,} {'recordings' if heard else 'texts'} without a label)"
                )
                continue
            if n_others := folder.n_files - len(own):
                decisions.append(f"left out: {n_others:,} files in {within}/ (not {ending})")
            if own:
                labels.append(folder.path.name)
            files += [(split, folder.path.name, SourceFile(folder.path / file, f"{within}/{file}")) for file in own]
    labels = sorted(set(labels))
    shown = ", ".join(labels[:6]) + (", …" if len(labels) > 6 else "")
    decisions.insert(0, f"layout: a folder for each label ({shown}), {one} for each example")

    def read(reading: Reading) -> Iterator[Row]:
        if heard:
            yield from folder_rows(files, reading)
            return
        for split, label, file in files:
            with readable(file.path):
                content = file.path.read_bytes()
            if row := text_row(reading, split, label, file, content):
                yield row

    every = tuple(file for _, _, file in files)
    return Plan(name, root, every, read, tuple(decisions), kind="audio" if heard else None)


def text_row(reading: Reading, split: str, label: str, file: SourceFile, content: bytes) -> Row | None:
    """The example that is a whole text file; None, with the reason noted, where it cannot be used."""
    encoding = checked_encoding(reading.data.encoding)
    mark = len(_BOM) if content.startswith(_BOM) else 0
    content = content[mark:]
    fault, detail, position = fault_in(content, mark, encoding)
    if fault:
        line = content.count(b"\n", 0, position) + 1
        reading.reject(file, line, fault, detail, content.decode(errors="replace").replace("\0", ""))
        return None
    return reading.row(split, file, None, content.decode(encoding), label)


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
            recordings = [name for name in names if is_recording(name)]
            if texts or recordings:
                found.append(_LabelFolder(path, texts, recordings, len(names)))
    return found
