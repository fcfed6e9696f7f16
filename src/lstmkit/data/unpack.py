"""Archives that are not trusted: nothing comes out beside the folder, and no more than was agreed."""

import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from lstmkit.core.errors import DataError
from lstmkit.core.files import replacing_folder

_BLOCK_BYTES = 1 << 18
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError, NotImplementedError,
)  # fmt: skip


def unpack(archive: Path, folder: Path, *, most_bytes: int = 8 << 30, most_members: int = 1_000_000) -> Path:
    """Unpack a `.tar.gz` (or other tar) or `.zip` into `folder`, which is whole afterwards or as it was.

    Only regular files and folders with names below `folder` are taken; permissions and owners in the archive are not.

    Args:
        archive: the file; its content tells its kind.
        folder: what to make; a folder that is there is replaced.
        most_bytes: the most bytes that may come out, counted as they do, so that a small file cannot fill the disk.
        most_members: the most files and folders.

    Raises:
        DataError: not an archive, or damaged; a member has an absolute path, `..`, is a link or a device, is encrypted,
            or comes twice; more comes out than is allowed.
        LstmkitError: the folder cannot be written, as on a full disk.
    """
    left = most_bytes
    try:
        with replacing_folder(folder) as fresh:
            for number, (name, stream) in enumerate(_members(archive), start=1):
                target = fresh / _safe(archive, name)
                if number > most_members:
                    raise DataError(f"{archive}: more than {most_members:,} members; nothing is unpacked")
                below = target if stream is None else target.parent
                if any(path.is_file() for path in (below, *below.parents)):
                    raise DataError(f"{archive}: member {name!r} is below a file, or both; nothing is unpacked")
                below.mkdir(parents=True, exist_ok=True)
                if stream is None:
                    continue
                if target.exists():
                    raise DataError(f"{archive}: member {name!r} comes twice; nothing is unpacked")
                with stream, target.open("xb") as file:
                    while block := stream.read(_BLOCK_BYTES):
                        left -= len(block)
                        if left < 0:
                            raise DataError(
                                f"{archive}: more than {most_bytes:,} bytes come out, at member {name!r}; "
                                "nothing is unpacked"
                            )
                        file.write(block)
    except _DAMAGED as error:
        raise DataError(f"{archive}: damaged ({error}); remove it and fetch it again") from error
    return folder


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names with content, or None for a folder; what is neither file nor folder is refused."""
    if not archive.is_file():
        raise DataError(f"{archive}: no such file; a .tar.gz or .zip is unpacked")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for entry in bundle.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was made without Unix modes
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or entry.flag_bits & 1:
                    raise _refusal(archive, entry.filename, "a link, a device or encrypted")
                yield entry.filename, None if entry.is_dir() else bundle.open(entry)
        return
    if not tarfile.is_tarfile(archive):
        raise DataError(f"{archive}: neither tar nor zip, or damaged; remove it and fetch it again")
    with tarfile.open(archive) as bundle:
        for member in bundle:
            if not (member.isreg() or member.isdir()):
                raise _refusal(archive, member.name, "a link or a device")
            yield member.name, None if member.isdir() else bundle.extractfile(member)


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    # A backslash or a drive leads out of the folder on Windows.
    if (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or "\0" in name
        or re.match("[A-Za-z]:", name)
    ):
        raise _refusal(archive, name, "outside the folder")
    return path


def _refusal(archive: Path, name: str, what: str) -> DataError:
    return DataError(
        f"{archive}: member {name!r} is {what}; only files and folders below the folder are taken; nothing is unpacked"
    )
