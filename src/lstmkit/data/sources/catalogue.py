"""The sets that lstmkit knows by name: what they are, where a copy is looked for, how it is read."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.cache import cache_folder, made_cache_folder
from lstmkit.core.errors import DataError
from lstmkit.data.sources.archive import plan_archive
from lstmkit.data.sources.corpus import Kind
from lstmkit.data.sources.folders import plan_folder
from lstmkit.data.sources.idx import plan_mnist
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile
from lstmkit.data.sources.recordings import plan_spoken_digits
from lstmkit.data.sources.split_tables import plan_tables
from lstmkit.data.sources.ts import archive_sets, plan_archive_set

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Entry:
    """A set of the catalogue.

    Args:
        name: what SOURCE calls it.
        title: its full name.
        task: one line: what is told from what.
        size: examples by split.
        licence: its licence, or that none is stated.
        citation: whom to cite.
        layout: how it is read.
        copy: the file or files that a copy consists of, under `$LSTMKIT_DATA/<name>/`.
        plan: how to read a copy in a folder; None where the folder holds none. None for a set that scikit-learn brings.
        url: its official address; empty where none is known for sure.
        md5: the official checksum of what is at `url`.
        kind: what it holds.
        folders: names of the folders under `$LSTMKIT_DATA` where a copy may lie, besides the set's own.
        customary: configuration keys that custom has a say in, with the values that hold unless others are given.
    """

    name: str
    title: str
    task: str
    size: str
    licence: str
    citation: str
    layout: str
    copy: str = ""
    plan: Callable[[Path], Plan | None] | None = None
    url: str = ""
    md5: str = ""
    kind: Kind = "text"
    folders: tuple[str, ...] = ()
    customary: Mapping[str, Any] = field(default_factory=dict)


def find_copy(entry: Entry) -> Plan | None:
    """How to read the copy at hand: in `$LSTMKIT_DATA`, else in the user's cache; None where there is none."""
    if entry.plan is None:
        return None
    for folder in _places(entry):
        if folder.is_dir() and (plan := entry.plan(folder)):
            return plan
    return None


def obtain(entry: Entry, progress: Progress | None = None) -> Plan:
    """How to read the set; it is fetched into the user's cache where no copy is at hand.

    Args:
        entry: a set of the catalogue that is not scikit-learn's.
        progress: told the bytes so far, and in all where the server says.

    Raises:
        DataError: no copy is at hand, and fetching failed or no official address is known.
    """
    if plan := find_copy(entry):
        return plan
    *above, last = [f"$LSTMKIT_DATA/{entry.name}/{name}" for name in entry.copy.split(", ")]
    where = f"{', '.join(above)} and {last}" if above else last
    if not entry.url:
        raise DataError(f"{entry.name}: no copy here, and no official address with a checksum is known; put {where}")
    from lstmkit.data.fetch import fetch

    folder = made_cache_folder() / "datasets" / entry.name
    fetch(entry.url, folder / entry.copy, md5=entry.md5, progress=progress, place=where)
    if plan := find_copy(entry):
        return plan
    raise DataError(f"{folder / entry.copy}: fetched, and not readable as {entry.name}; a copy may be put at {where}")


def _places(entry: Entry) -> list[Path]:
    own, cache = os.environ.get("LSTMKIT_DATA"), cache_folder()
    places = [Path(own) / name for name in (entry.name, *entry.folders)] if own else []
    return [*places, cache / "datasets" / entry.name] if cache else places


def _plan_imdb(folder: Path) -> Plan | None:
    archive = folder / "aclImdb_v1.tar.gz"
    if archive.is_file():
        return plan_archive(archive, "imdb")
    unpacked = folder / "aclImdb" if (folder / "aclImdb").is_dir() else folder
    return plan_folder(unpacked, "imdb", DataConfig()) if (unpacked / "train" / "pos").is_dir() else None


def _plan_trec(folder: Path) -> Plan | None:
    # The second names are those of the official download; its encoding is not UTF-8 (a few accents).
    files = {"train": ("TREC.train", "train_5500.label"), "test": ("TREC.test", "TREC_10.label")}
    return _plan_lines(folder, "trec", files, "latin-1", _coarse_label)


def _plan_sst2(folder: Path) -> Plan | None:
    splits = {"train": "train", "valid": "dev", "test": "test"}
    files = {split: (f"stsa.binary.{ending}",) for split, ending in splits.items()}
    return _plan_lines(folder, "sst2", files, "utf-8", _first_word)


def _plan_banking77(folder: Path) -> Plan | None:
    tables = {split: [folder / f"{split}.csv"] for split in ("train", "test")}
    is_here = all(path.is_file() for (path,) in tables.values())
    return plan_tables(folder, "banking77", tables) if is_here else None


def _plan_ts(name: str) -> Callable[[Path], Plan | None]:
    def plan(folder: Path) -> Plan | None:
        return plan_archive_set(folder, name) if name in archive_sets(folder) else None

    return plan


def _plan_lines(
    folder: Path, name: str, names: dict[str, tuple[str, ...]], encoding: str, label_of: Callable[[str], str]
) -> Plan | None:
    files: dict[str, SourceFile] = {}
    for split, allowed in names.items():
        found = next((folder / file_name for file_name in allowed if (folder / file_name).is_file()), None)
        if found is None:
            return None
        files[split] = SourceFile(found, found.name)

    def read(reading: Reading) -> Iterator[Row]:
        for split, file in files.items():
            for number, line, fault, detail in lines_of(file, encoding):
                head, _, text = line.strip().partition(" ")
                if fault:
                    reading.reject(file, number, fault, detail, line)
                elif head and (row := reading.row(split, file, number, text, label_of(head))):
                    yield row

    return Plan(name, folder, tuple(files.values()), read)


def _coarse_label(head: str) -> str:
    return head.partition(":")[0]


def _first_word(head: str) -> str:
    return head


def _plan_fsdd(folder: Path) -> Plan | None:
    return plan_spoken_digits(folder, "fsdd")


def _plan_mnist_rows(folder: Path) -> Plan | None:
    return plan_mnist(folder, "mnist-rows", by_pixel=False)


def _plan_mnist_pixels(folder: Path) -> Plan | None:
    return plan_mnist(folder, "mnist-pixels", by_pixel=True)


_MNIST = "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
_ENTRIES = (
    Entry(
        name="digits",
        title="Optical Recognition of Handwritten Digits, as scikit-learn brings it",
        task="which digit (10 classes), from 8 x 8 images read pixel by pixel, row by row: 64 tokens of 17 grey levels",
        size="1,797, cut 70/15/15 by seed",
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak 1998, UCI Machine Learning Repository",
        layout="sklearn.datasets.load_digits; tokens 0 to 16; no network",
        kind="tokens",
        customary={"data.test_fraction": 0.15, "data.valid_fraction": 0.15 / 0.85},  # 15% and 15% of the whole
    ),
    Entry(
        name="imdb",
        title="Large Movie Review Dataset v1.0",
        task="positive or negative, from a film review",
        size="25,000 train, 25,000 test",
        licence="none stated; cite the paper",
        citation="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis, ACL",
        layout="the published archive in place, or unpacked (aclImdb/); the 50,000 unlabelled reviews are left out",
        copy="aclImdb_v1.tar.gz",
        plan=_plan_imdb,
        url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        md5="7c2ac02c03563afcf9b574c7e56c153a",
    ),
    Entry(
        name="trec",
        title="TREC question classification",
        task="what a question asks for: 6 coarse classes",
        size="5,452 train, 500 test",
        licence="none stated; cite the paper",
        citation="Li and Roth 2002, Learning Question Classifiers, COLING",
        layout="lines of COARSE:fine question, in Latin-1; the coarse label is used",
        copy="TREC.train, TREC.test",
        plan=_plan_trec,
    ),
    Entry(
        name="sst2",
        title="Stanford Sentiment Treebank, binary, whole sentences",
        task="positive (1) or negative (0), from a sentence of a film review",
        size="6,920 train, 872 valid, 1,821 test",
        licence="none stated; cite the paper",
        citation="Socher et al. 2013, Recursive Deep Models for Semantic Compositionality, EMNLP",
        layout="lines of LABEL sentence",
        copy="stsa.binary.train, stsa.binary.dev, stsa.binary.test",
        plan=_plan_sst2,
    ),
    Entry(
        name="banking77",
        title="Banking77",
        task="which of 77 intents, from a customer's question to a bank",
        size="10,003 train, 3,080 test",
        licence="CC BY 4.0",
        citation="Casanueva et al. 2020, Efficient Intent Detection with Dual Sentence Encoders, NLP4ConvAI",
        layout="train.csv and test.csv with the columns text and category",
        copy="train.csv, test.csv",
        plan=_plan_banking77,
    ),
    Entry(
        name="japanese-vowels",
        title="Japanese Vowels",
        task="which of 9 speakers says /ae/, from 12 cepstral coefficients over 7 to 29 steps",
        size="270 train, 370 test",
        licence="none stated; cite the paper",
        citation="Kudo, Toyama and Shimbo 1999, Multidimensional curve classification, Pattern Recognition Letters",
        layout="the UEA archive's .ts files, on its split",
        copy="JapaneseVowels_TRAIN.ts, JapaneseVowels_TEST.ts",
        plan=_plan_ts("JapaneseVowels"),
        kind="series",
        folders=("uea",),
    ),
    Entry(
        name="natops",
        title="NATOPS aircraft handling signals",
        task="which of 6 gestures, from 24 coordinates of hands, elbows, wrists and thumbs over 51 steps",
        size="180 train, 180 test",
        licence="none stated; cite the paper",
        citation="Ghouaiel, Marteau and Dupont 2017, Continuous pattern detection and recognition in stream",
        layout="the UEA archive's .ts files, on its split",
        copy="NATOPS_TRAIN.ts, NATOPS_TEST.ts",
        plan=_plan_ts("NATOPS"),
        kind="series",
        folders=("uea",),
    ),
    Entry(
        name="basic-motions",
        title="Basic Motions",
        task="which of 4 activities, from a watch's accelerometer and gyroscope: 6 channels over 100 steps",
        size="40 train, 40 test",
        licence="none stated; cite the archive",
        citation="Bagnall et al. 2018, The UEA multivariate time series classification archive, arXiv:1811.00075",
        layout="the UEA archive's .ts files, on its split",
        copy="BasicMotions_TRAIN.ts, BasicMotions_TEST.ts",
        plan=_plan_ts("BasicMotions"),
        kind="series",
        folders=("uea",),
    ),
    Entry(
        name="mnist-rows",
        title="MNIST, row by row",
        task="which digit (10 classes), from 28 steps of a row of 28 pixels",
        size="60,000 train, 10,000 test",
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition",
        layout="the four IDX files",
        copy=_MNIST,
        plan=_plan_mnist_rows,
        kind="series",
        folders=("mnist",),
    ),
    Entry(
        name="mnist-pixels",
        title="MNIST, pixel by pixel",
        task="which digit (10 classes), from 784 steps of a pixel, in the order of the image",
        size="60,000 train, 10,000 test",
        licence="CC BY-SA 3.0",
        citation="Le, Jaitly and Hinton 2015, A simple way to initialize recurrent networks, arXiv:1504.00941",
        layout="the four IDX files",
        copy=_MNIST,
        plan=_plan_mnist_pixels,
        kind="series",
        folders=("mnist",),
    ),
    Entry(
        name="fsdd",
        title="Free Spoken Digit Dataset",
        task="which digit (10 classes) is said, by one of 6 speakers",
        size="2,700 train, 300 test",
        licence="CC BY-SA 4.0",
        citation="Jakobovski, Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset",
        layout="recordings/DIGIT_SPEAKER_NUMBER.wav in the zip archive, or unpacked; numbers 0 to 4 are the test split",
        copy="free-spoken-digit-dataset-recordings.zip",
        plan=_plan_fsdd,
        kind="audio",
    ),
)
CATALOGUE = {entry.name: entry for entry in _ENTRIES}
