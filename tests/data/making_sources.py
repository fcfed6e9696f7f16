"""What the tests of sources share: small sources written to disk, and their reading."""

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.data.sources import Corpus, Part, cut, load_corpus, look_at

_NOBODY = 65534


def config(source: Path | str, **options: Any) -> DataConfig:
    """The configuration that names a source."""
    return DataConfig(source=str(source), **options)


def read(source: Path | str, **options: Any) -> Corpus:
    """Load a source."""
    return load_corpus(config(source, **options))


def parts_of(source: Path | str, **options: Any) -> dict[str, Part]:
    """Load a source and cut it, as training does."""
    return cut(read(source, **options), config(source, **options), seed=0)


def rows(part: Part) -> list[tuple[str, str, str]]:
    """(id, label, text) of each example."""
    return list(zip(part.ids, part.labels, part.inputs, strict=True))


def fill(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files, relative name -> content, under `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def archive(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A `.tar.gz` of files in the order given."""
    with tarfile.open(path, "w:gz") as file:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


@contextmanager
def without_root() -> Iterator[None]:
    """Permissions count for root too while the block runs."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def modality_of(data: DataConfig) -> str | None:
    """What a look at a source tells of it; None where nothing can be told."""
    found = look_at(data)
    return found.modality if found else None
