"""From a SOURCE to a `Corpus`: a catalogue name, a file or a folder; through the cache where files are read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmkit.config.applies import Found
from lstmkit.config.resolve import nearest
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.files import check_regular, digest_of
from lstmkit.data.sources.archive import is_archive, plan_archive
from lstmkit.data.sources.cache import read_through_cache
from lstmkit.data.sources.catalogue import CATALOGUE, Progress, obtain
from lstmkit.data.sources.channels import few
from lstmkit.data.sources.corpus import Corpus, Part
from lstmkit.data.sources.folders import READ_FOLDERS, held_by, plan_folder, plan_table, split_folder_within
from lstmkit.data.sources.plan import Plan, readable
from lstmkit.data.sources.recordings import plan_spoken_digits
from lstmkit.data.sources.tables import TABLE_SUFFIXES, is_table, kind_of_table
from lstmkit.data.sources.ts import SUFFIX, archive_sets, plan_archive_set, plan_ts
from lstmkit.data.sources.ucr import is_ucr, plan_ucr, ucr_sets


def load_corpus(data: DataConfig, progress: Progress | None = None) -> Corpus:
    """Read a source, or take it from the cache where its content has not changed since.

    A catalogue name goes before a file or folder of that name in the working directory, so that a command means the
    same everywhere; `./imdb` names the folder.

    Args:
        data: the source, the columns asked for, and what to do with bad rows.
        progress: told the bytes so far, and in all, where the set has to be fetched.

    Raises:
        DataError: there is no such source, it cannot be read, or a row cannot be used and is not to be skipped.
        RequestError: a Parquet file, and pyarrow is not installed.
    """
    entry = CATALOGUE.get(data.source)
    if entry is None:
        return read_through_cache(_plan_of(data.source, data), data)
    notes: list[str] = []
    if Path(entry.name).exists():
        notes.append(f"source: {entry.name} of the catalogue; what is here under that name would be ./{entry.name}")
    if entry.plan is None:
        corpus = _digits()
    else:
        plan = obtain(entry, progress)
        notes.append(f"{entry.name}: {entry.layout}; read from {plan.root}")
        corpus = read_through_cache(plan, data)
    return replace(corpus, decisions=[*notes, *corpus.decisions])


def look_at(data: DataConfig) -> Found | None:
    """Return what a source holds, told by its layout or first rows; None where that cannot be told.

    Args:
        data: the source, the columns asked for and how its files are written.
    """
    if entry := CATALOGUE.get(data.source):
        return Found(entry.kind, "catalogue")
    try:
        plan = _plan_of(data.source, data)
        suffix = plan.files[0].path.suffix.lower()
        if plan.kind or not is_table(plan.files[0].path):
            return Found(plan.kind or "text", plan.layout, suffix)
        return Found(*kind_of_table(plan.files[0], data), suffix)
    except LstmkitError:  # reading the source, which comes next, says what is wrong with it
        return None


def _plan_of(source: str, data: DataConfig) -> Plan:
    try:
        path = Path(source).expanduser()
    except RuntimeError as error:  # no such user, or a user without a home
        raise DataError(f"{source}: no such file or folder ({error}); write the path without ~") from error
    if not source or not _exists(path):
        names = ", ".join(CATALOGUE)
        what = "no source" if not source else f"{source}: no such file or folder"
        guess = nearest(source, [*CATALOGUE, *_neighbours(path)])
        raise DataError(f"{what}; SOURCE is a name of the catalogue ({names}), a file or a folder{guess}")
    name = path.resolve().name
    if path.is_dir():
        if plan := _plan_of_archive(path, data):
            return plan
        plans = (entry.plan(path) for entry in CATALOGUE.values() if entry.plan)
        # Its one folder of recordings would be taken for a label's.
        if plan := plan_spoken_digits(path, name) or plan_folder(path, name, data):
            return plan
        if plan := next((plan for plan in plans if plan), None):
            return plan
        if (within := split_folder_within(path)) and (plan := plan_folder(within, name, data)):
            return plan
        raise DataError(f"{path}: no examples found; {held_by(path)}; a folder may hold {READ_FOLDERS}")
    check_regular(path)
    if is_ucr(path):
        return plan_ucr(path, data)
    if is_archive(path):
        return plan_archive(path, name.split(".")[0])
    if is_table(path):
        return plan_table(path, data)
    if path.suffix.lower() == SUFFIX:
        return plan_ts(path)
    allowed = " ".join((*TABLE_SUFFIXES, SUFFIX))
    raise DataError(f"{path}: not a kind of file that is read; allowed: {allowed} .tar.gz, a folder")


def _plan_of_archive(folder: Path, data: DataConfig) -> Plan | None:
    """The one set in files of the UEA and UCR archives in a folder; None where there is none."""
    if sets := archive_sets(folder):
        (name, suffix), *_ = sets.items()
        _require_one(folder, list(sets), f"{name}_TRAIN{suffix}")
        return plan_archive_set(folder, name, suffix)
    if paths := ucr_sets(folder):
        _require_one(folder, [path.stem for path in paths], paths[0].name)
        return plan_ucr(paths[0], data)
    return None


def _require_one(folder: Path, names: Sequence[str], first: str) -> None:
    if len(names) > 1:
        raise DataError(f"{folder}: {len(names)} sets ({few(names)}); name one, as {folder / first}")


def _exists(path: Path) -> bool:
    with readable(path):
        return path.exists()


def _neighbours(path: Path) -> list[str]:
    if not path.name or not path.parent.is_dir():
        return []
    with readable(path.parent):
        return [str(neighbour) for neighbour in path.parent.iterdir()]


def _digits() -> Corpus:
    """scikit-learn's digits: each image's 64 pixels, row by row, as the tokens 0 to 16."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    texts = [" ".join(map(str, row)) for row in np.asarray(images, dtype=np.int64).tolist()]
    labels = [str(target) for target in np.asarray(targets).tolist()]
    part = Part(texts, labels, [f"digits:{number}" for number in range(len(texts))])
    return Corpus(
        name="digits",
        kind="tokens",
        parts={"all": part},
        rejected=(),
        decisions=("digits: 8 x 8 images read pixel by pixel, row by row; 64 tokens of 17 grey levels",),
        fingerprint=digest_of([texts, labels]),
        files={},
        layout="bundled",
    )
