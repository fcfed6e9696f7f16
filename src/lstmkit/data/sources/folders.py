"""Folders: one sub-folder per label, the same under train, valid and test, or tables of each split.

A label's folder holds texts, or recordings, in itself or in folders of its own, as those of speakers.
"""

import os
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.clips import AUDIO_SUFFIXES
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.decoding import checked_encoding, fault_in
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.parquet_sounds import plan_parquet_sounds
from lstmkit.data.sources.plan import SPLIT_NAMES, Plan, Reading, Row, SourceFile, printable, readable
from lstmkit.data.sources.recordings import folder_rows, is_recording, plan_manifests
from lstmkit.data.sources.split_tables import plan_split_tables, tables_by_split
from lstmkit.data.sources.tables import TABLE_SUFFIXES, is_table, read_table

UNLABELLED = "unsup"  # IMDB's folder of reviews without a label
NOISE = "_background_noise_"  # Speech Commands' folder of noises, which are no words
_LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}  # of Speech Commands, at the root
_BOM = b"\xef\xbb\xbf"
_MOST_LISTED = 3  # names in a line
_MOST_LOOKED_AT = 10_000  # files, to say what a folder holds


class _LabelFolder(NamedTuple):
    """A label's folder: the sorted names of its texts and recordings, relative to it, and how many files it has."""

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
        DataError: the folder cannot be read, two tables claim one split, or a shard of a split is missing.
    """
    entries = _entries(root)
    if tables := tables_by_split(root, entries):
        return plan_split_tables(root, name, tables, data, entries)
    folders = [path for path in entries if path.is_dir()]
    if found := _below(root, folders):
        folder, tables = found
        return plan_split_tables(root, name, tables, data, _entries(folder), f"{folder.name}/")
    splits = _by_split(root, folders)
    if splits:
        if tables := _tables_within(splits):
            return plan_split_tables(root, name, tables, data, [])
        labelled = {split: _label_folders(folder) for split, folder in splits.items()}
        if not any(labelled.values()):
            return None
        strangers = [folder for folder in folders if folder not in splits.values()]
        return _plan_labelled(root, name, labelled, strangers)
    labelled = {"all": _label_folders(root)}
    if split_folder_within(root):
        return None
    return _plan_labelled(root, name, labelled, []) if labelled["all"] else None


def split_folder_within(root: Path) -> Path | None:
    """The only folder within `root`, where it holds train, valid or test, as archives are unpacked; else None."""
    folders = [path for path in _entries(root) if path.is_dir()]
    if len(folders) != 1:
        return None
    inner = [path for path in _entries(folders[0]) if path.is_dir()]
    return folders[0] if _by_split(folders[0], inner) else None


def plan_table(path: Path, data: DataConfig) -> Plan:
    """How to read a single table."""
    tables = {"all": [path]}
    if plan := plan_manifests(path, path.stem, tables, data) or plan_parquet_sounds(path, path.stem, tables, data):
        return plan
    file = SourceFile(path, path.name)
    return Plan(path.stem, path, (file,), lambda reading: read_table(file, "all", reading), layout="texts")


def files_within(folder: Path) -> Iterator[str]:
    """The files in a folder and in those within, relative to it; hidden ones are passed over, and links in a circle."""
    waiting, seen = [""], {_identity(folder)}
    while waiting:
        within = waiting.pop()
        inner = []
        with readable(folder / within), os.scandir(folder / within) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = posixpath.join(within, entry.name)
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    yield path
                elif (identity := _identity(folder / path)) not in seen:
                    seen.add(identity)
                    inner.append(path)
        waiting += reversed(inner)


def held_by(folder: Path) -> str:
    """What a folder holds, in a line: how many files of which endings, and a few names."""
    found = list(islice(files_within(folder), _MOST_LOOKED_AT))
    if not found:
        return "it holds no files"
    endings = Counter(Path(name).suffix.lower() or "without a suffix" for name in found)
    counted = ", ".join(f"{n:,} {ending}" for ending, n in endings.most_common(6)) + (", …" if len(endings) > 6 else "")
    first = ", ".join(printable(name) for name in sorted(found)[:_MOST_LISTED]) + (
        ", …" if len(found) > _MOST_LISTED else ""
    )
    least = "more than " if len(found) == _MOST_LOOKED_AT else ""
    return f"it holds {least}{len(found):,} {'file' if len(found) == 1 else 'files'}: {counted} ({first})"


def _below(root: Path, folders: Sequence[Path]) -> tuple[Path, dict[str, list[Path]]] | None:
    """The one sub-folder that holds tables by split, as `data/` of the Hugging Face layout; None where none does.

    Raises:
        DataError: several do.
    """
    found = [(folder, tables) for folder in folders if "train" in (tables := tables_by_split(folder, _entries(folder)))]
    if len(found) > 1:
        names = ", ".join(folder.name for folder, _ in found)
        raise DataError(f"{root}: {len(found)} sets of tables ({names}); name one, as {found[0][0]}")
    return found[0] if found else None


def _tables_within(splits: Mapping[str, Path]) -> dict[str, list[Path]]:
    """The tables that lie in the folders train, valid and test; empty where the training part's holds none."""
    found = {
        split: [path for path in _entries(folder) if is_table(path) and path.is_file()]
        for split, folder in splits.items()
    }
    return {split: paths for split, paths in found.items() if paths} if found.get("train") else {}


def _plan_labelled(root: Path, name: str, labelled: Mapping[str, list[_LabelFolder]], strangers: list[Path]) -> Plan:
    """Recordings are read where there are more of them than texts."""
    folders = [folder for split in labelled for folder in labelled[split]]
    heard = sum(len(folder.recordings) for folder in folders) > sum(len(folder.texts) for folder in folders)
    ending, one = (f"one of {' '.join(AUDIO_SUFFIXES)}", "a recording") if heard else (".txt", "a .txt file")
    decisions: list[str] = [f"left out: {path.name}/ (not train, valid or test)" for path in strangers]
    files: list[tuple[str, str, SourceFile]] = []
    labels: list[str] = []
    for split in ("all", *SPLITS):
        for folder in labelled.get(split, []):
            within = folder.path.relative_to(root).as_posix()
            own = folder.recordings if heard else folder.texts
            if folder.path.name == NOISE:
                decisions.append(f"left out: {within}/ ({folder.n_files:,} files of noise, which is no label)")
                continue
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
    nested = [file.name for _, _, file in files if file.name.count("/") > (1 if "all" in labelled else 2)]
    told = [f"layout: a folder for each label ({shown}), {one} for each example"]
    if nested:
        _refuse_folder_around(root, labels, nested, "all" in labelled)
        told.append(
            f"folders within a label's are no labels: {len(nested):,} files lie in some, as {printable(nested[0])}"
        )
    lists: tuple[SourceFile, ...] = ()
    if "all" in labelled:
        files, lists, how = _by_lists(root, files)
        told += how

    def read(reading: Reading) -> Iterator[Row]:
        if heard:
            yield from folder_rows(files, reading)
            return
        for split, label, file in files:
            with readable(file.path):
                content = file.path.read_bytes()
            if row := text_row(reading, split, label, file, content):
                yield row

    every = (*(file for _, _, file in files), *lists)
    return Plan(name, root, every, read, (*told, *decisions), kind="audio" if heard else None)


def _refuse_folder_around(root: Path, labels: Sequence[str], nested: Sequence[str], is_flat: bool) -> None:
    """A folder around all labels would be taken for the only label."""
    if is_flat and len(labels) == 1:
        inner = sorted({name.split("/")[1] for name in nested})
        if len(inner) > 1:
            shown = ", ".join(map(printable, inner[:6])) + (", …" if len(inner) > 6 else "")
            raise DataError(
                f"{root}: all examples lie in {labels[0]}/, and two labels or more are needed; if its folders "
                f"({shown}) are the labels, give {root / labels[0]}"
            )


def _by_lists(
    root: Path, files: list[tuple[str, str, SourceFile]]
) -> tuple[list[tuple[str, str, SourceFile]], tuple[SourceFile, ...], list[str]]:
    """Files by the lists of validation and test examples that lie beside the labels' folders, as Speech Commands has.

    Returns:
        The files, those lists, and what was decided.

    Raises:
        DataError: a list cannot be read, lists none of the files, or one that another list has.
    """
    lists = {name: SourceFile(root / name, name) for name in _LISTS if (root / name).is_file()}
    if not lists or not files:
        return files, (), []
    split_of: dict[str, str] = {}
    here = {file.name for _, _, file in files}
    decisions = []
    for name, file in lists.items():
        listed = set()
        for number, text, fault, detail in lines_of(file):
            if fault:
                raise DataError(f"{file.path}:{number}: {fault}{detail}; a path is needed in each line; correct it")
            if text.strip():
                path = posixpath.normpath(text.strip().replace("\\", "/"))
                if split_of.get(path, _LISTS[name]) != _LISTS[name]:
                    raise DataError(f"{file.path}:{number}: {path} is in {' and '.join(lists)}; keep it in one of them")
                listed.add(path)
                split_of[path] = _LISTS[name]
        absent = listed - here
        if not listed - absent:
            raise DataError(
                f"{file.path}: lists no file that is here (such as {min(listed, default='none')}); a path such as "
                f"{min(here)} is needed in each line; correct it, or take the list away"
            )
        decisions.append(f"{_LISTS[name]} part: the {len(listed - absent):,} files that {name} lists")
        if absent:
            decisions.append(f"{name} lists {len(absent):,} files that are not here, such as {min(absent)}")
    order = {split: k for k, split in enumerate(SPLITS)}
    parted = [(split_of.get(file.name, "train"), label, file) for _, label, file in files]
    return sorted(parted, key=lambda one: order[one[0]]), tuple(lists.values()), decisions


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
        split = SPLIT_NAMES.get(path.name.lower())
        if split and split in found:
            raise DataError(f"{root}: both {found[split].name} and {path.name} are the {split} split; keep one of them")
        if split:
            found[split] = path
    return found


def _label_folders(folder: Path) -> list[_LabelFolder]:
    found: list[_LabelFolder] = []
    for path in _entries(folder):
        if path.is_dir():
            names = sorted(files_within(path))
            texts = [name for name in names if name.lower().endswith(".txt")]
            recordings = [name for name in names if is_recording(name)]
            if texts or recordings:
                found.append(_LabelFolder(path, texts, recordings, len(names)))
    return found


def _identity(folder: Path) -> tuple[int, int]:
    with readable(folder):
        state = folder.stat()
    return state.st_dev, state.st_ino


READ_FOLDERS = (
    f"LABEL/*.txt or recordings as LABEL/*.wav ({' '.join(AUDIO_SUFFIXES)}), the same under train/ and test/, tables "
    f"named train and test ({' '.join(TABLE_SUFFIXES)}), shards of such as train-00000-of-00002.parquet, or NAME_TRAIN "
    "and NAME_TEST (.ts .tsv .txt)"
)
"""What a folder may hold, for errors."""
