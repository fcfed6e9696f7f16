"""Whether all of an MP3, Ogg, AIFF, AU, CAF or Wave64 file is there, told from its structure.

libsndfile reads most of these, cut short, as shorter recordings without a word, as it does WAV files.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from lstmkit.core.errors import DataError

Stream = io.BytesIO | io.FileIO
REMEDY = "put a whole copy in its place"

_UNKNOWN_AU = 0xFFFFFFFF  # of the samples, by a writer into a pipe
_UNKNOWN_CAF = -1
_MOST_CHUNKS = 10_000
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

# MPEG audio, ISO/IEC 11172-3 and 13818-3: kbit/s by (version 1 or not, layer), from index 1.
_KBITS = {
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = (44_100, 48_000, 32_000)
_HALVINGS = {3: 1, 2: 2, 0: 4}  # of the rate, by the version's two bits: 1, 2 and 2.5
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")  # that stand after the last frame
_MOST_PADDING = 1 << 16  # bytes before the first frame


class _Frame(NamedTuple):
    """An MPEG frame: its bytes, and where its Xing header stands if it has one."""

    size: int
    xing: int


def check_ogg(stream: Stream, name: str) -> None:
    """See that every page of an Ogg file is sound, and that the last one ends its stream.

    Raises:
        DataError: one is not, or is missing.
    """
    stream.seek(0)
    position, open_streams, numbers = 0, set(), {}
    while head := stream.read(27):
        if len(head) < 27 or not head.startswith(b"OggS"):
            raise _damaged(name, position)
        kind, serial, number, checksum, n_segments = head[5], *struct.unpack("<III", head[14:26]), head[26]
        sizes = stream.read(n_segments)
        body = stream.read(sum(sizes))
        if len(sizes) < n_segments or len(body) < sum(sizes):
            raise DataError(f"{name}: cut short within its last page; {REMEDY}")
        if _ogg_checksum(head[:22] + bytes(4) + head[26:] + sizes + body) != checksum:
            raise _damaged(name, position)
        if numbers.get(serial, number - 1) != number - 1:
            raise DataError(f"{name}: damaged: pages before byte {position:,} are missing; {REMEDY}")
        numbers[serial] = number
        if kind & 2:
            open_streams.add(serial)
        if kind & 4:
            open_streams.discard(serial)
        position += len(head) + len(sizes) + len(body)
    if open_streams:
        raise DataError(f"{name}: cut short: no page ends its stream; {REMEDY}")


def check_mpeg(stream: Stream, name: str) -> None:
    """See that the frames of an MP3 file follow each other to its end, as many as its Xing header promises.

    A file without that header that was cut between two frames is taken for a shorter recording: nothing tells.

    Raises:
        DataError: a frame is damaged or cut, or some are missing.
    """
    end = stream.seek(0, 2)
    position, first = _first_frame(stream, name)
    promised = _promised(stream, position, first)
    n_frames = 0
    while (frame := frame_at(stream, position)) is not None:
        if position + frame.size > end:
            raise DataError(
                f"{name}: cut short: its last frame has {frame.size:,} bytes and {end - position:,} are there; {REMEDY}"
            )
        position += frame.size
        n_frames += 1
    stream.seek(position)
    rest = stream.read(16)
    if rest.strip(b"\0") and not rest.startswith(_TAGS):
        raise _damaged(name, position)
    if n_frames - 1 < promised:
        raise DataError(
            f"{name}: cut short: its header promises {promised:,} frames and {n_frames - 1:,} are there; {REMEDY}"
        )


def frame_at(stream: Stream, position: int) -> _Frame | None:
    """The MPEG frame that begins at a place; None where none does."""
    stream.seek(position)
    return frame_of(stream.read(4))


def frame_of(head: bytes) -> _Frame | None:
    """The MPEG frame that begins with four bytes; None where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, hertz, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or not 1 <= kbits <= 14 or hertz == 3:
        return None
    rate = _HERTZ[hertz] // _HALVINGS[version]
    bits = 1000 * _KBITS[version == 3, layer][kbits - 1]
    if layer == 1:
        size = (12 * bits // rate + padding) * 4
    else:
        size = (72 if layer == 3 and version != 3 else 144) * bits // rate + padding
    is_mono = head[3] >> 6 == 3
    side = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    return _Frame(size, 4 + side)


def check_aiff(stream: Stream, name: str) -> None:
    """See that every chunk of an AIFF file is there whole, one with samples among them."""
    _check_chunks(name, _iff_chunks(stream, 12), stream.seek(0, 2), b"SSND")


def check_caf(stream: Stream, name: str) -> None:
    """See that every chunk of a CAF file is there whole, one with samples among them."""
    _check_chunks(name, _caf_chunks(stream), stream.seek(0, 2), b"data")


def check_w64(stream: Stream, name: str) -> None:
    """See that every chunk of a Wave64 file is there whole, one with samples among them."""
    _check_chunks(name, _w64_chunks(stream), stream.seek(0, 2), b"data")


def check_au(stream: Stream, name: str) -> None:
    """See that an AU file has the bytes of samples that its header promises."""
    end = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12:
        raise DataError(f"{name}: cut short within its header; {REMEDY}")
    begins, size = struct.unpack(">II", head[4:])
    if size != _UNKNOWN_AU and size > end - begins:
        raise _short(name, size, end - begins)


def _check_chunks(name: str, chunks: "Iterator[tuple[bytes, int, int]]", end: int, samples: bytes) -> None:
    """Look at chunks: of each its kind, size, and where its content begins."""
    found = False
    for number, (kind, size, begins) in enumerate(chunks):
        found |= kind == samples
        if size > end - begins:
            if kind == samples:
                raise _short(name, size, end - begins)
            raise DataError(f"{name}: cut short within its chunk {kind.decode('latin-1')!r}; {REMEDY}")
        if number == _MOST_CHUNKS:
            raise DataError(f"{name}: more than {_MOST_CHUNKS:,} chunks in its header; {REMEDY}")
    if not found:
        raise DataError(f"{name}: a header without samples behind it (no chunk {samples.decode()!r}); {REMEDY}")


def _iff_chunks(stream: Stream, position: int) -> Iterator[tuple[bytes, int, int]]:
    while True:
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            return
        kind, size = struct.unpack(">4sI", head)
        yield kind, size, position + 8
        position += 8 + size + size % 2


def _caf_chunks(stream: Stream) -> Iterator[tuple[bytes, int, int]]:
    position = 8
    while True:
        stream.seek(position)
        head = stream.read(12)
        if len(head) < 12:
            return
        kind, size = struct.unpack(">4sq", head)
        if size == _UNKNOWN_CAF and kind == b"data":  # to the end of the file
            yield kind, 0, position + 12
            return
        if size < 0:
            yield kind, 1 << 62, position + 12
            return
        yield kind, size, position + 12
        position += 12 + size


def _w64_chunks(stream: Stream) -> Iterator[tuple[bytes, int, int]]:
    position = 40
    while True:
        stream.seek(position)
        head = stream.read(24)
        if len(head) < 24:
            return
        kind, size = head[:4], struct.unpack("<Q", head[16:])[0]
        yield kind, max(0, size - 24), position + 24
        position += max(24, -(-size // 8) * 8)


def _first_frame(stream: Stream, name: str) -> tuple[int, _Frame]:
    """Where the first frame is, after tags and padding; another follows it, or the end."""
    position = 0
    stream.seek(0)
    while (head := stream.read(10)).startswith(b"ID3") and len(head) == 10:
        size = sum((byte & 0x7F) << 7 * (3 - k) for k, byte in enumerate(head[6:]))
        position += 10 + size + (10 if head[5] & 0x10 else 0)
        stream.seek(position)
    stream.seek(position)
    padding = stream.read(_MOST_PADDING)
    start = padding.find(b"\xff")
    while start >= 0:
        frame = frame_of(padding[start : start + 4])
        if frame and (frame_at(stream, position + start + frame.size) or _ends(stream, position + start + frame.size)):
            return position + start, frame
        start = padding.find(b"\xff", start + 1)
    raise DataError(f"{name}: no MP3: no two of its frames are found; {REMEDY}")


def _ends(stream: Stream, position: int) -> bool:
    """Whether nothing but a tag follows."""
    stream.seek(position)
    rest = stream.read(16)
    return not rest.strip(b"\0") or rest.startswith(_TAGS)


def _promised(stream: Stream, position: int, first: _Frame) -> int:
    """How many frames the first one says that follow it; 0 where it says nothing."""
    stream.seek(position)
    content = stream.read(first.size)
    xing, vbri = content[first.xing : first.xing + 12], content[36:54]
    if xing[:4] in (b"Xing", b"Info") and len(xing) == 12 and xing[7] & 1:
        return struct.unpack(">I", xing[8:])[0]
    if vbri.startswith(b"VBRI") and len(vbri) == 18:
        return struct.unpack(">I", vbri[14:])[0]
    return 0


def _ogg_checksum(page: bytes) -> int:
    """Ogg's CRC, which is zlib's with the bits of all bytes turned round and neither inverted (RFC 3533)."""
    found = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def _short(name: str, promised: int, there: int) -> DataError:
    there = max(0, there)
    return DataError(
        f"{name}: cut short: its header promises {promised:,} bytes of samples and {there:,} are there; {REMEDY}"
    )


def _damaged(name: str, position: int) -> DataError:
    return DataError(f"{name}: damaged near byte {position:,}; {REMEDY}")
