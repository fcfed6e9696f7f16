"""What a file says of itself before it is decoded: what kind of recording it is, and whether all of it is there.

libsndfile reads a WAV file that was cut short without a word, as a shorter recording. So the header is read here too.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from lstmkit.core.errors import DataError
from lstmkit.data.audio.containers import (
    REMEDY,
    Stream,
    check_aiff,
    check_au,
    check_caf,
    check_mpeg,
    check_ogg,
    check_w64,
    frame_of,
)

_FOREIGN = {  # what people give in place of a recording that is read, by how it begins
    b"\xff\xf1": "AAC",
    b"\xff\xf9": "AAC",
    b"FORM": "an IFF file that is no AIFF",
    b"#!AMR": "AMR",
    b"0&\xb2u": "WMA",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
}
# Sizes that writers put who did not know the length, as into a pipe: ffmpeg's and sox's.
_LENGTH_UNKNOWN = (0xFFFFFFFF, 0x7FFFF000)
_PCM, _FLOAT = 1, 3
_MOST_CHUNKS = 1000
READ = "WAV, FLAC, MP3, Ogg, AIFF, AU, CAF or Wave64 is read"
_WAVE64 = b"riff\x2e\x91\xcf\x11"  # the first bytes of the identifier that a Wave64 file begins with


class _Chunk(NamedTuple):
    kind: bytes
    size: int
    begins: int  # the offset of its content


def check_header(stream: Stream, name: str) -> None:
    """See that a file is a recording of a kind that is read, with all of the samples that its header promises.

    Args:
        stream: the file, from its beginning; where it is left is not defined.
        name: for errors.

    Raises:
        DataError: it is something else, damaged or cut short, or its header contradicts itself. A FLAC file's length
            shows in decoding alone.
    """
    start = stream.read(512)
    if not start:
        raise DataError(f"{name}: empty (0 bytes); a recording is needed; {REMEDY}")
    if start.startswith(b"fLaC"):
        return
    if start[:4] in (b"RIFF", b"RIFX", b"RF64") and start[8:12] == b"WAVE":
        _check_wav(stream, name, start[:4])
        return
    if check := _check_of(start):
        check(stream, name)
        return
    raise DataError(f"{name}: {_told(start)}; {READ}; give the recording in one of these")


def _check_of(start: bytes) -> Callable[[Stream, str], None] | None:
    """How to check a file that is neither WAV nor FLAC, by how it begins; None where it is of no kind that is read."""
    if start.startswith(b"FORM") and start[8:12] in (b"AIFF", b"AIFC"):
        return check_aiff
    if start.startswith(b"ID3") or frame_of(start[:4]):
        return check_mpeg
    kinds = {b"OggS": check_ogg, b".snd": check_au, b"caff": check_caf, _WAVE64: check_w64}
    return next((check for beginning, check in kinds.items() if start.startswith(beginning)), None)


def _told(start: bytes) -> str:
    for beginning, kind in _FOREIGN.items():
        if start.startswith(beginning):
            return f"{kind}, whatever it is called"
    if start[4:8] == b"ftyp":
        return "MPEG-4, whatever it is called"
    try:
        text = start[:40].decode("ascii")
    except UnicodeDecodeError:
        return f"no recording (it begins with the bytes {start[:4].hex(' ')})"
    return f"a text file (it begins with {text.partition(chr(10))[0]!r})" if text.strip("\0") else "bytes of zero"


def _check_wav(stream: Stream, name: str, magic: bytes) -> None:
    end = stream.seek(0, 2)
    order = ">" if magic == b"RIFX" else "<"
    size_in_64_bits = None
    layout = None
    position = 12
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(stream, position, order)
        if chunk is None:
            break
        if chunk.kind == b"ds64":
            size_in_64_bits = _numbers(stream, chunk, f"{order}8xQ")
        elif chunk.kind == b"fmt ":
            layout = _numbers(stream, chunk, f"{order}HHIIHH")
        elif chunk.kind == b"data":
            size = size_in_64_bits[0] if magic == b"RF64" and size_in_64_bits else chunk.size
            there = end - chunk.begins
            if size > there and size not in _LENGTH_UNKNOWN:
                raise DataError(
                    f"{name}: cut short: its header promises {size:,} bytes of samples and {there:,} are there; "
                    f"{REMEDY}"
                )
            _check_layout(layout, name)
            return
        position = chunk.begins + chunk.size + chunk.size % 2
    raise DataError(f"{name}: a WAV header without samples behind it (no chunk 'data'); {REMEDY}")


def _chunk_at(stream: Stream, position: int, order: str) -> _Chunk | None:
    stream.seek(position)
    head = stream.read(8)
    if len(head) < 8:
        return None
    kind, size = struct.unpack(f"{order}4sI", head)
    return _Chunk(kind, size, position + 8)


def _numbers(stream: Stream, chunk: _Chunk, form: str) -> tuple[int, ...] | None:
    stream.seek(chunk.begins)
    content = stream.read(min(chunk.size, struct.calcsize(form)))
    return struct.unpack(form, content) if len(content) == struct.calcsize(form) else None


def _check_layout(layout: tuple[int, ...] | None, name: str) -> None:
    if layout is None:
        raise DataError(f"{name}: a WAV header that does not tell its format (no sound chunk 'fmt '); {REMEDY}")
    tag, channels, rate, _, block, bits = layout
    if not channels:
        raise DataError(f"{name}: a header with 0 channels; one or more are needed; {REMEDY}")
    if not rate:
        raise DataError(f"{name}: a header with a sampling rate of 0 Hz; {REMEDY}")
    if tag in (_PCM, _FLOAT) and block != channels * -(-bits // 8):
        raise DataError(
            f"{name}: a header that contradicts itself ({channels} channels of {bits} bits in {block} bytes); {REMEDY}"
        )
