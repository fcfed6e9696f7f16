"""A stream's memory as bytes, for another process or another day.

Layout: the magic, the format's number and the header's length (uint32 each, little-endian), the header (JSON: the
model's digest, and name, type and shape of each array), the arrays end to end (row-major, little-endian), and the
SHA-256 of all before it. Every format to come begins and ends so. Reading it runs no code.
"""

import hashlib
import json
import struct
from math import prod

import numpy as np

from lstmkit.core.errors import ArtifactError
from lstmkit.stream.memory import Memory
from lstmkit.stream.model import StreamingModel

FORMAT = 1
_MAGIC = b"lstmkit\x00stream\x00\x00"
_NUMBERS = struct.Struct("<II")
_CARRIED = "carried."  # before the names of what the reading remembers
_SUM = hashlib.sha256().digest_size
_AGAIN = "push the sequence again, or take the state again with `stream.state`"


def to_bytes(model: StreamingModel, memory: Memory) -> bytes:
    """The memory of one stream as bytes."""
    named = _all_of(memory)
    arrays = {name: np.ascontiguousarray(a, a.dtype.newbyteorder("<")) for name, a in named.items()}
    header = json.dumps({"model": model.digest, "arrays": _described(named)}).encode()
    content = b"".join([_MAGIC, _NUMBERS.pack(FORMAT, len(header)), header, *(a.tobytes() for a in arrays.values())])
    return content + hashlib.sha256(content).digest()


def from_bytes(model: StreamingModel, state: bytes) -> Memory:
    """The memory of one stream, read back.

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
        header = json.loads(content[begin : begin + n_header])
        digest, described = header["model"], header["arrays"]
    except (ValueError, KeyError, TypeError) as error:  # the checksum is right, so a program wrote it, but not this one
        raise ArtifactError(f"the stream's state is damaged (its header describes nothing); {_AGAIN}") from error
    if digest != model.digest:
        raise ArtifactError(
            "the stream's state belongs to another model (other weights, vocabulary or labels), or to sound of another "
            "rate; load the model that it came from, or push the sequence again"
        )
    memory = model.blank(1)
    try:
        _fill(memory, _arrays_in(content[begin + n_header :], described))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the stream's state is damaged (its arrays are not this model's); {_AGAIN}") from error
    return memory


def _fill(memory: Memory, found: dict[str, np.ndarray]) -> None:
    """Take a stream's memory from arrays.

    Raises:
        KeyError, ValueError: they are not such a memory's.
    """
    own = memory.arrays()
    if _described({name: found[name] for name in own}) != _described(own):
        raise ValueError("an array of the memory is of another type or shape")
    memory.carried.restore({name.removeprefix(_CARRIED): found[name] for name in found if name not in own})
    for name, array in own.items():
        array[:] = found[name]


def _all_of(memory: Memory) -> dict[str, np.ndarray]:
    """Every array by name, what is carried among them."""
    return memory.arrays() | {_CARRIED + name: array for name, array in memory.carried.arrays().items()}


def _described(arrays: dict[str, np.ndarray]) -> list[list]:
    """Name, type and shape of each array, as the header has them."""
    return [[name, a.dtype.newbyteorder("<").str, list(a.shape)] for name, a in arrays.items()]


def _arrays_in(content: bytes, described: list[list]) -> dict[str, np.ndarray]:
    """The arrays that a header describes.

    Raises:
        TypeError, ValueError: it describes none, or others than there are bytes for.
    """
    arrays, place = {}, 0
    for name, kind, shape in described:
        dtype = np.dtype(kind)
        if dtype.hasobject or any(n < 0 for n in shape):
            raise ValueError("no array of numbers")
        size = dtype.itemsize * prod(shape)
        arrays[name] = np.frombuffer(content[place : place + size], dtype).reshape(shape)
        place += size
    if place != len(content):
        raise ValueError("bytes are left over")
    return arrays
