"""A stream's memory as bytes, for another process or another day.

Layout: the magic, the format's number and the header's length (uint32 each, little-endian), the header (JSON: the
model's digest, and name, type and shape of each array), the arrays end to end (row-major, little-endian), and the
SHA-256 of all before it. Every format to come begins and ends so. Reading it runs no code.
"""

import hashlib
import json
import struct
from math import prod
from typing import TypeVar

import numpy as np

from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import parse_json
from lstmkit.core.reading import content_faults
from lstmkit.stream.reading import Carried

FORMAT = 1
_MAGIC = b"lstmkit\x00stream\x00\x00"
_NUMBERS = struct.Struct("<II")
_SUM = hashlib.sha256().digest_size
_AGAIN = "push the sequence again, or take the state again with `stream.state`"

AnyMemory = TypeVar("AnyMemory", bound=Carried)


def to_bytes(digest: str, memory: Carried) -> bytes:
    """The memory of one stream, of the model with this digest, as bytes."""
    named = memory.arrays()
    arrays = [np.ascontiguousarray(a, a.dtype.newbyteorder("<")) for a in named.values()]
    described = [[name, a.dtype.str, list(a.shape)] for name, a in zip(named, arrays, strict=True)]
    header = json.dumps({"model": digest, "arrays": described}).encode()
    content = b"".join([_MAGIC, _NUMBERS.pack(FORMAT, len(header)), header, *(a.tobytes() for a in arrays)])
    return content + hashlib.sha256(content).digest()


def from_bytes(digest: str, blank: AnyMemory, state: bytes) -> AnyMemory:
    """The memory of one stream, read back.

    Args:
        digest: of the model.
        blank: the memory of one stream that has read nothing; it is filled.
        state: as `to_bytes` gave it.

    Raises:
        ArtifactError: it is no stream's state, damaged, of a newer format, or of another model's stream.
    """
    if not isinstance(state, bytes | bytearray | memoryview):
        raise ArtifactError(f"a stream's state is bytes and {type(state).__name__} came; give what `stream.state` gave")
    state = bytes(state)
    begin = len(_MAGIC) + _NUMBERS.size
    if state[: len(_MAGIC)] != _MAGIC[: len(state)] or not state:
        raise ArtifactError("these bytes are no stream's state; give what `stream.state` gave")
    content, checksum = state[:-_SUM], state[-_SUM:]
    if len(content) < begin or hashlib.sha256(content).digest() != checksum:
        raise ArtifactError(f"the stream's state is damaged (its SHA-256 is another); {_AGAIN}")
    found, n_header = _NUMBERS.unpack_from(content, len(_MAGIC))
    if found > FORMAT:
        raise ArtifactError(
            f"the stream's state is of format {found}, newer than this lstmkit reads ({FORMAT}); upgrade lstmkit"
        )
    try:
        header = parse_json(content[begin : begin + n_header])
        found_digest, described = header["model"], header["arrays"]
    except (ValueError, KeyError, TypeError) as error:  # the checksum is right, so a program wrote it, but not this one
        raise ArtifactError(f"the stream's state is damaged (its header describes nothing); {_AGAIN}") from error
    if found_digest != digest:
        raise ArtifactError(
            "the stream's state belongs to another model (other weights, vocabulary, scales or labels), or to sound "
            "of another rate; load the model that it came from, or push the sequence again"
        )
    try:
        blank.restore(_arrays_in(content[begin + n_header :], described))
    except (*content_faults(), AttributeError, IndexError, KeyError, TypeError) as error:  # arrays of another kind
        raise ArtifactError(f"the stream's state is damaged (its arrays are not this model's); {_AGAIN}") from error
    return blank


def _arrays_in(content: bytes, described: list[list]) -> dict[str, np.ndarray]:
    """The arrays that a header describes.

    Raises:
        TypeError, ValueError: it describes none, or others than there are bytes for.
    """
    arrays, place = {}, 0
    for name, kind, shape in described:
        dtype = np.dtype(kind)
        if dtype.kind not in "biuf" or not all(type(n) is int and 0 <= n <= len(content) for n in shape):
            raise ValueError("no array of numbers")
        size = dtype.itemsize * prod(shape)
        arrays[name] = (
            np.frombuffer(content[place : place + size], dtype).astype(dtype.newbyteorder("=")).reshape(shape)
        )
        place += size
    if place != len(content):
        raise ValueError("bytes are left over")
    return arrays
