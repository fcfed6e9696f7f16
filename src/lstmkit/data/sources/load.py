"""From a SOURCE to a `Corpus`: a catalogue name, a file or a folder; through the cache where files are read."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmkit.config.resolve import nearest
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.files import digest_of
from lstmkit.core.reading import reader
from lstmkit.data.sources.archive import is_archive, plan_archive
from lstmkit.data.sources.cache import read_through_cache
from lstmkit.data.sources.catalogue import CATALOGUE, Progress, obtain
from lstmkit.data.sources.corpus import Corpus, Kind, Part
from lstmkit.data.sources.folders import plan_folder, plan_table
from lstmkit.data.sources.plan import Plan, readable
from lstmkit.data.sources.recordings import plan_spoken_digits
from lstmkit.data.sources.tables import TABLE_SUFFIXES, is_table, kind_of_table
from lstmkit.data.sources.ts import SUFFIX, archive_sets, plan_archive_set, plan_ts


@reader
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


def modality_of(data: DataConfig) -> Kind:
    """What a source holds, told by its layout or first rows; text where that cannot be told, as where there is none.

    Args:
        data: the source, the columns asked for and how its files are written.
    """
    if entry := CATALOGUE.get(data.source):
        return entry.kind
    try:
        plan = _plan_of(data.source, data)
        if plan.kind or not is_table(plan.files[0].path):
            return plan.kind or "text"
        return kind_of_table(plan.files[0], data)
    except LstmkitError:  # reading the source, which comes next, says what is wrong with it
        return "text"


@reader
def _plan_of(source: str, data: DataConfig) -> Plan:
    path = Path(source).expanduser()
    if not source or not _exists(path):
        names = ", ".join(CATALOGUE)
        what = "no source" if not source else f"{source}: no such file or folder"
        guess = nearest(source, [*CATALOGUE, *_neighbours(path)])
        raise DataError(f"{what}; SOURCE is a name of the catalogue ({names}), a file or a folder{guess}")
    name = path.resolve().name
    if path.is_dir():
        if plan := _plan_of_archive(path):
            return plan
        plans = (entry.plan(path) for entry in CATALOGUE.values() if entry.plan)
        # Its one folder of recordings would be taken for a label's.
        if plan := plan_spoken_digits(path, name) or plan_folder(path, name, data):
            return plan
        if plan := next((plan for plan in plans if plan), None):
            return plan
        raise DataError(
            f"{path}: no examples found; a folder holds LABEL/*.txt (or .wav, .flac), train/LABEL/*.txt and "
            f"test/LABEL/*.txt, tables named train and test ({' '.join(TABLE_SUFFIXES)}), or NAME_TRAIN{SUFFIX} and "
            f"NAME_TEST{SUFFIX}"
        )
    if is_archive(path):
        return plan_archive(path, name.split(".")[0])
    if is_table(path):
        return plan_table(path, data)
    if path.suffix.lower() == SUFFIX:
        return plan_ts(path)
    allowed = " ".join((*TABLE_SUFFIXES, SUFFIX))
    raise DataError(f"{path}: not a kind of file that is read; allowed: {allowed} .tar.gz, a folder")


def _plan_of_archive(folder: Path) -> Plan | None:
    """The one set in `.ts` files of a folder; None where there is none."""
    names = archive_sets(folder)
    if len(names) > 1:
        first = folder / f"{names[0]}_TRAIN{SUFFIX}"
        raise DataError(f"{folder}: {len(names)} sets ({', '.join(names)}); name one, as {first}")
    return plan_archive_set(folder, names[0]) if names else None


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
