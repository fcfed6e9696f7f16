"""Recordings by reference: read through once to be known as sound, opened again when their samples are needed."""

import hashlib
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.files import regular_file
from lstmkit.core.reading import cause_of, content_faults
from lstmkit.data.audio.levels import Facts
from lstmkit.data.audio.reading import Blocks, open_audio
from lstmkit.data.sources.bounds import check_member
from lstmkit.data.sources.corpus import Clip

AUDIO_SUFFIXES = (".wav", ".flac")


class Archives:
    """The zip archives that clips lie in, each opened once; a context manager, which closes them."""

    def __init__(self) -> None:
        self._open: dict[str, zipfile.ZipFile] = {}

    def __enter__(self) -> "Archives":
        return self

    def __exit__(self, *_: object) -> None:
        for archive in self._open.values():
            archive.close()
        self._open.clear()

    def names(self, path: str) -> list[str]:
        """The files in an archive.

        Raises:
            DataError: it is none, or damaged.
        """
        return [one.filename for one in self._archive(path).infolist() if not one.is_dir()]

    def content(self, path: str, member: str) -> bytes:
        """The bytes of a file in an archive.

        Raises:
            DataError: the archive or this file in it is absent or damaged.
        """
        archive = self._archive(path)
        try:
            about = archive.getinfo(member)
            check_member(f"{path}: {member}", about.file_size)
            return archive.read(about)
        except KeyError as error:
            raise DataError(f"{path}: {member}: is not in the archive; put a whole copy in its place") from error
        except LstmkitError:
            raise
        except (*content_faults(), NotImplementedError, RuntimeError) as error:  # another compression; encrypted
            raise DataError(
                f"{path}: {member}: damaged in the archive ({cause_of(error)}); put a whole copy in its place"
            ) from error

    def _archive(self, path: str) -> zipfile.ZipFile:
        if path not in self._open:
            try:
                self._open[path] = zipfile.ZipFile(regular_file(Path(path)))
            except LstmkitError:
                raise
            except (*content_faults(), NotImplementedError) as error:  # NotImplementedError: a later version of zip
                raise DataError(
                    f"{path}: no sound zip archive ({cause_of(error)}); put a whole copy in its place"
                ) from error
        return self._open[path]


def read_clip(
    path: Path | str, archives: Archives, *, member: str = "", start: float = 0.0, end: float | None = None
) -> tuple[Clip, Facts]:
    """Read a recording through, a block held at a time, and say where it is and how it came.

    Args:
        path, member, start, end: see `Clip`.
        archives: where `path` is an archive, it is opened in these.

    Raises:
        DataError: see `lstmkit.data.audio.reading.read_audio`; or nothing in it reaches -60 dBFS.
        RequestError: soundfile is not installed.
    """
    name = f"{path}: {member}" if member else str(path)
    digest = hashlib.blake2b(digest_size=16)
    with open_audio(_source(str(path), member, archives), start=start, end=end, name=name) as blocks:
        digest.update(str(blocks.rate).encode())
        for samples in blocks:
            digest.update(samples.tobytes())
    facts = blocks.facts
    assert facts is not None  # noqa: S101  # the last block has been read
    if facts.silent:
        raise DataError(f"{name}: {facts.silence}; something to be heard is needed; leave it out")
    clip = Clip(
        str(path),
        facts.source_rate,
        facts.channels,
        facts.n_source_samples,
        facts.clipped,
        digest.hexdigest(),
        member,
        start,
        end,
    )
    return clip, facts


def open_clip(clip: Clip, rate: int, archives: Archives) -> AbstractContextManager[Blocks]:
    """A clip's samples at a rate, a block at a time; arguments and errors as `read_clip` has them."""
    source = _source(clip.path, clip.member, archives)
    return open_audio(source, rate, start=clip.start, end=clip.end, name=clip.name)


def fault_of(error: DataError, name: str) -> tuple[str, str]:
    """(reason, this file's own detail) of an error of `read_clip`, without the file's name and the remedy."""
    told = str(error).removeprefix(f"{name}: ")
    reason, bracket, detail = (told.rpartition("; ")[0] or told).partition(" (")
    return reason, bracket + detail


def _source(path: str, member: str, archives: Archives) -> Path | bytes:
    return archives.content(path, member) if member else Path(path)
