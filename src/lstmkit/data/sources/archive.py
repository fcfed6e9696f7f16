"""The IMDB archive as published: read in one pass, in place, without unpacking anything."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.reading import cause_of, content_faults
from lstmkit.data.sources.bounds import bounded_gzip, check_member
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.folders import UNLABELLED, text_row
from lstmkit.data.sources.plan import SPLIT_NAMES, Plan, Reading, Row, SourceFile, printable, readable

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Whether the file's name ends as a gzipped tar archive's does."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def plan_archive(path: Path, name: str) -> Plan:
    """How to read `[folder/]train|valid|test/label/*.txt` from a `.tar.gz`.

    Names in the archive only ever serve as ids; nothing is written under them.
    """
    file = SourceFile(path, path.name)
    return Plan(name, path, (file,), lambda reading: _read(path, reading), layout="archive")


def _read(path: Path, reading: Reading) -> Iterator[Row]:
    texts: dict[tuple[int, str, str], bytes] = {}
    n_unlabelled = 0
    for split, label, file_name, content in _text_files(path):
        if label == UNLABELLED:
            n_unlabelled += 1
        else:
            texts[SPLITS.index(split), label, file_name] = content
    if not texts:
        raise DataError(f"{path}: holds no train/LABEL/*.txt; an archive laid out as IMDB's aclImdb_v1.tar.gz is read")
    if n_unlabelled:
        reading.decisions.append(f"left out: {UNLABELLED}/ ({n_unlabelled:,} texts without a label)")
    for key in sorted(texts):  # the order of the unpacked folder
        index, label, file_name = key
        content = texts.pop(key)  # what has been read is not held twice
        split = SPLITS[index]
        name = f"{split}/{label}/{file_name}"
        if row := text_row(reading, split, label, SourceFile(path / name, name), content):
            yield row


def _text_files(path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """(split, label, file name, content) of the archive's texts; the content of unlabelled ones is not read."""
    with readable(path):
        if path.stat().st_size == 0:
            raise DataError(f"{path}: empty; put a whole copy in its place")
        try:
            with bounded_gzip(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    # Else the archive's 100,000 headers stay in memory; the stubs do not know the attribute.
                    archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
                    place = _place_of(member)
                    if place is None:
                        continue
                    if place[1] == UNLABELLED:
                        yield *place, b""
                    else:
                        check_member(f"{path}: {printable(member.name)}", member.size)
                        stream.seek(member.offset_data)
                        yield *place, stream.read(member.size)
                # tarfile stops in silence at a header that it cannot read; and gzip tells of damage at the very end.
                for block in stream.blocks():
                    if block.strip(b"\0"):
                        raise tarfile.ReadError("an unreadable header")
        except LstmkitError:
            raise
        except content_faults() as error:
            raise DataError(
                f"{path}: damaged or incomplete ({cause_of(error)}); put a whole copy in its place"
            ) from error


def _place_of(member: tarfile.TarInfo) -> tuple[str, str, str] | None:
    """(split, label, file name) of a member that is an example; None for all others."""
    names = member.name.removeprefix("./").split("/")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not 3 <= len(names) <= 4:
        return None
    split_name, label, file_name = names[-3:]
    split = SPLIT_NAMES.get(split_name)
    return (split, label, file_name) if split and label and file_name.endswith(".txt") else None
