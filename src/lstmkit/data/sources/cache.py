"""The corpus cache: a source's parts as memory-mapped blobs, trusted only while the files' contents are the same."""

import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.files import (
    cache_folder,
    digest_of,
    printable,
    regular_file,
    replacing_folder,
    sha256_of,
    write_bytes,
    write_json,
)
from lstmkit.data.sources.collect import Collected, collect
from lstmkit.data.sources.corpus import Blob, ClipBlob, ColumnsFound, Corpus, Kind, Part, SeriesBlob
from lstmkit.data.sources.plan import DIALECT_KEYS, READING_KEYS, Plan, SourceFile, readable
from lstmkit.data.sources.times import Interval

_FORMAT = 3  # raise it when the readers make other examples of a file; no earlier run then knows its data again
_LAYOUT = 5  # raise it when anything else changes that the cache keeps
# A file changed in the same tick of the clock in which it was hashed can keep its mtime (git's "racy" index entries).
_RACY_NS = 2_000_000_000
_ENTRY, _MANIFEST = "corpus.json", "manifest.json"


@dataclass(frozen=True)
class Stamp:
    """A file's state when its content was hashed; times in nanoseconds since 1970."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: str = ""
    hashed_ns: int = 0

    def looks_like(self, other: "Stamp") -> bool:
        """Whether the file system tells no difference."""
        mine = (self.size, self.mtime_ns, self.ctime_ns, self.inode)
        return mine == (other.size, other.mtime_ns, other.ctime_ns, other.inode)

    def still_holds(self, now: "Stamp") -> bool:
        """Whether the hash is certain to be that of the file that now looks like `now`."""
        return self.looks_like(now) and max(self.mtime_ns, self.ctime_ns) < self.hashed_ns - _RACY_NS


Manifest = Mapping[str, Stamp]


def _options(data: DataConfig) -> dict[str, Any]:
    """Return the keys that decide what is read, dialect keys only where they are set: older runs know their data."""
    usual = DataConfig()
    return {
        key: getattr(data, key)
        for key in READING_KEYS
        if key not in DIALECT_KEYS or getattr(data, key) != getattr(usual, key)
    }


def read_through_cache(plan: Plan, data: DataConfig) -> Corpus:
    """The corpus of `plan`: from the cache where the files' contents are as they were, else read and kept there.

    A cache that is damaged is rebuilt; one that cannot be written is done without, and a decision says so.

    Raises:
        DataError: as reading the source does; or a file changed while it was read.
    """
    options = _options(data)
    where = {
        "source": printable(str(plan.root.resolve())),
        "name": plan.name,
        "options": options,
        "format": [_FORMAT, _LAYOUT],
    }
    folder = cache_folder() / "corpora" / digest_of(where)[:32]
    known = _load_manifest(folder)
    manifest = {file.name: _stamp(file, known.get(file.name)) for file in plan.files}
    if _same_content(known, manifest) and (corpus := _open(folder, plan)):
        if manifest != known:
            _refresh(folder, manifest)
        return corpus
    collected = collect(plan, data)
    for file in plan.files:
        if not _state(file).looks_like(manifest[file.name]):
            raise DataError(f"{file.path}: changed while it was read; run again when it is at rest")
    # MNIST's files are two sets, by row and by pixel: the contents alone do not say what was read.
    channels = [collected.channels] if collected.channels else []
    fingerprint = digest_of([_hashes(manifest), options, *channels, _FORMAT])
    details = {
        "name": plan.name,
        "kind": collected.kind,
        "decisions": collected.decisions,
        "rejected": collected.rejected,
        "fingerprint": fingerprint,
        "files": _files(manifest),
        "channels": collected.channels,
        "interval": collected.interval,
        "has_targets": collected.has_targets,
        "columns": asdict(collected.columns),
        "layout": collected.layout,
    }
    note: tuple[str, ...] = ()
    try:
        _store(folder, collected, details, manifest)
    except LstmkitError as error:
        note = (f"cache: not kept for the next time ({error})",)
    # Also when another process was first to store the same content.
    if _same_content(_load_manifest(folder), manifest) and (corpus := _open(folder, plan)):
        return corpus
    parts = {split: Part(part.inputs(), part.labels(), part.ids()) for split, part in collected.parts.items()}
    return _corpus(parts, details, plan, note)


def _corpus(parts: Mapping[str, Part], details: Mapping[str, Any], plan: Plan, note: tuple[str, ...] = ()) -> Corpus:
    # The layout's decisions are the plan's, made anew each time; the reading's are kept.
    decisions = [*plan.decisions, *details["decisions"], *note]
    interval = Interval(*details["interval"]) if details["interval"] else None
    columns = details["columns"]
    found = ColumnsFound(**columns | {key: tuple(columns[key]) for key in ("channels", "left_out")})
    return Corpus(parts=parts, **{**details, "decisions": decisions, "interval": interval, "columns": found})


def _stamp(file: SourceFile, known: Stamp | None) -> Stamp:
    now = _state(file)
    if known and known.still_holds(now):
        return known
    hashed_ns = time.time_ns()
    with readable(file.path):
        return Stamp(now.size, now.mtime_ns, now.ctime_ns, now.inode, sha256_of(file.path), hashed_ns)


def _state(file: SourceFile) -> Stamp:
    with readable(file.path):
        state = regular_file(file.path).stat()
    return Stamp(state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


def _same_content(known: Manifest, manifest: Manifest) -> bool:
    return _hashes(known) == _hashes(manifest)


def _hashes(manifest: Manifest) -> dict[str, str]:
    return {name: stamp.sha256 for name, stamp in manifest.items()}


def _files(manifest: Manifest) -> dict[str, str]:
    """name -> SHA-256; the text files of one folder count as one, so that a run's record stays readable."""
    whole = {name: stamp.sha256 for name, stamp in manifest.items() if "/" not in name}
    folders: dict[str, list[list[str]]] = {}
    for name, stamp in manifest.items():
        if "/" in name:
            folder, _, file = name.rpartition("/")
            folders.setdefault(f"{folder}/", []).append([file, stamp.sha256])
    return whole | {folder: digest_of(files) for folder, files in folders.items()}


def _load_manifest(folder: Path) -> Manifest:
    try:
        rows = json.loads((folder / _MANIFEST).read_bytes())
        return {name: Stamp(*row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # absent or damaged: the source is read again


def _refresh(folder: Path, manifest: Manifest) -> None:
    try:
        write_json(folder / _MANIFEST, {name: list(asdict(stamp).values()) for name, stamp in manifest.items()})
    except LstmkitError:
        return  # a cache that cannot be written still serves; the files are only hashed again the next time


def _store(folder: Path, collected: Collected, details: Mapping[str, Any], manifest: Manifest) -> None:
    with replacing_folder(folder) as fresh:
        arrays: dict[str, bytes] = {}
        splits: dict[str, list[str]] = {}
        for split, part in collected.parts.items():
            splits[split] = list(part.label_names)
            arrays |= {f"{split}.{name}": content for name, content in part.arrays().items()}
        for name, content in arrays.items():
            (fresh / name).write_bytes(content)
        checks = {name: [len(content), zlib.crc32(content)] for name, content in arrays.items()}
        entry = {"corpus": details, "splits": splits, "arrays": checks}
        write_bytes(fresh / _ENTRY, json.dumps({"entry": entry, "digest": digest_of(entry)}).encode())
        _refresh(fresh, manifest)


def _open(folder: Path, plan: Plan) -> Corpus | None:
    """The corpus kept in `folder`; None where it is absent or not byte for byte what was written."""
    try:
        kept = json.loads((folder / _ENTRY).read_bytes())
        entry = kept["entry"]
        if digest_of(entry) != kept["digest"]:
            return None
        arrays = {name: _mapped(folder / name) for name in entry["arrays"]}
        if any([len(arrays[name]), zlib.crc32(arrays[name].data)] != check for name, check in entry["arrays"].items()):
            return None
        kind, n_channels = entry["corpus"]["kind"], len(entry["corpus"]["channels"])
        parts = {split: _part(arrays, split, names, kind, n_channels) for split, names in entry["splits"].items()}
        return _corpus(parts, entry["corpus"], plan)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _mapped(path: Path) -> NDArray[np.uint8]:
    return np.memmap(path, dtype=np.uint8, mode="r")


def _part(arrays: Mapping[str, NDArray[np.uint8]], split: str, names: list[str], kind: Kind, n_channels: int) -> Part:
    codes = arrays[f"{split}.labels"].view(np.int32)
    content, offsets = arrays[f"{split}.inputs"], arrays[f"{split}.input_offsets"].view(np.int64)
    return Part(
        inputs=_inputs(content, offsets, kind, n_channels),
        labels=[names[code] for code in codes.tolist()],
        ids=Blob(arrays[f"{split}.ids"], arrays[f"{split}.id_offsets"].view(np.int64)),
    )


def _inputs(
    content: NDArray[np.uint8], offsets: NDArray[np.int64], kind: Kind, n_channels: int
) -> Blob | SeriesBlob | ClipBlob:
    if kind == "series":
        return SeriesBlob(content.view(np.float32).reshape(-1, n_channels), offsets)
    return ClipBlob(Blob(content, offsets)) if kind == "audio" else Blob(content, offsets)
